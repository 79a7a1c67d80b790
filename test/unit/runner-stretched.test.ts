/** Whole runs over stretched storage, alone and beside plain, on a world that keeps the rules. */
import test from 'ava';
import type { Decision } from '../../daemon/core/entries.ts';
import type { Mode, Plan } from '../../daemon/core/plan.ts';
import { defaultOptions } from '../../daemon/planner/defaults.ts';
import { planFor, type Rig, rig, untilRest } from '../_support/engine-on-lab.ts';

/** `cg-0001` is plain and has vm 1 and 2; `cg-0002` and `cg-0003` are stretched: vm 3 to 6. */
const mixedRig = (): Promise<Rig> => rig({ groups: 1, vms: 2, world: { stretched: 2 } });

const live = { options: { ...defaultOptions, liveMigration: true } };

const mixedPlan = (more: Partial<Plan> = {}): Plan => ({ ...planFor(3, 2, live), ...more });

const run = async ({ engine }: Rig, mode: Mode): Promise<string> => {
  const { runId } = await engine.startRun({
    planId: 'payroll',
    mode,
    requester: 'tester',
    requestKey: '',
    policies: {},
  });
  await untilRest(engine, runId);
  return runId;
};

/** Decides, and follows the run until it is parked again or has ended. */
const resume = async ({ engine }: Rig, runId: string, decision: Decision): Promise<void> => {
  const { cursor } = await engine.getRun(runId, 'basic');
  await engine.resumeRun(runId, { requester: 'tester', decision, policies: {} });
  await untilRest(engine, runId, cursor);
};

const viewOf = ({ engine }: Rig, runId: string) => engine.getRun(runId, 'full');

/** VM id → compute at which it is on, with its boot. */
const whereIn = async ({ lab }: Rig, ids: readonly number[]) => {
  const found: Record<number, string> = {};
  for (const id of ids) {
    const runs = await lab.runs(`vm-0000${id}`);
    found[id] = runs.map(({ computeId }) => computeId.slice(-1)).join('');
  }
  return found;
};

const bootsIn = async ({ lab }: Rig, ids: readonly number[]) => {
  const runs = await Promise.all(ids.map((id) => lab.runs(`vm-0000${id}`)));
  return runs.flat().map(({ bootId }) => bootId);
};

/** Stretched group number → the site that its device prefers, by the array of site A. */
const preferences = async ({ lab }: Rig) => {
  const { devices } = await lab.snapshot();
  return Object.values(devices['lab-a'] ?? {}).flatMap(({ preferredSiteId }) =>
    preferredSiteId === undefined ? [] : [preferredSiteId],
  );
};

const migrationsStarted = async ({ lab }: Rig): Promise<string[]> =>
  (await lab.effects('migrateLive')).map(({ id }) => id).sort();

test('planned, mixed: stretched VMs go over in the same boot, plain ones start anew', async (t) => {
  const made = await mixedRig();
  await made.engine.createPlan(mixedPlan());
  const before = await bootsIn(made, [3, 4, 5, 6]);
  const view = await viewOf(made, await run(made, 'planned'));
  t.is(view.result, 'succeeded', `${view.attention} ${JSON.stringify(view.notes)}`);
  t.deepEqual(await bootsIn(made, [3, 4, 5, 6]), before);
  t.deepEqual(await whereIn(made, [1, 2, 3, 4, 5, 6]), {
    1: 'b',
    2: 'b',
    3: 'b',
    4: 'b',
    5: 'b',
    6: 'b',
  });
  t.deepEqual(await preferences(made), ['site-b', 'site-b']);
  t.deepEqual(await made.lab.verify(), []);
  const shutDown = (await made.lab.effects('shutDown')).map(({ id }) => id);
  t.deepEqual(shutDown.sort(), ['vm-00001', 'vm-00002'], 'the control: plain VMs do stop');
});

test('planned, reprotect and back: each ends well, live both ways', async (t) => {
  const made = await mixedRig();
  await made.engine.createPlan(mixedPlan());
  const before = await bootsIn(made, [3, 4, 5, 6]);
  for (const mode of ['planned', 'reprotect', 'planned', 'reprotect'] as const) {
    const view = await viewOf(made, await run(made, mode));
    t.is(view.result, 'succeeded', `${mode}: ${view.attention} ${JSON.stringify(view.notes)}`);
    t.deepEqual(await made.lab.verify(), []);
  }
  t.deepEqual(await bootsIn(made, [3, 4, 5, 6]), before);
  t.deepEqual(await preferences(made), ['site-a', 'site-a']);
});

test('planned, liveMigration off → stretched VMs stop and start, nothing migrates', async (t) => {
  const made = await mixedRig();
  await made.engine.createPlan(mixedPlan({ options: defaultOptions }));
  const view = await viewOf(made, await run(made, 'planned'));
  t.is(view.result, 'succeeded', view.attention);
  t.deepEqual(await migrationsStarted(made), []);
  t.is((await made.lab.effects('shutDown')).length, 6);
  t.deepEqual(await preferences(made), ['site-b', 'site-b']);
  t.deepEqual(await made.lab.verify(), []);
});

test('switch refused on one device → its VMs stay untouched, others go; retry ends it', async (t) => {
  const made = await mixedRig();
  await made.engine.createPlan(mixedPlan());
  const order = { verb: 'setSitePreference', targetIds: ['cg-0002'], kind: 'refused' } as const;
  await made.lab.failNext(order);
  const runId = await run(made, 'planned');
  const view = await viewOf(made, runId);
  t.is(view.status, 'parked');
  t.deepEqual(await migrationsStarted(made), ['vm-00005', 'vm-00006']);
  t.deepEqual(await whereIn(made, [1, 2, 3, 4]), { 1: 'b', 2: 'b', 3: 'a', 4: 'a' });
  t.deepEqual(await preferences(made), ['site-a', 'site-b']);

  await resume(made, runId, 'retry');
  t.is((await viewOf(made, runId)).result, 'succeeded');
  t.deepEqual(await preferences(made), ['site-b', 'site-b']);
  t.deepEqual(await made.lab.verify(), []);
});

test('migration refused for one VM → it stops alone; a retry calls only for that one', async (t) => {
  const made = await mixedRig();
  await made.engine.createPlan(mixedPlan());
  await made.lab.failNext({ verb: 'migrateLive', targetIds: ['vm-00003'], kind: 'refused' });
  const runId = await run(made, 'planned');
  t.is((await viewOf(made, runId)).status, 'parked');
  t.deepEqual(await whereIn(made, [3, 4]), { 3: 'a', 4: 'b' });
  const moved = await bootsIn(made, [4, 5, 6]);

  await resume(made, runId, 'retry');
  t.is((await viewOf(made, runId)).result, 'succeeded');
  t.deepEqual(await bootsIn(made, [4, 5, 6]), moved);
  const times = (await made.lab.effects('migrateLive')).map(({ times: effects }) => effects);
  t.deepEqual(times, [1, 1, 1, 1]);
});

test('given up, run anew → VMs that went over keep their boot, nobody calls for them', async (t) => {
  const made = await mixedRig();
  await made.engine.createPlan(mixedPlan());
  await made.lab.failNext({ verb: 'migrateLive', targetIds: ['vm-00003'], kind: 'refused' });
  const first = await run(made, 'planned');
  const moved = await bootsIn(made, [4, 5, 6]);
  await resume(made, first, 'abandon');
  const plan = made.engine.getPlan('payroll');
  // What went the cold way has arrived: only the stretched groups are run again.
  const again = mixedPlan({ protectionGroups: mixedPlan().protectionGroups.slice(1) });
  await made.engine.updatePlan(again, plan.etag);
  const view = await viewOf(made, await run(made, 'planned'));
  t.is(view.result, 'succeeded', `${view.attention} ${JSON.stringify(view.notes)}`);
  t.deepEqual(await bootsIn(made, [4, 5, 6]), moved);
  t.deepEqual(await whereIn(made, [3]), { 3: 'b' });
  t.is((await made.lab.effects('migrateLive')).length, 4);
});

test('rollback, no VM of a device went over → its preference goes back; else it stays', async (t) => {
  const made = await rig({ groups: 0, vms: 2, world: { stretched: 2 } });
  const refuse = (id: string) =>
    made.lab.failNext({ verb: 'migrateLive', targetIds: [id], kind: 'refused' });
  for (const id of ['vm-00001', 'vm-00002', 'vm-00003']) await refuse(id);
  await made.engine.createPlan(planFor(2, 2, live));
  const runId = await run(made, 'planned');
  await resume(made, runId, 'rollback');
  const view = await viewOf(made, runId);
  t.is(view.result, 'incomplete', view.attention);
  t.deepEqual(await preferences(made), ['site-a', 'site-b']);
  t.deepEqual(await whereIn(made, [1, 2, 3, 4]), { 1: 'a', 2: 'a', 3: 'a', 4: 'b' });
  const report = await made.engine.reportRun(runId);
  const said = Object.fromEntries(
    report.items.map(({ itemId, outcome, why }) => [itemId, [outcome, why]]),
  );
  t.deepEqual(said['vm-00004'], ['not-undone', 'stays as live-migrate left it']);
  t.deepEqual(said['lab-a/cg-0002'], ['not-undone', 'vm-00004 on it stays']);
  t.is(said['lab-a/cg-0001']?.[0], 'undone');
  t.deepEqual(await made.lab.verify(), []);
});

test('disaster → the lost side is fenced without a call to it, a writer there fails', async (t) => {
  const made = await mixedRig();
  await made.engine.createPlan(mixedPlan());
  await made.lab.loseSite('site-a', { vms: 'keep' });
  await made.engine.declareLost('site-a', 'tester', 'fire');
  const view = await viewOf(made, await run(made, 'disaster'));
  t.is(view.result, 'succeeded', `${view.attention} ${JSON.stringify(view.notes)}`);
  for (const id of ['lab-a', 'lab-compute-a']) t.is((await made.lab.calls(id)).whileDown, 0);
  t.is((await made.lab.effects('fence')).length, 2);
  await made.lab.returnSite('site-a');
  t.deepEqual(await made.lab.verify(), []);
  const { devices } = await made.lab.snapshot();
  const stretched = Object.entries(devices['lab-a'] ?? {}).filter(
    ([, view]) => view.preferredSiteId,
  );
  for (const [deviceId] of stretched) {
    t.is(await made.lab.write('lab-a', deviceId), 'refused', deviceId);
  }
});

test('restart at every entry: preference before migration, no VM goes over twice', async (t) => {
  const whole = await rig({ groups: 0, vms: 1, world: { stretched: 2 } });
  await whole.engine.createPlan(planFor(2, 1, live));
  const runId = await run(whole, 'planned');
  const total = (await whole.journal.read(runId, 1, 1_000)).length;
  for (let cut = 2; cut < total; cut++) {
    const made = await rig({ groups: 0, vms: 1, world: { stretched: 2 } });
    await made.engine.createPlan(planFor(2, 1, live));
    const { runId: id } = await made.engine.startRun({
      planId: 'payroll',
      mode: 'planned',
      requester: 'tester',
      requestKey: '',
      policies: {},
    });
    for await (const page of made.engine.watchRun(id, 0, new AbortController().signal)) {
      if ((page.events.at(-1)?.seq ?? 0) >= cut) break;
    }
    await made.restart();
    await untilRest(made.engine, id);
    t.is((await viewOf(made, id)).result, 'succeeded', `cut at ${cut}`);
    const twice = (await made.lab.effects('migrateLive')).filter(({ times }) => times !== 1);
    t.deepEqual(twice, [], `cut at ${cut}`);
    t.deepEqual(await made.lab.verify(), []);
  }
});

/** How the person gets out of a planned run that stopped at the refused order. */
const stoppedBy = async (verb: 'setSitePreference' | 'migrateLive') => {
  const made = await rig({ groups: 0, vms: 2, world: { stretched: 1 } });
  const plan = planFor(1, 2, live);
  await made.engine.createPlan(plan);
  await made.lab.failNext({ verb, kind: 'refused', times: 9 });
  const runId = await run(made, 'planned');
  await resume(made, runId, 'skip');
  await made.lab.clearFailures();
  return { made, plan };
};

for (const [verb, reason, said] of [
  ['setSitePreference', 'PLAN_STATE', /is ready: it can run test, planned/],
  [
    'migrateLive',
    'RUN_REFUSED',
    /VM "vm-0000\d" of .* runs at "site-a" still, and none at "site-b": run planned/,
  ],
] as const) {
  test(`reprotect of what never moved (${verb} refused) → refused everywhere, planned goes on`, async (t) => {
    const { made, plan } = await stoppedBy(verb);
    const start = await t.throwsAsync(run(made, 'reprotect'));
    t.like(start, { reason });
    t.regex(start?.message ?? '', said);
    const looked = await Promise.allSettled([made.engine.previewPlan('payroll', 'reprotect')]);
    const { obstacles } = await made.engine.validatePlan(plan);
    if (reason === 'PLAN_STATE') {
      t.like(looked[0], { status: 'rejected', reason: { message: start?.message } });
      t.deepEqual(obstacles, [], 'it is as if nothing had been begun');
    } else {
      t.like(looked[0], { status: 'fulfilled', value: { obstacles } });
      t.true(obstacles.some(({ message }) => start?.message.includes(message)));
    }
    t.is(made.engine.getPlan('payroll').plan.protectedSiteId, 'site-a');
    t.is((await viewOf(made, await run(made, 'planned'))).result, 'succeeded');
    t.is((await viewOf(made, await run(made, 'reprotect'))).result, 'succeeded');
  });
}
