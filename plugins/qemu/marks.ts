/**
 * What durably stands at the destination of a live migration: whoever is left when its source is
 * gone judges by this and by the process beside it, and nothing here asks the source.
 */
import type { MigrationArrival, MigrationStatus } from '@siteswap/sdk/plugin';
import {
  format,
  makeDirectory,
  type Replaced,
  readJson,
  replaceJson,
  writeJson,
} from './durable.ts';
import { failure } from './faults.ts';
import { isOn, isPausedComplete, type Look } from './machine.ts';
import { marksFile, type VmAt, vmDirectory } from './places.ts';

export interface Marks {
  readonly format: number;
  /** Of the migration that was begun last. */
  readonly startedId: string;
  readonly startedAtMs: number;
  readonly fromComputeId: string;
  readonly toComputeId: string;
  readonly placeholder?: { readonly vmId: string; readonly migrationId: string };
  readonly completedId?: string;
}

/** Undefined: nothing of a migration to here is left. */
export const readMarks = async (at: VmAt): Promise<Marks | undefined> => {
  const found = await readJson<Marks | Cleared>(marksFile(at));
  return found === undefined || 'cleared' in found ? undefined : found;
};

/** Nothing, said durably. */
interface Cleared {
  readonly format: number;
  readonly cleared: true;
}

const save = (at: VmAt, marks: Marks | Cleared): Promise<void> => writeJson(marksFile(at), marks);

/** Kept before the first byte; replaces what an older migration left. */
export const markStarted = async (
  at: VmAt,
  startedId: string,
  ends: Pick<Marks, 'fromComputeId' | 'toComputeId'>,
): Promise<Replaced> => {
  await makeDirectory(vmDirectory(at));
  const marks: Marks = { format, startedId, startedAtMs: Date.now(), ...ends };
  return replaceJson(marksFile(at), marks);
};

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
export const clearMarks = async (at: VmAt): Promise<void> => {
  if ((await readMarks(at)) === undefined) return;
  await save(at, { format, cleared: true });
};

export const isCompleted = (marks: Marks | undefined): boolean =>
  marks !== undefined && marks.completedId === marks.startedId;

/** What is here of a VM that came, or was about to. */
export const executionOf = (look: Look): MigrationArrival['execution'] => {
  if (isPausedComplete(look)) return 'paused-complete';
  if (isOn(look)) return 'running';
  return look.status === 'gone' || look.status === 'shutdown' ? 'absent' : 'paused-incoming';
};

const states = {
  running: 'completed',
  'paused-complete': 'running',
  'paused-incoming': 'running',
  absent: 'failed',
} as const;

/** The migration to here, as it is known here. */
export const statusOfArrival = (marks: Marks, look: Look): MigrationStatus => {
  const { startedId, placeholder, completedId, fromComputeId, toComputeId } = marks;
  const execution = executionOf(look);
  return {
    state: isCompleted(marks) && execution === 'absent' ? 'completed' : states[execution],
    fromComputeId,
    toComputeId,
    arrival: {
      startedId,
      ...(placeholder === undefined ? {} : { placeholder }),
      ...(completedId === undefined ? {} : { completedId }),
      execution,
    },
  };
};
