/**
 * Finds out which VMs had gone over live when the protected site was lost, by what stands at the
 * recovery site alone, and brings each to where the steps after this one find nothing left to do,
 * or everything: a VM that migrated goes on in its boot and is not touched again; of one that did
 * not, the shell is proven dead and removed, so that it is recovered from its device.
 * Source: US 9,336,039.
 *
 * It comes after the lost side of the storage was fenced: what might run at both sites is adopted
 * here only because it can no longer write there.
 */
import { fault } from '../../sdk/plugin/fault.ts';
import type { MigrationStatus } from '../../sdk/plugin/migration.ts';
import type { Answer, Settlement, ValueAnswer } from '../../sdk/plugin/verbs.ts';
import type { VmItem } from '../core/frozen.ts';
import { judgeArrival, type LostJudgement, type Way } from '../core/migration.ts';
import { stop } from '../core/policy.ts';
import { changeMsMax } from './limits.ts';
import { patient } from './policies.ts';
import { defineVmStep, type StepCall } from './step.ts';
import {
  changeVms,
  knowsNone,
  migrationsOfVms,
  settleVms,
  statusOfVms,
  unasked,
} from './targets.ts';

type Verdict = LostJudgement | Extract<Answer, { fault: unknown }>;

const judge = (answer: ValueAnswer<MigrationStatus>): Verdict => {
  if (!('fault' in answer)) return judgeArrival(answer.id, answer.value.arrival);
  return knowsNone(answer.fault) ? judgeArrival(answer.id, undefined) : answer;
};

const verdictsOf = async (call: StepCall<VmItem>): Promise<ReadonlyMap<string, Verdict>> =>
  new Map((await migrationsOfVms(call)).map((answer) => [answer.id, judge(answer)]));

const byId = (answers: readonly Answer[]): ReadonlyMap<string, Answer> =>
  new Map(answers.map((answer) => [answer.id, answer]));

/** Removes shells, and has it said afterwards that nothing of them runs. */
const removeShells = async (call: StepCall<VmItem>): Promise<readonly Answer[]> => {
  const removed = byId(await changeVms(call, 'cancelMigration'));
  const gone = call.items.filter(({ id }) => 'ok' in (removed.get(id) ?? {}));
  const on = new Set<string>();
  for (const answer of gone.length === 0 ? [] : await statusOfVms({ ...call, items: gone })) {
    const off = 'fault' in answer ? answer.fault.kind === 'missing' : answer.value.power === 'off';
    if (!off) on.add(answer.id);
  }
  return call.items.flatMap(({ id }) =>
    on.has(id)
      ? { id, fault: fault('conflict', `${id} may still run after its shell was removed`) }
      : (removed.get(id) ?? []),
  );
};

/** What each way calls; the others call nothing. */
const acts: Partial<Record<Way, (call: StepCall<VmItem>) => Promise<readonly Answer[]>>> = {
  resume: (call) => changeVms(call, 'powerOn'),
  'fence-then-adopt': (call) => changeVms(call, 'powerOn'),
  'remove-then-recover': removeShells,
};

const run = async (call: StepCall<VmItem>): Promise<readonly Answer[]> => {
  const verdicts = await verdictsOf(call);
  const wayOf = (id: string): Way | undefined => {
    const found = verdicts.get(id);
    return found === undefined || 'fault' in found ? undefined : found.way;
  };
  const acted = new Map<string, Answer>();
  for (const [way, act] of Object.entries(acts)) {
    const items = call.items.filter(({ id }) => wayOf(id) === way);
    for (const answer of items.length === 0 ? [] : await act({ ...call, items })) {
      acted.set(answer.id, answer);
    }
  }
  return call.items.flatMap(({ id }): readonly Answer[] => {
    const found = verdicts.get(id);
    const answer = acted.get(id) ?? { id, ok: true };
    if (found === undefined || 'fault' in found) return found === undefined ? [] : [found];
    if (!('ok' in answer)) return [answer];
    const { verdict, way } = found;
    return [{ ...answer, evidence: { ...answer.evidence, verdict, way } }];
  });
};

/** Nothing to do any more is done; what is still to be done can be done again. */
const settle = async (call: StepCall<VmItem>): Promise<readonly Settlement[]> => {
  const running = new Set<string>();
  const touched = new Set<string>();
  for (const verb of ['powerOn', 'cancelMigration'] as const) {
    for (const { id, verdict } of await settleVms(call, verb)) {
      if (verdict === 'running') running.add(id);
      if (verdict !== 'absent') touched.add(id);
    }
  }
  const verdicts = await verdictsOf(call);
  return call.items.map(({ id }): Settlement => {
    const found = verdicts.get(id);
    if (running.has(id)) return { id, verdict: 'running' };
    if (found === undefined) return { id, verdict: 'absent' };
    // Nobody says where it is: then nothing was done to it, or that is in doubt.
    if ('fault' in found) {
      return touched.has(id) ? unasked(id, found.fault) : { id, verdict: 'absent' };
    }
    return { id, verdict: found.way === 'keep' || found.way === 'recover' ? 'done' : 'absent' };
  });
};

export const adoptMigrated = defineVmStep({
  name: 'adopt-migrated',
  paths: ['stretched'],
  side: 'recovery',
  remote: 'compute',
  timeoutMs: changeMsMax,
  verbs: ['powerOn', 'vmStatus'],
  helpers: ['migrationStatus', 'cancelMigration'],
  calls: {
    run: ['migrationStatus', 'powerOn', 'cancelMigration', 'vmStatus'],
    settle: ['powerOn', 'cancelMigration', 'migrationStatus'],
  },

  run,
  settle,
  undo: 'stays',
  onFault: patient(stop('item')),
});
