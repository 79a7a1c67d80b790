/**
 * A session: where an array or a compute is, and nothing else. What is true stands in durable files
 * and in QEMU's processes, so a session can end at any moment and the next one goes on.
 */
import { resolve } from 'node:path';
import type { OpenContext } from '@siteswap/sdk/plugin';
import { reachArray, type Storage } from './array.ts';
import type { Config } from './config.ts';
import { dialsFor } from './dial.ts';
import { failure, isUnreachable } from './faults.ts';
import { type GroupAt, type GroupState, groupAt, readGroup } from './group.ts';
import { checkInstalled } from './processes.ts';

export type Directories = Readonly<Record<string, string>>;

export interface ArraySession {
  readonly kind: 'array';
  readonly id: string;
  readonly siteId: string;
  readonly directory: string;
  /** Peer array id → its directory. */
  readonly peers: Directories;
  /** Starts the storage daemon when there is none. */
  readonly start: boolean;
}

export interface ComputeSession {
  readonly kind: 'compute';
  readonly id: string;
  readonly siteId: string;
  readonly directory: string;
  /** Array id → its directory. */
  readonly arrays: Directories;
  /** Starts the storage daemons of its arrays when there are none: they are of its own site. */
  readonly start: boolean;
  readonly hosts: readonly string[];
  /** Where its VMs can be migrated to, by id. */
  readonly computes: Readonly<
    Record<
      string,
      { readonly siteId: string; readonly directory: string; readonly arrays: Directories }
    >
  >;
}

export type Session = ArraySession | ComputeSession;

const whole = (directories: Directories): Directories =>
  Object.fromEntries(Object.entries(directories).map(([id, path]) => [id, resolve(path)]));

const others = (computes: NonNullable<Config['computes']>): ComputeSession['computes'] =>
  Object.fromEntries(
    Object.entries(computes).map(([id, { site, directory, arrays }]) => [
      id,
      { siteId: site, directory: resolve(directory), arrays: whole(arrays) },
    ]),
  );

const arrayPrograms = ['qemu-storage-daemon', 'qemu-img'];

export const openSession = (context: OpenContext<Config>): Session => {
  const { config, remoteId, siteId, connect } = context;
  if (process.platform !== 'linux') {
    throw failure('unsupported', 'the qemu plugin needs Linux: its locks and processes are its');
  }
  checkInstalled(config.arrays === undefined ? arrayPrograms : ['qemu-system-x86_64']);
  const at = { id: remoteId, siteId, directory: resolve(config.directory) };
  dialsFor(at.directory, connect);
  const { peers = {}, arrays, hosts = ['host-1'], computes = {}, start } = config;
  return arrays === undefined
    ? { kind: 'array', ...at, peers: whole(peers), start }
    : { kind: 'compute', ...at, arrays: whole(arrays), start, hosts, computes: others(computes) };
};

export const asArray = (session: Session): ArraySession => {
  if (session.kind === 'array') return session;
  throw failure('unsupported', `${session.id} is a compute: it has no verbs of an array`);
};

export const asCompute = (session: Session): ComputeSession => {
  if (session.kind === 'compute') return session;
  throw failure('unsupported', `${session.id} is an array: it has no verbs of a compute`);
};

/** The array of a session, if its directory is there. */
export const storageOf = (session: Session): Promise<Storage> => {
  const { directory, id, start } = asArray(session);
  return reachArray(directory, id, start);
};

/** The other end of a group. Its daemon is never started from here: that is its own array's. */
export const peerOf = async (session: Session, state: GroupState): Promise<GroupAt> => {
  const { peerArrayId } = state;
  if (peerArrayId === undefined) throw failure('conflict', `group ${state.id} has no peer`);
  const directory = asArray(session).peers[peerArrayId];
  if (directory === undefined) {
    throw failure('refused', `the directory of peer array ${peerArrayId} is not configured`, {
      hint: `Add it under \`peers\` of array ${session.id}.`,
    });
  }
  return groupAt(await reachArray(directory, peerArrayId, false), state.id);
};

/** State of the other end; undefined when its directory is out of reach, or there is none. */
export const peerState = async (
  session: Session,
  state: GroupState,
): Promise<GroupState | undefined> => {
  if (state.peerArrayId === undefined) return undefined;
  try {
    return await readGroup(await peerOf(session, state));
  } catch (error) {
    if (isUnreachable(error)) return undefined;
    throw error;
  }
};
