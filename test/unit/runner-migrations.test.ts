/** Live migrations cut short by the loss of their source, and what a disaster run makes of them. */
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import type { Mode, Plan } from '../../daemon/core/plan.ts';
import { defaultOptions } from '../../daemon/planner/defaults.ts';
import { planFor, type Rig, rig, untilRest } from '../_support/engine-on-lab.ts';

const vmIds = ['vm-00001', 'vm-00002', 'vm-00003', 'vm-00004'];

const stretchedRig = (): Promise<Rig> => rig({ groups: 0, vms: 2, world: { stretched: 2 } });

const plan: Plan = planFor(2, 2, { options: { ...defaultOptions, liveMigration: true } });

const start = async ({ engine }: Rig, mode: Mode): Promise<string> => {
  const asked = { planId: 'payroll', mode, requester: 'tester', requestKey: '', policies: {} };
  return (await engine.startRun(asked)).runId;
};

const verdictsIn = async ({ engine }: Rig) =>
  (await engine.migrations({ planId: 'payroll', vmIds: [] })).map(
    ({ vmId, verdict, departure }) => `${vmId} ${verdict} ${departure ?? 'not asked'}`,
  );

const bootsIn = async ({ lab }: Rig) => {
  const found: Record<string, string> = {};
  for (const id of vmIds) {
    const runs = (await lab.runs(id)).filter(({ computeId }) => computeId === 'lab-compute-b');
    found[id] = runs.map(({ bootId }) => bootId).join(' ');
  }
  return found;
};

test('migrations: none → empty; gone over → at the destination; source lost → migrated, not asked', async (t) => {
  const made = await stretchedRig();
  await made.engine.createPlan(plan);
  t.deepEqual(await verdictsIn(made), []);
  const asked = { planId: 'payroll', vmIds: ['vm-00001'] };
  t.deepEqual(await made.engine.migrations(asked), [{ vmId: 'vm-00001', remedy: '', problem: '' }]);
  await untilRest(made.engine, await start(made, 'planned'));
  t.deepEqual(
    await verdictsIn(made),
    vmIds.map((id) => `${id} at-destination gone`),
  );
  await made.lab.loseSite('site-a', { vms: 'keep' });
  await made.engine.declareLost('site-a', 'tester', 'fire');
  t.deepEqual(
    await verdictsIn(made),
    vmIds.map((id) => `${id} migrated not asked`),
  );
  t.is((await made.lab.calls('lab-compute-a')).whileDown, 0);
});

test('migrations: source lost, some gone over → those keep their boots, the others start once', async (t) => {
  const made = await stretchedRig();
  const { engine, lab } = made;
  await engine.createPlan(plan);
  await lab.failNext({ verb: 'migrateLive', targetIds: ['vm-00004'], kind: 'refused' });
  await untilRest(engine, await start(made, 'planned'));
  const before = await bootsIn(made);
  t.is(before['vm-00004'], '', 'it stayed');
  await lab.loseSite('site-a', { vms: 'keep' });
  await engine.declareLost('site-a', 'tester', 'fire');
  const runId = await start(made, 'disaster');
  await untilRest(engine, runId);
  const view = await engine.getRun(runId, 'full');
  t.is(view.result, 'succeeded', `${view.attention} ${JSON.stringify(view.notes)}`);
  const after = await bootsIn(made);
  for (const id of vmIds.slice(0, 3)) t.is(after[id], before[id], id);
  t.not(after['vm-00004'], '');
  for (const id of ['lab-a', 'lab-compute-a']) t.is((await lab.calls(id)).whileDown, 0);
  t.deepEqual(await lab.verify(), []);
});

test('migrations: source lost with all on their way → shells removed, each recovered once', async (t) => {
  const made = await stretchedRig();
  const { engine, lab } = made;
  await engine.createPlan(plan);
  await lab.setOperationMs({ migrateLive: 600_000 });
  await start(made, 'planned');
  while ((await verdictsIn(made)).length < vmIds.length) await sleep(5);
  await lab.loseSite('site-a', { vms: 'keep' });
  await engine.declareLost('site-a', 'tester', 'fire');
  t.deepEqual(
    await verdictsIn(made),
    vmIds.map((id) => `${id} partial not asked`),
  );
  const runId = await start(made, 'disaster');
  await untilRest(engine, runId);
  const view = await engine.getRun(runId, 'full');
  t.is(view.result, 'succeeded', `${view.attention} ${JSON.stringify(view.notes)}`);
  for (const boot of Object.values(await bootsIn(made))) t.not(boot, '');
  const removed = (await lab.effects('cancelMigration')).map(({ id, times }) => `${id} ${times}`);
  t.deepEqual(
    removed.sort(),
    vmIds.map((id) => `${id} 1`),
  );
  t.is((await lab.calls('lab-compute-a')).whileDown, 0);
});
