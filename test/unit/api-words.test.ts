import test from 'ava';
import { pageOf, sortedBy } from '../../daemon/api/pages.ts';
import * as vocabulary from '../../daemon/api/vocabulary.ts';
import { words } from '../../daemon/api/words.ts';
import { SiteswapError } from '../../daemon/core/errors.ts';
import * as common from '../../proto/gen/siteswap/v1/common.ts';
import * as inventory from '../../proto/gen/siteswap/v1/inventory.ts';
import * as plan from '../../proto/gen/siteswap/v1/plan.ts';
import * as repair from '../../proto/gen/siteswap/v1/repair.ts';
import * as replication from '../../proto/gen/siteswap/v1/replication.ts';
import * as run from '../../proto/gen/siteswap/v1/run.ts';
import * as site from '../../proto/gen/siteswap/v1/site.ts';

test('words: every word has its enum value, and every value but the two unknowns its word', (t) => {
  const pairs = [
    [vocabulary.kinds, common.FaultKind],
    [vocabulary.owners, common.FaultOwner],
    [vocabulary.modes, common.Mode],
    [vocabulary.units, common.Unit],
    [vocabulary.sides, common.Side],
    [vocabulary.actions, common.PolicyActionType],
    [vocabulary.reaches, common.Reach],
    [vocabulary.remoteKinds, inventory.RemoteKind],
    [vocabulary.remoteHealths, inventory.RemoteHealth],
    [vocabulary.directions, inventory.Direction],
    [vocabulary.accesses, inventory.Access],
    [vocabulary.updateModes, inventory.UpdateMode],
    [vocabulary.pairs, inventory.PairState],
    [vocabulary.powers, inventory.PowerState],
    [vocabulary.instances, inventory.Instance],
    [vocabulary.planStates, plan.PlanState],
    [vocabulary.recoveryStates, site.RecoveryState],
    [vocabulary.differenceKinds, repair.DifferenceKind],
    [vocabulary.divergedChoices, run.DivergedChoice],
    [vocabulary.undos, plan.Undo],
    [vocabulary.paths, plan.Path],
    [vocabulary.gateKinds, plan.GateKind],
    [vocabulary.statuses, run.RunStatus],
    [vocabulary.results, run.RunResult],
    [vocabulary.tasks, run.TaskStatus],
    [vocabulary.eventTypes, run.RunEventType],
    [vocabulary.decisions, run.Decision],
    [vocabulary.taskDirections, run.TaskDirection],
    [vocabulary.outcomes, run.ItemOutcome],
    [vocabulary.syncStates, replication.SyncState],
  ] as const;
  for (const [{ decode }, values] of pairs) {
    for (const [name, value] of Object.entries(values)) {
      const unknown = name === 'UNSPECIFIED' || name === 'UNRECOGNIZED';
      t.is(decode(value) === undefined, unknown, value);
    }
  }
});

test('words: a word and its value lead to each other', (t) => {
  const list = words('RUN_STATUS', ['running', 'rolling-back', 'a-b-c'] as const);
  t.is(list.encode('rolling-back'), 'RUN_STATUS_ROLLING_BACK');
  t.is(list.encode('a-b-c'), 'RUN_STATUS_A_B_C');
  t.is(list.decode('RUN_STATUS_ROLLING_BACK'), 'rolling-back');
  t.is(list.decode('RUN_STATUS_UNSPECIFIED'), undefined);
});

const keyOf = ({ id }: { id: string }) => id;
const items = (...ids: string[]) =>
  sortedBy(
    ids.map((id) => ({ id })),
    keyOf,
  );
const read = (all: readonly { id: string }[], pageSize: number, pageToken = '') =>
  pageOf('letters', all, keyOf, { pageSize, pageToken });

test('pages: items that come and go between two pages shift nothing', (t) => {
  const first = read(items('d', 'b', 'a', 'c'), 2);
  t.deepEqual(first.items.map(keyOf), ['a', 'b']);
  const second = read(items('aa', 'c', 'd', 'e'), 2, first.nextPageToken);
  t.deepEqual(second.items.map(keyOf), ['c', 'd']);
  const third = read(items('c', 'd', 'e'), 2, second.nextPageToken);
  t.deepEqual(third, { items: [{ id: 'e' }], nextPageToken: '' });
});

test('pages: a list that ends with its page has no next one', (t) => {
  t.is(read(items('a', 'b'), 2).nextPageToken, '');
  t.is(read([], 2).nextPageToken, '');
});

test('pages: size 0 is 100, a size above 1,000 is 1,000', (t) => {
  const all = Array.from({ length: 2_000 }, (_, at) => ({ id: String(at).padStart(5, '0') }));
  t.is(read(all, 0).items.length, 100);
  t.is(read(all, 5_000).items.length, 1_000);
});

test('pages: a token of another list, or of nobody, is refused', (t) => {
  const { nextPageToken } = pageOf('other', items('a', 'b'), keyOf, { pageSize: 1, pageToken: '' });
  for (const token of [nextPageToken, 'nonsense', Buffer.from('[1]').toString('base64url')]) {
    const error = t.throws(() => read(items('a'), 1, token), { instanceOf: SiteswapError });
    t.is(error.reason, 'PAGE_TOKEN_INVALID');
  }
});
