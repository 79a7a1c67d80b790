/** The guards in the engine: what validate and preview show is what a start is refused for. */
import test from 'ava';
import { SiteswapError } from '../../daemon/core/errors.ts';
import type { Mode } from '../../daemon/core/plan.ts';
import { fault } from '../../sdk/plugin/fault.ts';
import { planFor, type Rig, rig, untilRest } from '../_support/engine-on-lab.ts';

const bothGroups = ['protectionGroups[0].groups[0]', 'protectionGroups[1].groups[0]'];

const request = (mode: Mode, planId = 'payroll') => ({
  planId,
  mode,
  requester: 'tester',
  requestKey: '',
  policies: {},
});

const refusedOf = async ({ engine }: Rig, mode: Mode, planId?: string): Promise<SiteswapError> => {
  try {
    await engine.startRun(request(mode, planId));
  } catch (error) {
    if (error instanceof SiteswapError) return error;
  }
  throw new Error('it was not refused');
};

test('link down: validate, preview and start tell the same, and nothing is touched', async (t) => {
  const made = await rig();
  await made.engine.createPlan(planFor(2));
  await made.lab.cutLink('site-a', 'site-b');
  const before = await made.lab.effects();
  const judged = await made.engine.validatePlan(planFor(2));
  const preview = await made.engine.previewPlan('payroll', 'planned');
  const refusal = await refusedOf(made, 'planned');
  t.is(refusal.reason, 'RUN_REFUSED');
  t.is(judged.obstacles.length, 2);
  t.deepEqual(judged.problems, []);
  t.deepEqual(preview.obstacles, judged.obstacles);
  t.deepEqual(refusal.violations, judged.obstacles);
  t.regex(refusal.message, /^protectionGroups\[0\]\.groups\[0\]: .*partitioned: the arrays do not/);
  t.deepEqual(await made.lab.effects(), before);
  t.deepEqual(made.engine.listRuns({ openOnly: false }), []);
  await made.lab.healLink('site-a', 'site-b');
  await untilRest(made.engine, (await made.engine.startRun(request('planned'))).runId);
  t.is(made.engine.getPlan('payroll').state, 'failed-over');
});

test('problems and obstacles: validate and start tell both at once', async (t) => {
  const made = await rig();
  const { engine } = made;
  await engine.createPlan(planFor(2));
  await made.lab.cutLink('site-a', 'site-b');
  const stop = { rules: [], otherwise: { action: 'stop', reach: 'workgroup' } } as const;
  const start = engine.startRun({ ...request('planned'), policies: { 'no-such-step': stop } });
  const refusal = await t.throwsAsync(start, { instanceOf: SiteswapError });
  t.is(refusal.reason, 'PLAN_INVALID');
  t.deepEqual(
    refusal.violations.map(({ field }) => field),
    ['policies.no-such-step', ...bothGroups],
  );
  const sound = planFor(2);
  const [first, second] = sound.protectionGroups;
  if (first === undefined || second === undefined) return t.fail('two groups were expected');
  const groups = [...first.groups, { arrayId: 'lab-a', id: 'nobody' }];
  const found = await engine.validatePlan({
    ...sound,
    policies: { 'no-such-step': stop },
    protectionGroups: [{ ...first, groups }, second],
  });
  t.deepEqual(
    found.problems.map(({ field }) => field),
    ['policies.no-such-step', 'protectionGroups[0].groups[1].id'],
  );
  t.deepEqual(
    found.obstacles.map(({ field }) => field),
    bothGroups,
  );
});

test('a group in the hands of a parked run: another mode is refused, the same mode is warned', async (t) => {
  const effect = { effect: 'error', fault: fault('refused', 'no') } as const;
  const made = await rig({ rules: [{ name: 'no', step: 'mount', budget: 2, effect }] });
  const { engine } = made;
  await engine.createPlan(planFor(2));
  await engine.createPlan(planFor(1, 3, { id: 'other' }));
  const { runId } = await engine.startRun(request('test'));
  await untilRest(engine, runId);
  const refusal = await refusedOf(made, 'planned', 'other');
  t.is(refusal.reason, 'RUN_REFUSED');
  t.regex(refusal.message, new RegExp(`in the hands of run ${runId} \\(test, plan "payroll"\\)`));
  t.deepEqual((await engine.previewPlan('other', 'test')).obstacles, []);
  const shared = await engine.startRun(request('test', 'other'));
  t.regex(shared.warnings[0]?.message ?? '', /which goes the same way/);
  const [own, ...more] = (await engine.previewPlan('other', 'test')).obstacles;
  t.regex(own?.message ?? '', new RegExp(`run ${shared.runId} .* is not ended`));
  t.deepEqual(more, []);
  // It waits for a run that waits for a person.
  await engine.close();
});

test('disaster: told before, frozen, and in the report beside what was lost in fact', async (t) => {
  const made = await rig();
  const { engine } = made;
  await engine.createPlan(planFor(2));
  await made.lab.loseSite('site-a');
  await engine.declareLost('site-a', 'tester', 'fire');
  const { obstacles, warnings } = await engine.previewPlan('payroll', 'disaster');
  t.deepEqual(obstacles, []);
  t.is(warnings.filter(({ message }) => /s are expected to be lost/.test(message)).length, 2);
  const started = await engine.startRun(request('disaster'));
  t.is(started.warnings.filter(({ message }) => /expected to be lost/.test(message)).length, 2);
  await untilRest(engine, started.runId);
  const report = await engine.reportRun(started.runId);
  const groups = report.items.filter(({ unit }) => unit === 'storage');
  for (const { expectedLossMs, dataLossMs, recoveryPointBy } of groups) {
    // Both count from the same recovery point; the run begins a moment after it was frozen.
    t.true((dataLossMs ?? -1) >= (expectedLossMs ?? Number.POSITIVE_INFINITY));
    t.is(recoveryPointBy, 'lab-b');
  }
  t.is(report.expectedLossMs, Math.max(...groups.map((item) => item.expectedLossMs ?? -1)));
});
