/** What ended long ago is forgotten, and nothing that still matters is. */
import test from 'ava';
import { planStateOf } from '../../daemon/core/plan-state.ts';
import { expiredRuns, retentionOf } from '../../daemon/core/retention.ts';
import {
  emptySystem,
  foldSystem,
  type SystemEntry,
  type SystemState,
} from '../../daemon/core/system.ts';
import type { RunClosed, RunOpened } from '../../daemon/core/system-entries.ts';
import { MemoryJournal, type MemoryStore } from '../../daemon/journal/memory.ts';
import { Catalog } from '../../daemon/runner/catalog.ts';
import { EndedRuns } from '../../daemon/runner/ended.ts';
import { silentLog } from '../../daemon/runner/log.ts';
import { Keeper } from '../../daemon/runner/retention.ts';
import { planFor, type Rig, rig, untilRest } from '../_support/engine-on-lab.ts';
import { samplePlan } from '../_support/samples.ts';

const opened = (runId: string, at: number, more: Partial<RunOpened> = {}): RunOpened => ({
  type: 'run-opened',
  at,
  runId,
  planId: '',
  mode: 'device',
  requester: 'ann',
  requestKey: `key of ${runId}`,
  request: '[]',
  ...more,
});

const closed = (runId: string, at: number): RunClosed => ({
  type: 'run-closed',
  at,
  runId,
  result: 'succeeded',
});

const folded = (entries: readonly SystemEntry[]): SystemState =>
  entries.reduce(foldSystem, emptySystem());

const saved = (planId: string, at = 1, name = planId): SystemEntry => ({
  type: 'plan-saved',
  at,
  plan: { ...samplePlan(planId), name },
  etag: `etag ${at}`,
});

test('retention: past the count or past the age → due, the oldest first; open runs never', (t) => {
  const state = folded([
    opened('open', 1),
    ...[1, 2, 3, 4].flatMap((n) => [opened(`r${n}`, n), closed(`r${n}`, 100 * n)]),
  ]);
  const due = (runsMax: number, ageMsMax: number) => expiredRuns(state, { runsMax, ageMsMax }, 500);
  t.deepEqual(due(10, 1_000), []);
  t.deepEqual(due(4, 1_000), []);
  t.deepEqual(due(3, 1_000), ['r1']);
  t.deepEqual(due(1, 1_000), ['r1', 'r2', 'r3']);
  t.deepEqual(due(10, 299), ['r1', 'r2']);
  t.is(retentionOf({ runs: 7, days: 2 }).ageMsMax, 172_800_000);
});

test('retention: runs opened, ended, stated anew → those that are open are known, in order', (t) => {
  const opens = ['b', 'a', 'c'].map((runId, at) => opened(runId, at));
  const state = folded([...opens, closed('a', 4)]);
  t.deepEqual([...state.openRuns.keys()], ['b', 'c']);
  const kept: SystemEntry = { type: 'runs-kept', at: 5, runs: [...state.runs.values()] };
  for (const again of [folded([kept]), foldSystem(state, kept)]) {
    t.deepEqual([...again.openRuns.keys()], ['b', 'c']);
    foldSystem(again, closed('b', 6));
    t.deepEqual([...again.openRuns.keys()], ['c']);
  }
});

test('retention: the run that decides what a plan is ready for stays as long as the plan', (t) => {
  const run = (runId: string, at: number, mode: RunOpened['mode']): SystemEntry[] => [
    opened(runId, at, { planId: 'p', mode }),
    closed(runId, at),
  ];
  const entries = [saved('p'), ...run('first', 1, 'planned'), ...run('moved', 2, 'planned')];
  const state = folded([...entries, ...run('later', 3, 'device')]);
  t.deepEqual(expiredRuns(state, { runsMax: 0, ageMsMax: 1 }, 1_000), ['first', 'later']);
  foldSystem(state, { type: 'runs-forgotten', at: 4, runIds: ['first', 'later'] });
  t.is(planStateOf(state, 'p'), 'failed-over');
  foldSystem(state, { type: 'plan-deleted', at: 5, planId: 'p' });
  t.deepEqual(expiredRuns(state, { runsMax: 0, ageMsMax: 1 }, 1_000), ['moved']);
});

test('retention: a test whose copies were not removed stays, whatever came after it', (t) => {
  const run = (runId: string, at: number, mode: RunOpened['mode']): SystemEntry[] => [
    opened(runId, at, { planId: 'p', mode }),
    closed(runId, at),
  ];
  const state = folded([saved('p'), ...run('tried', 1, 'test'), ...run('moved', 2, 'disaster')]);
  const due = () => expiredRuns(state, { runsMax: 0, ageMsMax: 1 }, 1_000);
  t.deepEqual(due(), []);
  for (const entry of run('removed', 3, 'cleanup')) foldSystem(state, entry);
  t.deepEqual(due(), ['tried'], 'the newest of its tests says that nothing is left');
});

const device = async ({ engine }: Rig, requestKey: string): Promise<string> => {
  const { runId } = await engine.startDeviceRun({
    verb: 'sync',
    arrayId: 'lab-a',
    targets: [{ id: 'cg-0001', deviceIds: [] }],
    args: {},
    requester: 'ann',
    requestKey,
    initiatorId: '',
  });
  await untilRest(engine, runId);
  return runId;
};

test('retention: forgotten → RUN_EXPIRED and REQUEST_EXPIRED, never a new run', async (t) => {
  const made = await rig({ groups: 1, retention: { runsMax: 2, ageMsMax: 1e9 } });
  await made.engine.createPlan(planFor(1));
  const { runId: tested } = await made.engine.startRun({
    planId: 'payroll',
    mode: 'test',
    requester: 'ann',
    requestKey: 'test',
    policies: {},
  });
  await untilRest(made.engine, tested);
  const runIds: string[] = [];
  const keys = ['k1', 'k2', 'k3', 'k4', 'k5'];
  for (const key of keys) runIds.push(await device(made, key));
  const [first = '', , , , last = ''] = runIds;
  for (const restarted of [false, true]) {
    if (restarted) await made.restart();
    await made.engine.tidied();
    const { engine } = made;
    const kept = engine.listRuns({ openOnly: false }).map(({ runId }) => runId);
    t.deepEqual(kept, [...runIds.slice(-2).reverse(), tested]);
    const streams = (await made.journal.streams()).map(({ stream }) => stream);
    t.deepEqual(streams, [...kept, 'system'].sort());
    const gone = { reason: 'RUN_EXPIRED', subject: first };
    t.like(await t.throwsAsync(engine.getRun(first, 'full')), gone);
    t.like(await t.throwsAsync(engine.reportRun(first)), gone);
    t.like(await t.throwsAsync(engine.cancelRun(first, 'ann', '')), gone);
    t.like(
      t.throws(() => engine.watchRun(first, 0, AbortSignal.abort())),
      gone,
    );
    t.like(await t.throwsAsync(engine.getRun('never', 'full')), { reason: 'RUN_NOT_FOUND' });
    t.like(await t.throwsAsync(device(made, 'k1')), { reason: 'REQUEST_EXPIRED', subject: 'k1' });
    t.is(await device(made, 'k5'), last);
    t.is((await engine.getRun(last, 'full')).result, 'succeeded');
    t.is(engine.getPlan('payroll').state, 'tested');
  }
});

/** The state as plain data; only the order of runs has a meaning. */
const facts = (state: SystemState) => ({
  ...state,
  plans: [...state.plans].sort(),
  lostSites: [...state.lostSites].sort(),
  inventory: [...state.inventory].sort(),
  runs: [...state.runs],
  requests: [...state.requests].sort(),
  runsOf: [...state.runsOf].sort(),
  forgotten: [...state.forgotten].sort(),
  restatedChars: 0,
});

const catalogOf = (store: MemoryStore) => Catalog.open(new MemoryJournal({ store }));

/** The journal after a crash: without the first `from` and from the `to`-th entry on. */
const cutOf = (bodies: readonly string[], from: number, to = bodies.length): MemoryStore => {
  const left = bodies.slice(0, to);
  for (let at = 0; at < from; at++) delete left[at];
  return new Map([['system', left]]);
};

const large = 'x'.repeat(400_000);

/** A history of which little is left: plans changed, turned round and deleted, runs forgotten. */
const history: readonly SystemEntry[] = [
  ...['a', 'b', 'c'].flatMap((id) => [saved(id, 1, large), saved(id, 2)]),
  { type: 'plan-deleted', at: 3, planId: 'c' },
  { type: 'site-lost', at: 4, siteId: 's1', requester: 'ann', reason: 'fire' },
  { type: 'site-lost', at: 5, siteId: 's2', requester: 'ann', reason: 'water' },
  { type: 'site-reachable', at: 6, siteId: 's2', requester: 'ann', reason: 'dry' },
  ...['r1', 'r2', 'r3'].flatMap((id) => [opened(id, 7), closed(id, 8)]),
  { type: 'runs-forgotten', at: 9, runIds: ['r1', 'r2'] },
  opened('t1', 10, { planId: 'a', mode: 'reprotect' }),
  closed('t1', 11),
  opened('t2', 12, { planId: 'b', mode: 'reprotect' }),
];

/** What people and runs do while the catalog is stated anew, each at another moment. */
const meanwhile: readonly SystemEntry[] = [
  closed('t2', 20),
  opened('r4', 21),
  saved('d', 22),
  closed('r4', 23),
  { type: 'site-reachable', at: 24, siteId: 's1', requester: 'ann', reason: 'out' },
  opened('t3', 25, { planId: 'b', mode: 'reprotect' }),
  closed('t3', 26),
];

for (let shift = 0; shift < 6; shift++) {
  test(`retention: stated anew, others write from sync ${shift} on; a crash anywhere → the same`, async (t) => {
    let syncs = -1;
    const writes: Promise<void>[] = [];
    const left = [...meanwhile];
    const sync = async (): Promise<void> => {
      if (syncs >= 0 && syncs++ >= shift && left.length > 0)
        writes.push(catalog.append(left.splice(0, 1)));
    };
    const journal = new MemoryJournal({ sync });
    const catalog = await Catalog.open(journal);
    for (const entry of history) await catalog.append([entry]);
    const keeper = new Keeper({
      catalog,
      journal,
      clock: { now: () => 30 },
      ended: new EndedRuns(),
      retention: { runsMax: 100, ageMsMax: 1e9 },
      log: silentLog,
    });
    syncs = 0;
    const all: string[] = [];
    const trim = journal.trim.bind(journal);
    journal.trim = async (...asked) => {
      all.push(...(journal.store.get('system') ?? []));
      return trim(...asked);
    };
    keeper.wake();
    await keeper.idle();
    for (const entry of left.splice(0)) await catalog.append([entry]);
    await Promise.all(writes);

    const bodies = journal.store.get('system') ?? [];
    const oldest = bodies.findIndex((_, at) => at in bodies);
    t.is(oldest, history.length, 'the history is trimmed');
    t.deepEqual(facts((await catalogOf(journal.store)).state), facts(catalog.state));
    const whole = [...all.slice(0, oldest), ...bodies.slice(oldest)];
    for (let from = 0; from <= oldest; from++) {
      const { state } = await catalogOf(cutOf(whole, from));
      t.deepEqual(facts(state), facts(catalog.state), `trimmed up to ${from}`);
    }
    const written = new Set([...history, ...meanwhile].map((entry) => JSON.stringify(entry)));
    for (let to = oldest; to <= whole.length; to++) {
      const others = whole.slice(0, to).filter((body, at) => at < oldest || written.has(body));
      const expected = await catalogOf(cutOf(others, 0));
      const { state } = await catalogOf(cutOf(whole, 0, to));
      t.deepEqual(facts(state), facts(expected.state), `written up to ${to}`);
    }
  });
}
