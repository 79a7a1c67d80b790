/** What a run did not bring over is brought by the next one, whatever the one before was. */
import test, { type ExecutionContext } from 'ava';
import type { Mode, Plan } from '../../daemon/core/plan.ts';
import { goOn, type Policy } from '../../daemon/core/policy.ts';
import { defaultOptions } from '../../daemon/planner/defaults.ts';
import type { StartRequest } from '../../daemon/runner/service.ts';
import { planFor, type Rig, rig, untilRest } from '../_support/engine-on-lab.ts';

const always: Policy = { rules: [], otherwise: goOn };

const run = async (
  { engine }: Rig,
  mode: Mode,
  policies: StartRequest['policies'] = {},
  changes?: StartRequest['changes'],
) => {
  const request = { planId: 'payroll', mode, requester: 'ann', requestKey: '', policies };
  const { runId, warnings } = await engine.startRun({ ...request, ...(changes && { changes }) });
  await untilRest(engine, runId);
  return { ...(await engine.reportRun(runId)), warnings: warnings.map(({ message }) => message) };
};

const stateOf = ({ engine }: Rig) => engine.getPlan('payroll').state;

/** `cg-0001` is brought over by a disaster run, `cg-0002` is not; the old site is back, cut off. */
const leftByDisaster = async (world: { stretched?: number }, plan: Plan): Promise<Rig> => {
  const made = await rig({ groups: world.stretched === undefined ? 2 : 0, vms: 2, world });
  const { engine, lab } = made;
  await engine.createPlan(plan);
  await lab.loseSite('site-a');
  await engine.declareLost('site-a', 'ann', 'fire');
  const verb = world.stretched === undefined ? 'failover' : 'fence';
  await lab.failNext({ verb, targetIds: ['cg-0002'], kind: 'refused', times: 100 });
  await run(made, 'disaster', { 'promote-target': always, 'fence-lost-side': always });
  await lab.clearFailures();
  await lab.returnSite('site-a');
  await engine.declareReachable('site-a', 'ann', 'power is back');
  await run(made, 'fence');
  return made;
};

const expectHome = async (t: ExecutionContext, made: Rig): Promise<void> => {
  t.is(stateOf(made), 'partly-failed-over');
  const { warnings, items, run: ended } = await run(made, 'planned');
  t.is(ended.result, 'succeeded', JSON.stringify(items));
  t.true(
    warnings.some((message) => /"lab-a\/cg-0001" was brought over by an earlier/.test(message)),
  );
  const ids = items.map(({ itemId }) => itemId).sort();
  t.deepEqual(ids, ['lab-a/cg-0002', 'vm-00003', 'vm-00004']);
  for (const vmId of ['vm-00001', 'vm-00002', 'vm-00003', 'vm-00004']) {
    const at = (await made.lab.runs(vmId)).map(({ computeId }) => computeId);
    t.deepEqual(at, ['lab-compute-b'], vmId);
  }
  t.is(stateOf(made), 'failed-over');
  const refused = await t.throwsAsync(made.engine.previewPlan('payroll', 'planned'));
  t.like(refused, { reason: 'PLAN_STATE' });
  const home = await run(made, 'reprotect', {}, 'discard');
  t.is(home.run.result, 'succeeded', JSON.stringify(home.items));
  t.is(stateOf(made), 'ready');
  t.deepEqual(await made.lab.verify(), []);
};

test('a disaster run left a group, its site is back → planned brings it, around the rest; home', async (t) => {
  await expectHome(t, await leftByDisaster({}, planFor(2, 2)));
});

test('the same on stretched storage', async (t) => {
  const live = planFor(2, 2, { options: { ...defaultOptions, liveMigration: true } });
  await expectHome(t, await leftByDisaster({ stretched: 2 }, live));
});

test('fenced, then another disaster run brings the rest → what it left behind is to be fenced anew', async (t) => {
  const made = await leftByDisaster({}, planFor(2, 2));
  const { engine, lab } = made;
  await lab.loseSite('site-a', { vms: 'keep' });
  await engine.declareLost('site-a', 'ann', 'fire again');
  t.is((await run(made, 'disaster')).run.result, 'succeeded');
  await lab.returnSite('site-a');
  await engine.declareReachable('site-a', 'ann', 'power is back again');
  t.is(stateOf(made), 'recovery-required');
  t.is((await run(made, 'fence')).run.result, 'succeeded');
  t.is((await run(made, 'reprotect', {}, 'discard')).run.result, 'succeeded');
  t.is(stateOf(made), 'ready');
  t.deepEqual(await lab.verify(), []);
});
