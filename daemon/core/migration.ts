/**
 * Which VMs really finished migrating, judged from the destination alone: after a fault in the
 * middle of a migration its source cannot be asked. Three durable facts stand at the destination,
 * and what is there now is the fourth; the table is total, so nothing is ever left to a guess.
 * Source: US 9,336,039: a migration-started record, a placeholder with the VM's unique id and a
 * completed mark on it, all of one migration, are a VM that has fully migrated; less is not.
 */
import type { Execution, MigrationArrival } from '../../sdk/plugin/migration.ts';

/** What is durably known at the destination, each of the same migration of the same VM. */
export interface Facts {
  /** Its start was recorded before the first byte moved. */
  readonly started: boolean;
  /** A placeholder with the VM's unique id stands there. */
  readonly placeholder: boolean;
  /** The mark on that placeholder, durable before the guest goes on there. */
  readonly completed: boolean;
}

/** Of the destination alone; the source cannot be asked. */
export const lostVerdicts = [
  /** It is the destination's: it runs there, or waits whole for the word to go on. */
  'migrated',
  /** It ran at the destination and is gone: its disks are the newest there are. */
  'migrated-then-lost',
  /** Both might run it. */
  'ambiguous',
  /** Something of it came over, and not all. */
  'partial',
  'never-begun',
] as const;
export type LostVerdict = (typeof lostVerdicts)[number];

/** What is to be done about a VM, at its destination. */
export const ways = [
  /** Leave it alone: it runs where it belongs. */
  'keep',
  /** Let it go on where it stands whole. */
  'resume',
  /** Cut the source off at the storage, with no call to it; then it is the destination's. */
  'fence-then-adopt',
  /** Prove that nothing of it runs, remove what came over, then recover it from its device. */
  'remove-then-recover',
  /** Recover it from its device. */
  'recover',
] as const;
export type Way = (typeof ways)[number];

export interface LostJudgement {
  readonly verdict: LostVerdict;
  readonly way: Way;
}

const judgement = (verdict: LostVerdict, way: Way): LostJudgement => ({ verdict, way });

const partial = judgement('partial', 'remove-then-recover');
const ambiguous = judgement('ambiguous', 'fence-then-adopt');

/** With less than all three facts: what runs, or could at once, may run at the source as well. */
const short: Readonly<Record<Execution, LostJudgement>> = {
  running: ambiguous,
  'paused-complete': ambiguous,
  'paused-incoming': partial,
  absent: partial,
};

const all: Readonly<Record<Execution, LostJudgement>> = {
  running: judgement('migrated', 'keep'),
  'paused-complete': judgement('migrated', 'resume'),
  // The mark says that it came over whole, and what is here is an empty shell: it was lost since.
  'paused-incoming': judgement('migrated-then-lost', 'remove-then-recover'),
  absent: judgement('migrated-then-lost', 'recover'),
};

const none: Readonly<Record<Execution, LostJudgement>> = {
  ...short,
  absent: judgement('never-begun', 'recover'),
};

/** The 8 × 4 table. */
export const judgeLost = (facts: Facts, execution: Execution): LostJudgement => {
  const { started, placeholder, completed } = facts;
  if (started && placeholder && completed) return all[execution];
  return (started || placeholder || completed ? short : none)[execution];
};

/** The migration that an arrival is about: the one begun last, or what else is left of one. */
export const migrationOf = (arrival: MigrationArrival): string | undefined =>
  arrival.startedId ?? arrival.placeholder?.migrationId ?? arrival.completedId;

/** Another VM's placeholder, or an older migration's mark, does not count. */
export const factsOf = (vmId: string, arrival: MigrationArrival): Facts => {
  const id = migrationOf(arrival);
  const { startedId, placeholder, completedId } = arrival;
  return {
    started: id !== undefined && startedId === id,
    placeholder: id !== undefined && placeholder?.migrationId === id && placeholder.vmId === vmId,
    completed: id !== undefined && completedId === id,
  };
};

/** Absent: the destination knows of no migration of this VM to it. */
export const judgeArrival = (vmId: string, arrival: MigrationArrival | undefined): LostJudgement =>
  arrival === undefined ? none.absent : judgeLost(factsOf(vmId, arrival), arrival.execution);
