/**
 * Long jobs. QEMU copies by itself; what remains is to look and to do the next thing, and that is
 * done by whoever polls. So an operation is a durable record, and needs no process to be carried
 * on: a plugin that died goes on with the next poll.
 */
import { createHash } from 'node:crypto';
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Evidence, Fault, OperationStatus } from '@siteswap/sdk/plugin';
import { ownLicence, remember } from '@siteswap/sdk/plugin/kit';
import { fileOf, type Storage } from './array.ts';
import { format, makeDirectory, namesIn, readJson, writeJson } from './durable.ts';
import { failure, faultOrUnknown } from './faults.ts';
import { type GroupAt, groupAt, type HeldGroup, readGroup, withPair } from './group.ts';
import { dropUnnamed, withoutKept } from './kept.ts';
import { operationsKeptMax, stepMsMax } from './limits.ts';
import { waitFor } from './locks.ts';
import { replicate } from './replicate.ts';
import { turnPair } from './roles.ts';
import { peerOf, type Session } from './session.ts';

export type LongVerb = 'sync' | 'reverse' | 'resync';

export interface Operation {
  readonly format: number;
  readonly id: string;
  readonly verb: LongVerb;
  /** Of the call that it was accepted for. */
  readonly key: string;
  /** Verb and target, as remembered with the key. */
  readonly what: string;
  readonly groupId: string;
  /** Resync: what becomes of the copy of what the other end held. */
  readonly changes?: 'keep' | 'discard';
  readonly state: 'running' | 'done' | 'failed';
  /** 0 to 1. */
  readonly progress: number;
  /** Bytes that travelled, as far as steps have found. */
  readonly movedBytes: number;
  readonly evidence?: Evidence;
  readonly fault?: Fault;
}

/** The same key and target always name the same operation. */
export const operationIdOf = (key: string, what: string): string =>
  createHash('sha256').update(`${key}\n${what}`).digest('hex').slice(0, 32);

const fileIn = ({ directory }: Storage, id: string): string =>
  join(fileOf.operations(directory), `${id}.json`);

/** An id that is none names no file. */
export const readOperation = async (
  storage: Storage,
  id: string,
): Promise<Operation | undefined> =>
  /^[0-9a-f]{32}$/.test(id) ? readJson<Operation>(fileIn(storage, id)) : undefined;

const save = (storage: Storage, operation: Operation): Promise<void> =>
  writeJson(fileIn(storage, operation.id), operation);

/** Forgets the oldest ended operations; late polls of them get `missing`. */
const prune = async (storage: Storage): Promise<void> => {
  const folder = fileOf.operations(storage.directory);
  const names = await namesIn(folder);
  if (names.length <= operationsKeptMax) return;
  const ended: { readonly file: string; readonly atMs: number }[] = [];
  for (const name of names) {
    const file = join(folder, name);
    if ((await readJson<Operation>(file))?.state === 'running') continue;
    ended.push({ file, atMs: (await stat(file)).mtimeMs });
  }
  ended.sort((a, b) => a.atMs - b.atMs);
  for (const { file } of ended.slice(0, names.length - operationsKeptMax)) await rm(file);
};

/** Accepts an operation; the group's state must already name it. */
export const beginOperation = async (
  storage: Storage,
  job: Pick<Operation, 'verb' | 'key' | 'what' | 'groupId' | 'changes'>,
): Promise<void> => {
  await makeDirectory(fileOf.operations(storage.directory));
  await prune(storage);
  const id = operationIdOf(job.key, job.what);
  const begun = { state: 'running', progress: 0, movedBytes: 0 } as const;
  await save(storage, { format, id, ...begun, ...job });
};

/** Name of the copy that a resync makes of what it is about to overwrite. */
const keptNameOf = ({ verb, id }: Operation): string | undefined =>
  verb === 'resync' ? `before-resync-${id.slice(0, 12)}` : undefined;

const end = async (source: HeldGroup, operation: Operation, evidence: Evidence): Promise<void> => {
  const { operation: _, ...free } = source.state;
  const { key, what } = operation;
  await source.commit(remember(free, { key, what, evidence }));
  const { storage } = source.at;
  await save(storage, { ...operation, state: 'done', progress: 1, evidence });
};

/** One step under the locks of both ends. Answers the operation as it stands now. */
const step = async (source: HeldGroup, target: HeldGroup, id: string): Promise<Operation> => {
  const { storage } = source.at;
  const operation = await readOperation(storage, id);
  if (operation === undefined) throw failure('missing', `${storage.id} knows no operation ${id}`);
  if (operation.state !== 'running' || source.state.operation !== id) return operation;
  const kept = keptNameOf(operation);
  if (operation.verb !== 'sync') await turnPair(source, target, kept);
  const { done, progress, movedBytes } = await replicate(source, target, id);
  const moved = operation.movedBytes + (movedBytes ?? 0);
  const next = { ...operation, progress: Math.min(progress, 1), movedBytes: moved };
  if (done === undefined) {
    await save(storage, next);
    return next;
  }
  if (kept !== undefined && operation.changes === 'discard') {
    await target.commit(withoutKept(target.state, kept));
    await dropUnnamed(target);
  }
  const snapshot = kept === undefined ? {} : { snapshot: kept };
  await end(source, next, { ...done, ...snapshot, movedBytes: moved });
  return (await readOperation(storage, id)) as Operation;
};

const fail = async (source: GroupAt, target: GroupAt, id: string, fault: Fault): Promise<void> => {
  await withPair(source, target, ownLicence(), async (held) => {
    const operation = await readOperation(source.storage, id);
    if (operation?.state !== 'running') return;
    await save(source.storage, { ...operation, state: 'failed', fault });
    const { operation: current, ...free } = held.state;
    if (current === id) await held.commit(free);
  });
};

const stepFor = async (
  source: GroupAt,
  target: GroupAt,
  id: string,
): Promise<Operation | undefined> => {
  const operation = await withPair(source, target, ownLicence(), (held, peer) =>
    step(held, peer, id),
  );
  return operation.state === 'running' ? undefined : operation;
};

/** Carries an operation on, for a while. A fault ends it; the same key begins it again. */
export const carryOn = async (
  session: Session,
  source: GroupAt,
  id: string,
  signal: AbortSignal,
): Promise<void> => {
  const target = await peerOf(session, await readGroup(source));
  try {
    await waitFor(() => stepFor(source, target, id), stepMsMax, signal);
  } catch (error) {
    const fault = faultOrUnknown(error);
    if (fault.kind !== 'busy' && fault.kind !== 'interrupted')
      await fail(source, target, id, fault);
  }
};

/** What a poll gets, once it has done what there was to do. */
export const operationStatus = async (
  session: Session,
  storage: Storage,
  poll: { readonly id: string; readonly operation: string },
  signal: AbortSignal,
): Promise<OperationStatus> => {
  const { id, operation: operationId } = poll;
  const before = await readOperation(storage, operationId);
  if (before?.state === 'running') {
    await carryOn(session, groupAt(storage, before.groupId), operationId, signal);
  }
  const found = before === undefined ? undefined : await readOperation(storage, operationId);
  if (found === undefined) {
    const message = `array ${storage.id} knows no operation ${operationId}`;
    return { id, state: 'failed', fault: { kind: 'missing', owner: 'array', message } };
  }
  if (found.fault !== undefined) return { id, state: 'failed', fault: found.fault };
  return found.state === 'running'
    ? { id, state: 'running', progress: found.progress }
    : { id, state: 'done', evidence: found.evidence ?? {} };
};
