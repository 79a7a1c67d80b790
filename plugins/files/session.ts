/**
 * A session: where an array or a compute is, and nothing else. It caches nothing, so any number of
 * threads and daemons agree, and a directory that was away is used again as soon as it is back.
 */

import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { OpenContext, Secret } from '@siteswap/sdk/plugin';
import type { Config } from './config.ts';
import { readJson } from './durable.ts';
import { failure } from './faults.ts';
import { type GroupAt, type GroupState, groupAt } from './group.ts';
import { slowFile } from './layout.ts';
import { checkToken, reachStorage, type Storage } from './storage.ts';

export interface ArraySession {
  readonly kind: 'array';
  readonly id: string;
  readonly directory: string;
  readonly peers: Readonly<Record<string, string>>;
  readonly token: Secret | undefined;
}

export interface ComputeSession {
  readonly kind: 'compute';
  readonly id: string;
  readonly directory: string;
  readonly arrays: Readonly<Record<string, string>>;
  readonly heartbeatMs: number;
  /** Where its VMs can be migrated to. */
  readonly computes: Readonly<Record<string, ComputeAt>>;
}

/** Another compute: its directory, and those of the arrays that it sees. */
export interface ComputeAt {
  readonly directory: string;
  readonly arrays: Readonly<Record<string, string>>;
}

export type Session = ArraySession | ComputeSession;

/** Movers and VMs run elsewhere: they are given whole paths. */
export const resolveAll = (directories: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(directories).map(([id, path]) => [id, resolve(path)]));

export const openSession = ({ config, remoteId }: OpenContext<Config>): Session => {
  if (process.platform !== 'linux') {
    throw failure('unsupported', 'the files plugin needs Linux: its locks and processes are its');
  }
  const { peers = {}, arrays, computes = {}, token, heartbeatMs } = config;
  const directory = resolve(config.directory);
  if (arrays === undefined) {
    return { kind: 'array', id: remoteId, directory, peers: resolveAll(peers), token };
  }
  const whole = Object.entries(computes).map(([id, at]): [string, ComputeAt] => [
    id,
    { directory: resolve(at.directory), arrays: resolveAll(at.arrays) },
  ]);
  const known = { arrays: resolveAll(arrays), computes: Object.fromEntries(whole) };
  return { kind: 'compute', id: remoteId, directory, heartbeatMs, ...known };
};

export const asArray = (session: Session): ArraySession => {
  if (session.kind === 'array') return session;
  throw failure('unsupported', `${session.id} is a compute: it has no verbs of an array`);
};

export const asCompute = (session: Session): ComputeSession => {
  if (session.kind === 'compute') return session;
  throw failure('unsupported', `${session.id} is an array: it has no verbs of a compute`);
};

/** Content of `slow.json`. */
export interface Slow {
  readonly format: number;
  readonly callMsMin: number;
}

/** A remote that was made slow takes its time before it does anything. */
export const takeTime = async (directory: string, signal: AbortSignal): Promise<void> => {
  const slow = await readJson<Slow>(slowFile(directory));
  if (slow !== undefined) await sleep(slow.callMsMin, undefined, { signal });
};

/** The array of a session, if it answers. */
export const storageOf = async (session: Session, signal: AbortSignal): Promise<Storage> => {
  const { directory, id, token } = asArray(session);
  const storage = await reachStorage(directory, id);
  checkToken(storage, token);
  await takeTime(directory, signal);
  return storage;
};

/** The other end of a group. Throws `unreachable` when its array does not answer. */
export const peerOf = async (session: ArraySession, state: GroupState): Promise<GroupAt> => {
  const { peerArrayId } = state;
  if (peerArrayId === undefined) throw failure('conflict', `group ${state.id} has no peer`);
  const directory = session.peers[peerArrayId];
  if (directory === undefined) {
    throw failure('refused', `the directory of peer array ${peerArrayId} is not configured`, {
      hint: `Add it under \`peers\` of array ${session.id}.`,
    });
  }
  return groupAt(await reachStorage(directory, peerArrayId), state.id);
};
