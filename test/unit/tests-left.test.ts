/** A disaster comes while a test stands: its copies outlive it, and can be removed at any time. */
import test, { type ExecutionContext } from 'ava';
import type { Mode } from '../../daemon/core/plan.ts';
import { planFor, type Rig, rig, untilRest } from '../_support/engine-on-lab.ts';

const run = async (t: ExecutionContext, { engine }: Rig, mode: Mode): Promise<void> => {
  const asked = { planId: 'payroll', mode, requester: 'ann', requestKey: '', policies: {} };
  const choice = mode === 'reprotect' ? ({ changes: 'discard' } as const) : {};
  const { runId } = await engine.startRun({ ...asked, ...choice });
  await untilRest(engine, runId);
  const { result, attention } = await engine.getRun(runId, 'basic');
  t.is(result, 'succeeded', `${mode}: ${attention}`);
};

const stateOf = ({ engine }: Rig) => engine.getPlan('payroll').state;

/** Test VMs and copies at the recovery site of the test. */
const copies = async ({ lab }: Rig): Promise<number> => {
  const { vms, devices } = await lab.snapshot();
  const tests = Object.keys(vms['lab-compute-b'] ?? {}).filter((name) => name.startsWith('test '));
  const copied = Object.values(devices['lab-b'] ?? {}).filter(({ testCopy }) => testCopy);
  return tests.length + copied.length;
};

/** Tested, then lost, and brought over beside the copies. */
const over = async (t: ExecutionContext): Promise<Rig> => {
  const made = await rig({ groups: 1, vms: 2 });
  await made.engine.createPlan(planFor(1, 2));
  await run(t, made, 'test');
  t.is(stateOf(made), 'tested');
  await made.engine.declareLost('site-a', 'ann', 'fire');
  const { warnings } = await made.engine.previewPlan('payroll', 'disaster');
  t.true(warnings.some(({ message }) => /copies of test run .* --mode cleanup/.test(message)));
  await run(t, made, 'disaster');
  t.is(stateOf(made), 'failed-over');
  return made;
};

const back = async (t: ExecutionContext, made: Rig): Promise<void> => {
  await made.engine.declareReachable('site-a', 'ann', 'fire');
  await run(t, made, 'fence');
  await run(t, made, 'reprotect');
};

test('failed over → the copies are removed, and the plan stands as it stood', async (t) => {
  const made = await over(t);
  await run(t, made, 'cleanup');
  t.is(await copies(made), 0);
  t.is(stateOf(made), 'failed-over');
  await back(t, made);
  t.is(stateOf(made), 'ready');
  t.deepEqual(await made.lab.verify(), []);
});

test('reprotected, its sites exchanged → tested still; cleaned up where the test was', async (t) => {
  const made = await over(t);
  await back(t, made);
  t.is(stateOf(made), 'tested');
  t.true((await copies(made)) > 0);
  await run(t, made, 'cleanup');
  t.is(await copies(made), 0);
  t.is(stateOf(made), 'ready');
  t.is(made.engine.getPlan('payroll').plan.protectedSiteId, 'site-b');
  await run(t, made, 'planned');
  t.deepEqual(await made.lab.verify(), []);
});
