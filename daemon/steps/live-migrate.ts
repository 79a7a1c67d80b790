/**
 * Takes running VMs over to the recovery site without a stop, on the stretched devices that both
 * sites serve.
 *
 * A VM that has gone over is never touched again: who does not run here any more is looked for in
 * the migrations, and is done if its migration has ended there, or if it was seen to run there when
 * the run was made: it may have been there ever since a rollback started it again. Nor is it taken
 * back by a rollback: it runs, and a second journey is a second risk. What it stands on stays with
 * it.
 * Source: US 9,489,273 claim 1.
 */
import { fault } from '../../sdk/plugin/fault.ts';
import type { MigrationStatus } from '../../sdk/plugin/migration.ts';
import type { VmStatus } from '../../sdk/plugin/model.ts';
import type { Answer, ValueAnswer } from '../../sdk/plugin/verbs.ts';
import type { VmItem } from '../core/frozen.ts';
import { stop } from '../core/policy.ts';
import { migrateMsMax } from './limits.ts';
import { patient } from './policies.ts';
import { defineVmStep, type StepCall } from './step.ts';
import { migrateVms, migrationsOfVms, settleMigrations, statusOfVms } from './targets.ts';

const judgeAbsent = (item: VmItem, answer: ValueAnswer<MigrationStatus> | undefined): Answer => {
  const { id, toComputeId, foundThere } = item;
  if (answer !== undefined && 'fault' in answer) return answer;
  const { state, toComputeId: wentTo } = answer?.value ?? { state: 'none' };
  if (state === 'running') return { id, fault: fault('busy', `${id} is on its way already`) };
  if (foundThere === true || (state === 'completed' && wentTo === toComputeId)) {
    return { id, ok: true, evidence: { alreadyThere: true } };
  }
  return {
    id,
    fault: fault('conflict', `${id} does not run here: only a running VM can go over live`, {
      hint: 'Power it on and resume, or skip it and move it by a new run, the cold way.',
    }),
  };
};

/** Runs here, does not, or the fault of asking. */
const standingOf = (answer: ValueAnswer<VmStatus>): 'here' | 'away' | Answer => {
  if (!('fault' in answer)) {
    return answer.value.registered && answer.value.power === 'on' ? 'here' : 'away';
  }
  return answer.fault.kind === 'missing' ? 'away' : answer;
};

const runLiveMigrate = async (call: StepCall<VmItem>): Promise<readonly Answer[]> => {
  const standing = new Map((await statusOfVms(call)).map((one) => [one.id, standingOf(one)]));
  const here = call.items.filter(({ id }) => standing.get(id) === 'here');
  const away = call.items.filter(({ id }) => standing.get(id) === 'away');
  const found = new Map<string, Answer>();
  if (away.length > 0) {
    const migrations = await migrationsOfVms({ ...call, items: away });
    const byId = new Map(migrations.map((migration) => [migration.id, migration]));
    for (const item of away) found.set(item.id, judgeAbsent(item, byId.get(item.id)));
  }
  for (const answer of await migrateVms({ ...call, items: here })) found.set(answer.id, answer);
  return call.items.flatMap(({ id }) => {
    const asked = standing.get(id);
    return found.get(id) ?? (typeof asked === 'object' ? asked : []);
  });
};

export const liveMigrate = defineVmStep({
  name: 'live-migrate',
  paths: ['live'],
  side: 'protected',
  remote: 'compute',
  timeoutMs: migrateMsMax,
  verbs: ['migrateLive', 'vmStatus', 'migrationStatus'],

  run: runLiveMigrate,
  settle: settleMigrations,
  undo: 'stays',
  onFault: patient(stop('item')),
});
