/**
 * Long jobs of an array. A job is a file; it is carried out by the *mover*, a process of its own
 * that outlives the daemon, one at a time for each array. A mover that died is replaced at the next
 * poll and begins its jobs again: each job can be begun any number of times.
 */
import { createHash } from 'node:crypto';
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Evidence, Fault, OperationStatus } from '@siteswap/sdk/plugin';
import { format, makeDirectory, namesIn, readJson, writeJson, writeWhole } from './durable.ts';
import { moverLog, operationFile, operationsIn } from './layout.ts';
import { operationsKeptMax } from './limits.ts';
import { isLocked } from './lock.ts';
import { isAlive, type ProcessRef, startDetached } from './processes.ts';
import type { Storage } from './storage.ts';

/** One end of a replication, for a process that has no configuration. */
export interface End {
  readonly directory: string;
  readonly arrayId: string;
}

export interface Operation {
  readonly format: number;
  readonly id: string;
  readonly verb: 'sync' | 'reverse' | 'resync';
  /** Of the call that it was accepted for. */
  readonly key: string;
  /** Verb and target, as remembered with the key. */
  readonly what: string;
  readonly groupId: string;
  /** The array that accepted it, where its outcome is remembered. */
  readonly home: End;
  readonly sender: End;
  readonly receiver: End;
  /** Resync: what becomes of the snapshot of what the receiver held. */
  readonly changes?: 'keep' | 'discard';
  readonly startedAtMs: number;
  /** Times that a mover began it. */
  readonly starts: number;
  readonly state: 'running' | 'done' | 'failed';
  /** 0 to 1. */
  readonly progress: number;
  readonly evidence?: Evidence;
  readonly fault?: Fault;
}

/** The same key and target always name the same operation. */
export const operationIdOf = (key: string, what: string): string =>
  createHash('sha256').update(`${key}\n${what}`).digest('hex').slice(0, 32);

export const moverLockOf = ({ uuid }: Storage): string => `mover of array ${uuid}`;

export const readOperation = (storage: Storage, id: string): Promise<Operation | undefined> =>
  readJson<Operation>(operationFile(storage.directory, id));

export const saveOperation = (storage: Storage, operation: Operation): Promise<void> =>
  writeJson(operationFile(storage.directory, operation.id), operation);

/** Progress only: not worth a sync to disk. */
export const reportOperation = (storage: Storage, operation: Operation): Promise<void> =>
  writeWhole(operationFile(storage.directory, operation.id), JSON.stringify(operation));

/** Operations that still have to be carried out, oldest first. */
export const openOperations = async (storage: Storage): Promise<Operation[]> => {
  const folder = operationsIn(storage.directory);
  const open: Operation[] = [];
  for (const name of await namesIn(folder)) {
    const operation = await readJson<Operation>(join(folder, name));
    if (operation?.state === 'running') open.push(operation);
  }
  return open.sort((a, b) => a.startedAtMs - b.startedAtMs);
};

/** Forgets the oldest ended operations; late polls of them get `missing`. */
const prune = async (storage: Storage): Promise<void> => {
  const folder = operationsIn(storage.directory);
  const names = await namesIn(folder);
  if (names.length <= operationsKeptMax) return;
  const ended: { file: string; atMs: number }[] = [];
  for (const name of names) {
    const file = join(folder, name);
    const operation = await readJson<Operation>(file);
    if (operation === undefined || operation.state === 'running') continue;
    ended.push({ file, atMs: (await stat(file)).mtimeMs });
  }
  ended.sort((a, b) => a.atMs - b.atMs);
  for (const { file } of ended.slice(0, names.length - operationsKeptMax)) {
    await rm(file, { force: true });
  }
};

/** Movers that this thread started: one that is still starting up holds no lock yet. */
const started = new Map<string, ProcessRef>();

/** Makes sure that somebody works on the array's operations. */
export const ensureMover = async (storage: Storage): Promise<void> => {
  const starting = started.get(storage.uuid);
  if (starting !== undefined && isAlive(starting)) return;
  if (await isLocked(moverLockOf(storage))) return;
  const mover = startDetached('mover', [storage.directory], moverLog(storage.directory));
  started.set(storage.uuid, mover);
};

type NewOperation = Omit<
  Operation,
  'format' | 'id' | 'startedAtMs' | 'starts' | 'state' | 'progress'
>;

/** Accepts an operation; the group's state must already name it. Answers its id. */
export const beginOperation = async (storage: Storage, job: NewOperation): Promise<string> => {
  const id = operationIdOf(job.key, job.what);
  await makeDirectory(operationsIn(storage.directory));
  await prune(storage);
  const begun = { startedAtMs: Date.now(), starts: 0, state: 'running', progress: 0 } as const;
  await saveOperation(storage, { format, id, ...begun, ...job });
  await ensureMover(storage);
  return id;
};

/** What a poll gets; a mover that died is replaced. */
export const operationStatus = async (
  storage: Storage,
  targetId: string,
  operationId: string,
): Promise<OperationStatus> => {
  const operation = await readOperation(storage, operationId);
  if (operation === undefined) {
    const message = `array ${storage.id} knows no operation ${operationId}`;
    return { id: targetId, state: 'failed', fault: { kind: 'missing', owner: 'array', message } };
  }
  if (operation.state === 'running') {
    await ensureMover(storage);
    return { id: targetId, state: 'running', progress: operation.progress };
  }
  if (operation.fault !== undefined) {
    return { id: targetId, state: 'failed', fault: operation.fault };
  }
  return { id: targetId, state: 'done', evidence: operation.evidence ?? {} };
};
