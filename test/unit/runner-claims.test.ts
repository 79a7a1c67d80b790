/** Runs that are open together and have VMs in common: no operation is done twice. */
import test from 'ava';
import type { Mode, Plan } from '../../daemon/core/plan.ts';
import type { ItemReport } from '../../daemon/core/view.ts';
import { fault } from '../../sdk/plugin/fault.ts';
import { type Rig, rig, untilRest } from '../_support/engine-on-lab.ts';
import { planOf, sharing, vmsPerGroup } from '../_support/two-plans.ts';

const start = async ({ engine }: Rig, planId: string, mode: Mode = 'planned'): Promise<string> => {
  const request = { planId, mode, requester: 'ann', requestKey: '', policies: {} };
  return (await engine.startRun(request)).runId;
};

const resultOf = async ({ engine }: Rig, runId: string) => {
  const { status, result, attention, notes } = await engine.getRun(runId, 'full');
  const left = notes.filter(({ state }) => state !== 'done-elsewhere');
  return { status, result, attention, left };
};

const succeeded = { status: 'ended', result: 'succeeded', attention: '', left: [] };

const outcomes = async ({ engine }: Rig, runId: string, outcome: ItemReport['outcome']) =>
  (await engine.reportRun(runId)).items.filter((item) => item.outcome === outcome);

/** How many initiators have done it to each object. */
const timesDone = async ({ lab }: Rig, verb: 'failover' | 'powerOn'): Promise<number[]> =>
  Object.values(await lab.initiators(verb)).map((initiators) => initiators.length);

const shared = async (world: Parameters<typeof rig>[0] = {}) => {
  const made = await rig({ groups: 3, vms: vmsPerGroup, ...world });
  await made.engine.createPlan(planOf('east', [1, 2]));
  await made.engine.createPlan(planOf('west', [2, 3]));
  return made;
};

/** A run goes on for long enough that another one is opened meanwhile. */
const slow = { operationMs: { sync: 500 } };

test('two plans share 30 of 100 VMs, started together → each is failed over once, by the first', async (t) => {
  const { groups, east, west, vms, shared: inBoth } = sharing;
  const made = await rig({ groups, vms: vmsPerGroup, world: slow });
  await made.engine.createPlan(east);
  await made.engine.createPlan(west);
  const runIds = await Promise.all([start(made, 'east'), start(made, 'west')]);
  await Promise.all(runIds.map((runId) => untilRest(made.engine, runId)));
  for (const runId of runIds) t.deepEqual(await resultOf(made, runId), succeeded);
  const powered = await timesDone(made, 'powerOn');
  t.is(powered.length, vms);
  t.true(powered.every((times) => times === 1));
  t.deepEqual(await timesDone(made, 'failover'), Array(groups).fill(1));
  const skipped = await Promise.all(runIds.map((runId) => outcomes(made, runId, 'done-elsewhere')));
  const later = skipped[0]?.length === 0 ? 1 : 0;
  t.is(skipped[1 - later]?.length, 0);
  const items = skipped[later] ?? [];
  t.is(items.filter(({ unit }) => unit === 'vm').length, inBoth);
  t.is(items.filter(({ unit }) => unit === 'storage').length, inBoth / vmsPerGroup);
  t.true(items.every(({ why }) => why === `run ${runIds[1 - later]} did it`));
  t.deepEqual(await made.lab.verify(), []);
});

test('a run that waits says for whom, and is neither parked nor ended', async (t) => {
  const made = await shared({ world: slow });
  const [east, west] = [await start(made, 'east'), await start(made, 'west')];
  const types: string[] = [];
  let waiting = 0;
  for await (const page of made.engine.watchRun(west, 0, new AbortController().signal)) {
    for (const { body } of page.events) {
      const entry = JSON.parse(body) as { type: string; runIds?: string[] };
      types.push(entry.type);
      if (entry.type !== 'claim-waits' || entry.runIds?.length === 0) continue;
      t.deepEqual(entry.runIds, [east]);
      const { workgroups, status } = await made.engine.getRun(west, 'full');
      t.is(status, 'running');
      waiting += workgroups.filter(({ waitsFor }) => waitsFor === `run ${east}`).length;
    }
  }
  t.true(waiting > 0);
  t.false(types.includes('run-parked'));
  await untilRest(made.engine, east);
  t.deepEqual(await resultOf(made, west), succeeded);
  t.true((await timesDone(made, 'powerOn')).every((times) => times === 1));
});

test('what the first run gives up is done by the one that waits', async (t) => {
  const effect = { effect: 'error', fault: fault('refused', 'no') } as const;
  const made = await shared({
    rules: [{ name: 'no', step: 'final-sync', direction: 'run', budget: 2, effect }],
  });
  const east = await start(made, 'east');
  await untilRest(made.engine, east);
  const west = await start(made, 'west');
  const parked = `run ${east}, parked`;
  const waits = async () =>
    (await made.engine.getRun(west, 'full')).workgroups.map(({ waitsFor }) => waitsFor);
  while (!(await waits()).includes(parked)) await new Promise((resolve) => setImmediate(resolve));
  t.is((await made.engine.getRun(west, 'basic')).status, 'running');
  await made.engine.resumeRun(east, { requester: 'ann', decision: 'abandon', policies: {} });
  await untilRest(made.engine, west);
  t.deepEqual(await resultOf(made, west), succeeded);
  t.deepEqual(await outcomes(made, west, 'done-elsewhere'), []);
});

test('a daemon that ends while one run waits: after the restart each VM is failed over once', async (t) => {
  const made = await shared({ world: slow });
  const [east, west] = [await start(made, 'east'), await start(made, 'west')];
  await made.restart();
  await Promise.all([untilRest(made.engine, east), untilRest(made.engine, west)]);
  for (const runId of [east, west]) t.deepEqual(await resultOf(made, runId), succeeded);
  t.true((await timesDone(made, 'powerOn')).every((times) => times === 1));
  t.is((await outcomes(made, west, 'done-elsewhere')).length, vmsPerGroup + 1);
});

test('a run that begins when the first has ended is judged by what the sites say, not by claims', async (t) => {
  const made = await shared();
  const east = await start(made, 'east');
  await untilRest(made.engine, east);
  const west = await start(made, 'west');
  await untilRest(made.engine, west);
  t.is((await made.engine.getRun(west, 'basic')).status, 'ended');
  t.deepEqual(await outcomes(made, west, 'done-elsewhere'), []);
});

/** A plan whose second group has no VMs of its own. */
const bareSecond = (plan: Plan): Plan => ({
  ...plan,
  protectionGroups: plan.protectionGroups.map((one) =>
    one.groups[0]?.id === 'cg-0002' ? { ...one, vms: [] } : one,
  ),
});

test('what a later run counts as done is not undone: the first one is stuck on it, and says why', async (t) => {
  const effect = { effect: 'error', fault: fault('refused', 'no') } as const;
  const made = await rig({
    groups: 3,
    vms: vmsPerGroup,
    rules: [{ name: 'no', step: 'register', direction: 'run', budget: 20, effect }],
  });
  await made.engine.createPlan(bareSecond(planOf('east', [1, 2])));
  await made.engine.createPlan(bareSecond(planOf('west', [2, 2])));
  const east = await start(made, 'east', 'test');
  await untilRest(made.engine, east);
  const west = await start(made, 'west', 'test');
  await untilRest(made.engine, west);
  t.is((await outcomes(made, west, 'done-elsewhere')).length, 1);
  t.deepEqual(await resultOf(made, west), succeeded);
  const cursor = (await made.engine.getRun(east, 'basic')).cursor;
  await made.engine.resumeRun(east, { requester: 'ann', decision: 'rollback', policies: {} });
  const types = await untilRest(made.engine, east, cursor);
  t.true(types.includes('undo-refused'));
  const stuck = await made.engine.getRun(east, 'full');
  t.is(stuck.status, 'stuck');
  t.regex(stuck.attention, new RegExp(`run ${west} counts it as done`));
  await made.engine.resumeRun(east, { requester: 'ann', decision: 'skip', policies: {} });
  await untilRest(made.engine, east, stuck.cursor);
  const left = (await made.engine.getRun(east, 'full')).notes.filter(
    ({ state }) => state === 'not-undone',
  );
  t.deepEqual(
    left.map(({ itemId }) => itemId),
    ['lab-a/cg-0002'],
  );
});

test('64 plans of one group, started at once → each is a run, and one of them moves the group', async (t) => {
  const made = await rig({ groups: 1, vms: 2, world: { operationMs: { sync: 2_000 } } });
  const planIds = Array.from({ length: 64 }, (_, n) => `plan-${n}`);
  for (const planId of planIds) await made.engine.createPlan(planOf(planId, [1, 1], 2));
  const runIds = await Promise.all(planIds.map((planId) => start(made, planId)));
  await Promise.all(runIds.map((runId) => untilRest(made.engine, runId)));
  for (const runId of runIds) t.deepEqual(await resultOf(made, runId), succeeded);
  t.deepEqual(await timesDone(made, 'powerOn'), [1, 1]);
  t.deepEqual(await timesDone(made, 'failover'), [1]);
});
