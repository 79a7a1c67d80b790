/** The runner on a world that keeps the rules of a sane array: whole runs, without a process. */
import test from 'ava';
import type { Mode } from '../../daemon/core/plan.ts';
import { planFor, type Rig, rig, untilRest } from '../_support/engine-on-lab.ts';

const request = (mode: Mode, requestKey = '') => ({
  planId: 'payroll',
  mode,
  requester: 'tester',
  requestKey,
  policies: {},
});

const run = async ({ engine }: Rig, mode: Mode): Promise<string> => {
  const { runId } = await engine.startRun(request(mode));
  await untilRest(engine, runId);
  return runId;
};

/** How often each VM was powered on at a compute, by the world's own count. */
const boots = async ({ lab }: Rig, computeId: string) =>
  (await lab.effects()).filter(
    ({ remoteId, verb }) => remoteId === computeId && verb === 'powerOn',
  );

test('planned, reprotect, back, reprotect, test, cleanup: each ends well, no rule is broken', async (t) => {
  const made = await rig();
  await made.engine.createPlan(planFor(2));
  const modes: Mode[] = ['planned', 'reprotect', 'planned', 'reprotect', 'test', 'cleanup'];
  for (const mode of modes) {
    const view = await made.engine.getRun(await run(made, mode), 'full');
    t.is(view.result, 'succeeded', `${mode}: ${view.attention} ${JSON.stringify(view.notes)}`);
    t.deepEqual(await made.lab.verify(), []);
  }
  const plan = made.engine.getPlan('payroll');
  t.is(plan.state, 'ready');
  t.is(plan.plan.protectedSiteId, 'site-a');
});

test('disaster is refused until the site is declared lost, then makes no call there', async (t) => {
  const made = await rig();
  await made.engine.createPlan(planFor(2));
  await t.throwsAsync(made.engine.startRun(request('disaster')), { message: /not declared lost/ });
  await made.lab.loseSite('site-a');
  await made.engine.declareLost('site-a', 'tester', 'fire');
  const refusal = await t.throwsAsync(made.engine.previewPlan('payroll', 'planned'));
  t.like(refusal, { reason: 'SITE_LOST', subject: 'site-a' });
  const before = await made.lab.calls('lab-a');
  const view = await made.engine.getRun(await run(made, 'disaster'), 'full');
  t.is(view.result, 'succeeded', view.attention);
  t.deepEqual(await made.lab.calls('lab-a'), before);
  t.is((await boots(made, 'lab-compute-b')).length, 6);
});

test('the same request key is the same run, also at the same moment; another request is refused', async (t) => {
  const made = await rig();
  await made.engine.createPlan(planFor(2));
  const starts = await Promise.all(
    Array.from({ length: 20 }, () => made.engine.startRun(request('planned', 'key-1'))),
  );
  t.is(new Set(starts.map(({ runId }) => runId)).size, 1);
  t.is(starts.filter(({ existing }) => !existing).length, 1);
  await t.throwsAsync(made.engine.startRun(request('test', 'key-1')), { message: /different/ });
  await untilRest(made.engine, starts[0]?.runId ?? '');
});

test('a second run of a running plan is refused by name', async (t) => {
  const made = await rig();
  await made.engine.createPlan(planFor(2));
  const { runId } = await made.engine.startRun(request('planned'));
  await t.throwsAsync(made.engine.startRun(request('planned')), { message: new RegExp(runId) });
  await untilRest(made.engine, runId);
});

test('restart at every entry: the run ends well and nothing completed runs again', async (t) => {
  const whole = await rig({ groups: 1, vms: 2 });
  await whole.engine.createPlan(planFor(1, 2));
  const runId = await run(whole, 'planned');
  const total = (await whole.journal.read(runId, 1, 1_000)).length;
  for (let cut = 2; cut < total; cut++) {
    const made = await rig({ groups: 1, vms: 2 });
    await made.engine.createPlan(planFor(1, 2));
    const { runId } = await made.engine.startRun(request('planned'));
    for await (const page of made.engine.watchRun(runId, 0, new AbortController().signal)) {
      if ((page.events.at(-1)?.seq ?? 0) >= cut) break;
    }
    await made.restart();
    await untilRest(made.engine, runId);
    const view = await made.engine.getRun(runId, 'full');
    t.is(view.result, 'succeeded', `cut at ${cut}: ${view.attention}`);
    t.is(
      (await boots(made, 'lab-compute-b')).reduce((sum, { times }) => sum + times, 0),
      2,
    );
    t.deepEqual(await made.lab.verify(), []);
  }
});

test('the agent killed again and again: nothing is skipped, nothing completed runs again', async (t) => {
  const made = await rig({ groups: 3, vms: 6 });
  await made.engine.createPlan(planFor(3, 6));
  const { runId } = await made.engine.startRun(request('planned'));
  let kills = 0;
  for await (const page of made.engine.watchRun(runId, 0, new AbortController().signal)) {
    if (page.last || kills >= 20) continue;
    kills++;
    await made.engine.replaceAgent(runId);
  }
  t.true(kills > 3);
  const view = await made.engine.getRun(runId, 'full');
  t.is(view.result, 'succeeded', view.attention);
  t.true((await boots(made, 'lab-compute-b')).every(({ times }) => times === 1));
});

test('a disaster run supersedes a planned run at every entry, with no further call to the lost site', async (t) => {
  const whole = await rig({ groups: 1, vms: 2 });
  await whole.engine.createPlan(planFor(1, 2));
  const total = (await whole.journal.read(await run(whole, 'planned'), 1, 1_000)).length;
  let superseded = 0;
  for (let cut = 1; cut < total; cut++) {
    const made = await rig({ groups: 1, vms: 2 });
    await made.engine.createPlan(planFor(1, 2));
    const { runId } = await made.engine.startRun(request('planned'));
    for await (const page of made.engine.watchRun(runId, 0, new AbortController().signal)) {
      if ((page.events.at(-1)?.seq ?? 0) >= cut) break;
    }
    await made.lab.loseSite('site-a');
    await made.engine.declareLost('site-a', 'tester', 'fire');
    const before = await made.lab.calls('lab-a');
    if ((await made.engine.getRun(runId, 'basic')).result !== undefined) continue;
    const next = await made.engine.startRun(request('disaster'));
    await untilRest(made.engine, next.runId);
    const view = await made.engine.getRun(next.runId, 'full');
    t.is(
      view.result,
      'succeeded',
      `cut at ${cut}: ${view.attention} ${JSON.stringify(view.notes)}`,
    );
    const { result } = await made.engine.getRun(runId, 'basic');
    // It may have come to its end while the other was being started.
    if (result === 'succeeded') continue;
    t.is(result, 'superseded', `cut at ${cut}`);
    superseded++;
    t.deepEqual(await made.lab.calls('lab-a'), before, `cut at ${cut}`);
    t.true((await boots(made, 'lab-compute-b')).every(({ times }) => times === 1));
  }
  t.true(superseded > total / 2);
});

test('superseded: the end of one run and the beginning of the other land in one append', async (t) => {
  const made = await rig({ groups: 1, vms: 2 });
  await made.engine.createPlan(planFor(1, 2));
  const landed: string[][] = [];
  const { append } = made.journal;
  made.journal.append = (appends) => {
    const entries = appends.flatMap(({ bodies }) => bodies.map((body) => JSON.parse(body)));
    landed.push(entries.map(({ type, result }) => (result ? `${type} ${result}` : type)));
    return append.call(made.journal, appends);
  };
  const { runId } = await made.engine.startRun(request('planned'));
  await made.lab.loseSite('site-a');
  await made.engine.declareLost('site-a', 'tester', 'fire');
  const next = await made.engine.startRun(request('disaster'));
  const takeover = landed.filter((types) => types.includes('run-ended superseded'));
  t.deepEqual(takeover, [
    ['run-closed superseded', 'run-opened', 'run-ended superseded', 'run-started'],
  ]);
  await untilRest(made.engine, next.runId);
  t.is((await made.engine.getRun(runId, 'basic')).result, 'superseded');
  t.is((await made.engine.getRun(next.runId, 'basic')).result, 'succeeded');
});

test('a lost reply is settled: the effect is found and not made twice', async (t) => {
  const made = await rig({
    rules: [
      {
        name: 'silence',
        step: 'register',
        budget: 2,
        effect: { effect: 'worker-crash', after: true },
      },
    ],
  });
  await made.engine.createPlan(planFor(2));
  const runId = await run(made, 'planned');
  const view = await made.engine.getRun(runId, 'full');
  t.is(view.result, 'succeeded', view.attention);
  const types = (await made.journal.read(runId, 1, 1_000)).map(
    ({ body }) => (JSON.parse(body) as { type: string }).type,
  );
  t.is(types.filter((type) => type === 'task-settled').length, 2);
});

test('the report names every VM with its recovery time, and no data loss when planned', async (t) => {
  const made = await rig();
  await made.engine.createPlan(planFor(2));
  const report = await made.engine.reportRun(await run(made, 'planned'));
  const vms = report.items.filter(({ unit }) => unit === 'vm');
  t.is(vms.length, 6);
  t.true(
    vms.every(({ outcome, recoveryTimeMs }) => outcome === 'done' && recoveryTimeMs !== undefined),
  );
  t.is(report.dataLossMs, 0);
});
