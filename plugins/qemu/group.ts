/**
 * A consistency group at one array: its durable state, changed only under its lock, whole; and the
 * way from there to the daemon that carries it.
 */
import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { GroupTarget, RecoveryPoint, Snapshot } from '@siteswap/sdk/plugin';
import { checkDeadline, type Licence, type Memory } from '@siteswap/sdk/plugin/kit';
import { encodeId, fileOf, type Storage } from './array.ts';
import { type Monitor, takeMonitor } from './daemon.ts';
import { namesIn, readJson, writeJson } from './durable.ts';
import { failure } from './faults.ts';
import { withLocks } from './locks.ts';
import type { Qmp } from './qmp.ts';

/** What a group is in its pair, as its own array sees it. */
export type Role =
  /** Accepts writers; what they write is replicated. */
  | 'source'
  /** Was the source; refuses writers. */
  | 'demoted'
  /** Receives; refuses writers. */
  | 'replica'
  /** Was the replica; accepts writers; nothing is replicated until it is reversed. */
  | 'promoted'
  /** Has no peer; accepts writers. */
  | 'single';

export interface StoredDevice {
  readonly id: string;
  readonly name: string;
  readonly sizeBytes: number;
  readonly peerId?: string;
  /** The datastore on it, the same at both ends. */
  readonly datastoreId: string;
}

/** A compute whose hosts may write to a device. */
export interface Seat {
  readonly computeId: string;
  readonly deviceId: string;
  /** Site of the compute: a fence of a shared device cuts off those of the other one. */
  readonly siteId: string;
  /** The licence under which it was given. */
  readonly lineage: string;
}

/**
 * One image of each device, upon those before it. What was written in one layer is what changed
 * since the point before it: that is all that has to travel. The last layer takes the writes.
 */
export interface Layer {
  readonly id: string;
  /** The bytes up to and including this layer are those of this point, at any array that has it. */
  readonly point?: RecoveryPoint;
}

/** What a replica's bytes are worth. */
export type Inflow =
  /** Those of its newest point; nothing arrives. */
  | 'still'
  /** Every write that the source acknowledges is here: consistent at any moment. */
  | 'live'
  /** Something is on its way in, in any order: only the newest point counts. */
  | 'partial';

/** The hosts of two sites share the group. */
export interface Shared {
  readonly siteIds: readonly [string, string];
  /** The one that goes on serving it. */
  readonly preferredSiteId: string;
  /** The one that was fenced off. */
  readonly isolatedSiteId?: string;
}

/** A synchronous pair whose role goes over together with the VM that writes to it. */
export interface Metro {
  /** Of this end, and of the other one. */
  readonly siteId: string;
  readonly peerSiteId: string;
  /** Where the role belongs. */
  readonly preferredSiteId: string;
  /** The other end was cut off from here, without a word to it. */
  readonly isolated?: true;
}

/**
 * A live migration takes the role along: at both ends from before the first byte until it is
 * decided where the guest goes on. Nothing else is done to the group meanwhile.
 */
export interface Swap {
  readonly migrationId: string;
  /** The compute that the guest goes to. */
  readonly computeId: string;
  /** An empty layer upon the last one, ready to be the next: the guest does not wait for it. */
  readonly next?: { readonly id: string; readonly upon: string };
}

export interface GroupState extends Memory {
  readonly format: number;
  readonly id: string;
  readonly peerArrayId?: string;
  readonly devices: readonly StoredDevice[];
  readonly mode: 'synchronous' | 'asynchronous';
  readonly role: Role;
  /** The licence of writers: `<ordinal>-<random>`. */
  readonly lineage: string;
  /** Highest ordinal ever given out or heard of here. */
  readonly lineageMax: number;
  /** A newer lineage writes elsewhere: no writer is accepted. */
  readonly fenced: boolean;
  readonly suspended: boolean;
  /** Lowest first. */
  readonly layers: readonly Layer[];
  /** The last layer, while its image was never open in a daemon that is gone: nothing is in it. */
  readonly fresh?: string;
  /** The last layer was added here, and maybe not yet in the daemon. */
  readonly freezing?: true;
  /** The layers up to this one are being put into the lowest, or into the one that is named. */
  readonly folding?: string;
  readonly foldingInto?: string;
  readonly inflow: Inflow;
  /** With `live`: when the source last said so. */
  readonly confirmed?: RecoveryPoint;
  /** Source: its daemon died, so the peer may hold acknowledged writes that it lost itself. */
  readonly forgot: boolean;
  /** The daemon's run in which its nodes were last looked after. */
  readonly run?: string;
  readonly hosts: readonly Seat[];
  /** Promoted: the way back, should the promote be undone. */
  readonly promotedFrom?: { readonly lineage: string };
  /** The writable copy, while there is one, upon this layer. */
  readonly test?: { readonly layer: string; readonly hosts: readonly Seat[] };
  /** A long job that works on the group. */
  readonly operation?: string;
  /** Copies that stand by themselves, oldest first. */
  readonly snapshots?: readonly Snapshot[];
  readonly shared?: Shared;
  readonly metro?: Metro;
  readonly swap?: Swap;
}

/** Where a group is. */
export interface GroupAt {
  readonly storage: Storage;
  readonly id: string;
  readonly directory: string;
}

export const groupAt = (storage: Storage, id: string): GroupAt => ({
  storage,
  id,
  directory: join(fileOf.groups(storage.directory), encodeId(id)),
});

export const stateFile = ({ directory }: GroupAt): string => join(directory, 'state.json');

const writable: ReadonlySet<Role> = new Set(['source', 'promoted', 'single']);

export const acceptsWriters = ({ role, fenced }: GroupState): boolean =>
  !fenced && writable.has(role);

/**
 * The computes that have exports of it: those with a seat, where writers are accepted. Ahead of
 * that the process which a guest comes into opens its disks; it holds them inactive.
 */
export const openSeats = (state: GroupState): readonly Seat[] => {
  if (acceptsWriters(state)) return state.hosts;
  if (state.role !== 'replica') return [];
  return state.hosts.filter(({ computeId }) => computeId === state.swap?.computeId);
};

/** A licence of its own, whoever else gives out the same ordinal. */
export const newLineage = (ordinal: number): string =>
  `${ordinal}-${randomBytes(4).toString('hex')}`;

export const ordinalOf = (lineage: string): number => Number(lineage.split('-', 1)[0]);

/** Somebody has promoted the other end since: what is written here counts no more. */
export const isLeftBehind = (state: GroupState, peer: GroupState | undefined): boolean =>
  peer !== undefined && acceptsWriters(peer) && ordinalOf(peer.lineage) > ordinalOf(state.lineage);

export const newLayerId = (): string => randomBytes(4).toString('hex');

/** Names a device in the daemon: node names are short, ids are not. */
export const tokenOf = ({ id }: Pick<GroupAt, 'id'>, device: Pick<StoredDevice, 'id'>): string =>
  createHash('sha256').update(`${id}\n${device.id}`).digest('hex').slice(0, 10);

export const activeLayer = ({ layers }: GroupState): Layer => layers.at(-1) as Layer;

/** A layer on which a point stands. */
export type PointLayer = Layer & { readonly point: RecoveryPoint };

/** The newest of its layers that is a point. */
export const newestLayer = ({ layers }: GroupState): PointLayer | undefined =>
  layers.findLast((layer): layer is PointLayer => layer.point !== undefined);

/** Newest point that its layers hold. */
export const newestPoint = (state: GroupState): RecoveryPoint | undefined =>
  newestLayer(state)?.point;

/** What a replica stands on; throws `conflict` where none was ever whole. */
export const standingOf = (state: GroupState): PointLayer => {
  const newest = newestLayer(state);
  if (newest !== undefined) return newest;
  throw failure('conflict', `group ${state.id} has no complete recovery point here`, {
    hint: 'Sync it from its source first.',
  });
};

/** Newest point that both ends hold: from there on they differ. */
export const commonPoint = (one: GroupState, other: GroupState): RecoveryPoint | undefined => {
  const there = new Set(other.layers.flatMap(({ point }) => point?.id ?? []));
  return one.layers.findLast(({ point }) => point !== undefined && there.has(point.id))?.point;
};

/** As of now; throws `missing` when there is no such group. */
export const readGroup = async (at: GroupAt): Promise<GroupState> => {
  const state = await readJson<GroupState>(stateFile(at));
  if (state !== undefined) return state;
  throw failure('missing', `array ${at.storage.id} has no group or device ${at.id}`);
};

/** A group whose lock is held. */
export interface HeldGroup {
  readonly at: GroupAt;
  /** As of the last commit. */
  readonly state: GroupState;
  /** Makes a new state durable. Refused when the call is past its deadline. */
  readonly commit: (next: GroupState) => Promise<void>;
  /** A monitor of its daemon, kept until the lock is given back. */
  readonly monitor: () => Promise<Monitor>;
  readonly signal: AbortSignal;
}

interface Hold {
  readonly held: HeldGroup;
  readonly release: () => Promise<void>;
}

const hold = async (at: GroupAt, licence: Licence): Promise<Hold> => {
  let state = await readGroup(at);
  let monitor: Promise<Monitor> | undefined;
  const held: HeldGroup = {
    at,
    signal: licence.signal,
    get state() {
      return state;
    },
    commit: async (next) => {
      checkDeadline(licence);
      await writeJson(stateFile(at), next);
      state = next;
    },
    monitor: () => {
      monitor ??= takeMonitor(at.storage, licence.signal);
      return monitor;
    },
  };
  const release = async (): Promise<void> => {
    await (await monitor?.catch(() => undefined))?.release();
  };
  return { held, release };
};

const lockOf = ({ storage, id }: GroupAt): string => `group ${id} of array ${storage.uuid}`;

/** Runs `body` with the locks of the groups: of one, or of both ends of a pair. */
const withHeld = <T>(
  groups: readonly GroupAt[],
  licence: Licence,
  body: (held: readonly HeldGroup[]) => Promise<T>,
): Promise<T> =>
  withLocks(groups.map(lockOf), licence.signal, async () => {
    const holds: Hold[] = [];
    checkDeadline(licence);
    try {
      for (const at of groups) holds.push(await hold(at, licence));
      return await body(holds.map(({ held }) => held));
    } finally {
      await Promise.all(holds.map(({ release }) => release()));
    }
  });

export const withGroup = <T>(
  at: GroupAt,
  licence: Licence,
  body: (held: HeldGroup) => Promise<T>,
): Promise<T> => withHeld([at], licence, ([held]) => body(held as HeldGroup));

export const withPair = <T>(
  here: GroupAt,
  there: GroupAt,
  licence: Licence,
  body: (here: HeldGroup, there: HeldGroup) => Promise<T>,
): Promise<T> =>
  withHeld([here, there], licence, ([one, other]) => body(one as HeldGroup, other as HeldGroup));

/** Every group of an array, by id. */
export const allGroups = async (storage: Storage): Promise<GroupState[]> => {
  const states: GroupState[] = [];
  for (const name of await namesIn(fileOf.groups(storage.directory))) {
    const id = decodeURIComponent(name);
    const state = await readJson<GroupState>(stateFile(groupAt(storage, id)));
    if (state !== undefined) states.push(state);
  }
  return states;
};

/**
 * The group that a target means: by its id, or by its devices when the caller made the id up. A
 * target that names a part of a group's devices is refused: a group changes whole.
 */
export const findGroup = async (
  storage: Storage,
  target: Pick<GroupTarget, 'id' | 'devices'>,
): Promise<GroupAt> => {
  const all = await allGroups(storage);
  const [first = target.id] = target.devices;
  const state =
    all.find(({ id }) => id === target.id) ??
    all.find(({ devices }) => devices.some(({ id }) => id === first));
  if (state === undefined) {
    throw failure('missing', `array ${storage.id} has no group or device ${target.id}`);
  }
  const known = state.devices.map(({ id }) => id);
  const strange = target.devices.filter((id) => !known.includes(id));
  if (strange.length > 0) {
    throw failure('missing', `group ${state.id} has no device ${strange.join(', ')}`, {
      members: strange,
    });
  }
  const left = known.filter((id) => !target.devices.includes(id));
  if (target.devices.length > 0 && left.length > 0) {
    throw failure('refused', `group ${state.id} changes whole, with ${left.join(', ')}`, {
      members: left,
    });
  }
  return groupAt(storage, state.id);
};

/** One question about all nodes, jobs or exports of a daemon. */
export const ask = <T>(qmp: Qmp, command: string, args = {}): Promise<readonly T[]> =>
  qmp.must<readonly T[]>(command, args);
