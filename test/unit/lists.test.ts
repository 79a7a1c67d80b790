/** What remotes are asked for their lists, and what they need not be asked again. */
import test from 'ava';
import { sameFacts } from '../../daemon/runner/facts.ts';
import { failed, Lists } from '../../daemon/runner/lists.ts';
import type { ListingJob, ListingResult, Pool, RemoteConfig } from '../../daemon/workers/pool.ts';
import type { Fault } from '../../sdk/plugin/fault.ts';
import { ManualClock } from '../_support/manual-clock.ts';

const remote: RemoteConfig = {
  id: 'c',
  kind: 'compute',
  siteId: 's',
  pluginId: 'p',
  module: 'm',
  config: {},
};

/** Pages answered in turn; and what was asked for them. */
const listsOver = (answers: readonly Omit<ListingResult, 'kind'>[]) => {
  const asked: ListingJob['page'][] = [];
  const run = async (job: ListingJob) => {
    asked.push(job.page);
    return { kind: 'listing', ...answers[asked.length - 1] };
  };
  const pool = { run } as unknown as Pool;
  return { lists: new Lists(pool, new ManualClock()), asked };
};

const items = (...ids: readonly string[]) => ids.map((id) => ({ id }));

test('a list (pages=2) that its plugin vouches for is the very same one, for one question', async (t) => {
  const { lists, asked } = listsOver([
    { items: items('1'), next: 'n', revision: 'r' },
    { items: items('2') },
    { items: [], unchanged: true },
  ]);
  const whole = await lists.whole(remote, 'listVms');
  t.deepEqual(whole, items('1', '2'));
  t.is(await lists.whole(remote, 'listVms'), whole);
  t.deepEqual(
    asked.map(({ token, since }) => [token, since]),
    [
      [undefined, undefined],
      ['n', undefined],
      [undefined, 'r'],
    ],
  );
});

test('a list that changed, and one whose plugin stops vouching, are taken anew', async (t) => {
  const { lists, asked } = listsOver([
    { items: items('1'), revision: 'r' },
    { items: items('2'), revision: 'q' },
    { items: items('3') },
    { items: items('4') },
  ]);
  for (const id of ['1', '2', '3', '4']) {
    t.deepEqual(await lists.whole(remote, 'listVms'), items(id));
  }
  t.deepEqual(
    asked.map(({ since }) => since),
    [undefined, 'r', 'q', undefined],
  );
});

test('each list of each remote has a revision of its own', async (t) => {
  const { lists, asked } = listsOver([
    { items: items('1'), revision: 'r' },
    { items: items('2') },
    { items: items('3') },
  ]);
  await lists.whole(remote, 'listVms');
  await lists.whole(remote, 'listDatastores');
  await lists.whole({ ...remote, id: 'd' }, 'listVms');
  t.deepEqual(
    asked.map(({ since }) => since),
    [undefined, undefined, undefined],
  );
});

test('a list that an equal one replaced is that one while its plugin vouches for it', async (t) => {
  const { lists } = listsOver([
    { items: items('1'), revision: 'r' },
    { items: [], unchanged: true },
  ]);
  await lists.whole(remote, 'listVms');
  const recorded = items('1');
  lists.replace('c', 'listVms', recorded);
  t.is(await lists.whole(remote, 'listVms'), recorded);
});

test('evidence is the same by what it says, not by when, and not in part', (t) => {
  const { id, kind, siteId, pluginId } = remote;
  const vm = { name: '', datastoreIds: [], power: 'on', instance: 'production' } as const;
  const evidence = (observedAtMs: number, ids: readonly string[]) => ({
    remote: { id, kind, siteId, pluginId },
    observedAtMs,
    arrays: [],
    devices: [],
    vms: ids.map((id) => ({ id, ...vm })),
    datastores: [],
  });
  const many = Array.from({ length: 1_001 }, (_, n) => `vm-${n}`);
  t.true(sameFacts(evidence(1, many), evidence(2, many)));
  t.false(sameFacts(evidence(1, many), evidence(1, many.slice(1))));
  t.false(sameFacts(evidence(1, many), evidence(1, [...many.slice(0, -1), 'vm-x'])));
  const one = evidence(1, ['1']);
  t.false(sameFacts(one, { ...one, remote: { ...one.remote, siteId: 'other' } }));
});

test('a fault that names its remote already → named once; any other → the remote is put before', (t) => {
  const told = (message: string) =>
    failed(remote, { kind: 'unreachable', owner: 'array', message, code: 'X' } as Fault).message;
  t.is(told('compute c does not answer: gone'), 'compute "c" does not answer: gone');
  t.is(told('compute cc does not answer'), 'compute "c": compute cc does not answer');
  t.is(told('no route'), 'compute "c": no route');
});
