/**
 * The source is lost at each stage of a live migration, for some of fifty VMs each: what is judged
 * at the destination equals what is true, before and after a restart of the daemon, and the
 * disaster run acts by it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import type { MigrationVerdict } from '../../daemon/core/migration-sides.ts';
import type { Mode, Plan } from '../../daemon/core/plan.ts';
import { defaultOptions } from '../../daemon/planner/defaults.ts';
import { type MigrationStage, migrationStages } from '../../plugins/lab/model.ts';
import { planFor, type Rig, rig, untilRest } from '../_support/engine-on-lab.ts';

const vmsTotal = 50;
const vmIds = Array.from({ length: vmsTotal }, (_, at) => `vm-${String(at + 1).padStart(5, '0')}`);

/** What is to be said of a VM that had come so far, by who sees its destination alone. */
const truth: Readonly<Record<MigrationStage, MigrationVerdict>> = {
  asked: 'never-begun',
  started: 'partial',
  placeholder: 'partial',
  switching: 'partial',
  received: 'ambiguous',
  completed: 'migrated',
  resumed: 'migrated',
  left: 'migrated',
};

const wholeFrom = migrationStages.indexOf('received');

const stageOf = (vmId: string): MigrationStage =>
  migrationStages[vmIds.indexOf(vmId) % migrationStages.length] as MigrationStage;

const vmsAt = (stage: MigrationStage) => vmIds.filter((id) => stageOf(id) === stage);

const plan: Plan = planFor(5, 10, { options: { ...defaultOptions, liveMigration: true } });

const start = async ({ engine }: Rig, mode: Mode): Promise<string> => {
  const asked = { planId: plan.id, mode, requester: 'tester', requestKey: '', policies: {} };
  return (await engine.startRun(asked)).runId;
};

/** Fifty VMs on their way, each as far as its place in the list says. */
const underWay = async (): Promise<Rig> => {
  const made = await rig({ groups: 0, vms: 10, world: { stretched: 5 } });
  const { engine, lab } = made;
  await engine.createPlan(plan);
  await lab.failNext({
    verb: 'migrateLive',
    targetIds: vmsAt('asked'),
    kind: 'refused',
    times: 50,
  });
  for (const stage of migrationStages) await lab.haltMigrations(vmsAt(stage), stage);
  await start(made, 'planned');
  const isThere = async (): Promise<boolean> => {
    const stages = await lab.migrationStages();
    return vmIds.every((id) => (stages[id] ?? 'asked') === stageOf(id));
  };
  while (!(await isThere())) await sleep(5);
  return made;
};

/** Nothing is said of a VM that nobody knows a migration of. */
const verdictsIn = async ({ engine }: Rig): Promise<Record<string, MigrationVerdict>> =>
  Object.fromEntries(
    (await engine.migrations({ planId: plan.id, vmIds })).map(({ vmId, verdict }) => [
      vmId,
      verdict ?? 'never-begun',
    ]),
  );

const bootsAt = async ({ lab }: Rig, computeId: string) => {
  const found: Record<string, string> = {};
  for (const id of vmIds) {
    for (const { bootId, ...run } of await lab.runs(id)) {
      if (run.computeId === computeId && run.writes) found[id] = bootId;
    }
  }
  return found;
};

const callsTo = async ({ lab }: Rig, siteId: 'a' | 'b') => {
  const remotes = [`lab-${siteId}`, `lab-compute-${siteId}`];
  return Promise.all(remotes.map(async (id) => (await lab.calls(id)).total));
};

for (const vms of ['crash', 'keep'] as const) {
  test(`crash: source lost at each stage of 50 migrations (its VMs: ${vms}) → verdicts are the truth`, async (t) => {
    const made = await underWay();
    const { lab } = made;
    const bootsBefore = Object.fromEntries(
      await Promise.all(vmIds.map(async (id) => [id, (await lab.runs(id))[0]?.bootId] as const)),
    );
    await lab.loseSite('site-a', { vms });
    await made.engine.declareLost('site-a', 'tester', 'fire');
    const callsBefore = await callsTo(made, 'a');

    const expected = Object.fromEntries(vmIds.map((id) => [id, truth[stageOf(id)]]));
    t.deepEqual(await verdictsIn(made), expected);
    await made.restart();
    t.deepEqual(await verdictsIn(made), expected, 'after a restart');

    const runId = await start(made, 'disaster');
    await untilRest(made.engine, runId);
    const view = await made.engine.getRun(runId, 'full');
    t.is(view.result, 'succeeded', `${view.attention} ${JSON.stringify(view.notes)}`);
    const report = await made.engine.reportRun(runId);
    const told = report.items.flatMap(({ itemId, evidence: { verdict } }) =>
      verdict === undefined ? [] : [[itemId, verdict] as const],
    );
    t.deepEqual(Object.fromEntries(told), expected, 'the run judged as was told');

    const boots = await bootsAt(made, 'lab-compute-b');
    for (const id of vmIds) {
      const isWhole = migrationStages.indexOf(stageOf(id)) >= wholeFrom;
      t.is(boots[id] === bootsBefore[id], isWhole, `${id}, ${stageOf(id)}: ${boots[id]}`);
      t.truthy(boots[id], id);
    }
    t.deepEqual(await bootsAt(made, 'lab-compute-a'), {}, 'nothing goes on where it came from');
    const started = (await lab.effects('powerOn')).filter(
      ({ remoteId }) => remoteId === 'lab-compute-b',
    );
    t.true(
      started.every(({ times }) => times === 1),
      'each once',
    );
    t.deepEqual(await callsTo(made, 'a'), callsBefore, 'nobody asks the lost site');
    t.deepEqual(await lab.verify(), []);
  });
}
