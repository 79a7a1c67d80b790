/**
 * What durably stands at the destination of a live migration, beside the VM: whoever is left when
 * its source is gone judges by this alone, and nothing here reads anything of the source.
 *
 * The start is noted before the process at the destination is, the placeholder by that process, and
 * the completed mark before it writes its first heartbeat.
 */
import type { MigrationArrival, MigrationStatus } from '@siteswap/sdk/plugin';
import { format, readJson, removeDurably, writeJson } from './durable.ts';
import { failure } from './faults.ts';
import { marksFile, vmDirectory } from './layout.ts';
import type { Party, VmAt } from './migration.ts';
import { isAlive } from './processes.ts';
import { readVmProcess } from './vm-process.ts';

export interface Marks {
  readonly format: number;
  /** Of the migration that was begun last. */
  readonly startedId: string;
  readonly startedAtMs: number;
  readonly from: Party;
  readonly to: Party;
  readonly placeholder?: { readonly vmId: string; readonly migrationId: string };
  readonly completedId?: string;
}

const fileOf = ({ directory, instance, id }: VmAt): string =>
  marksFile(vmDirectory(directory, instance, id));

const save = (at: VmAt, marks: Marks): Promise<void> => writeJson(fileOf(at), marks);

export const readMarks = (at: VmAt): Promise<Marks | undefined> => readJson<Marks>(fileOf(at));

/** Before the first byte; replaces what an older migration left. */
export const markStarted = (
  at: VmAt,
  startedId: string,
  ends: Pick<Marks, 'from' | 'to'>,
): Promise<void> => save(at, { format, startedId, startedAtMs: Date.now(), ...ends });

/** They are gone when the migration was given up: then nobody may go on under them. */
const marksOf = async (at: VmAt, migrationId: string): Promise<Marks> => {
  const marks = await readMarks(at);
  if (marks?.startedId === migrationId) return marks;
  throw failure('fenced', `the migration of VM ${at.id} was given up`);
};

export const markPlaceholder = async (at: VmAt, migrationId: string): Promise<void> => {
  const marks = await marksOf(at, migrationId);
  await save(at, { ...marks, placeholder: { vmId: at.id, migrationId } });
};

/** Before the guest goes on here. */
export const markCompleted = async (at: VmAt, migrationId: string): Promise<void> => {
  const marks = await marksOf(at, migrationId);
  await save(at, { ...marks, completedId: migrationId });
};

/** The VM is not here by a migration any more. */
export const clearMarks = (at: VmAt): Promise<void> => removeDurably(fileOf(at));

export const isCompleted = ({ startedId, completedId }: Marks): boolean =>
  startedId === completedId;

const executionOf = (at: VmAt, marks: Marks): MigrationArrival['execution'] => {
  const found = readVmProcess(at.directory, at.instance, at.id);
  if (found === undefined || found.phase === 'ended' || !isAlive(found)) return 'absent';
  if (found.phase !== 'arriving') return 'running';
  return isCompleted(marks) ? 'paused-complete' : 'paused-incoming';
};

const states = {
  running: 'completed',
  'paused-complete': 'running',
  'paused-incoming': 'running',
  absent: 'failed',
} as const;

/** The migration to here, as it is known here. */
export const statusOfArrival = (at: VmAt, marks: Marks): MigrationStatus => {
  const { startedId, placeholder, completedId, from, to } = marks;
  const execution = executionOf(at, marks);
  return {
    state: isCompleted(marks) && execution === 'absent' ? 'completed' : states[execution],
    fromComputeId: from.computeId,
    toComputeId: to.computeId,
    arrival: {
      startedId,
      ...(placeholder === undefined ? {} : { placeholder }),
      ...(completedId === undefined ? {} : { completedId }),
      execution,
    },
  };
};
