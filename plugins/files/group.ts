/**
 * A consistency group at one array: its durable state, changed only under its lock, whole.
 */
import { randomBytes } from 'node:crypto';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { RecoveryPoint } from '@siteswap/sdk/plugin';
import { checkDeadline, type Licence, type Memory, unbound } from '@siteswap/sdk/plugin/kit';
import { namesIn, readJson, writeJson } from './durable.ts';
import { asSeenBy, type Stretched, standsStill } from './ends.ts';
import { failure } from './faults.ts';
import { groupDirectory, groupsIn, stateFile } from './layout.ts';
import { withLocks } from './lock.ts';
import { reachStorage, type Shared, type Storage } from './storage.ts';

/** What a group is in its pair, as its own array sees it. */
export type Role =
  /** Accepts writers; what they write is replicated. */
  | 'source'
  /** Was the source; refuses writers; its last bytes can still be replicated. */
  | 'demoted'
  /** Receives; refuses writers. */
  | 'replica'
  /** Was the replica; accepts writers; nothing is replicated until it is reversed. */
  | 'promoted'
  /** One of two ends of the same bytes; both accept writers, unless one was isolated. */
  | 'stretched'
  /** Has no peer; accepts writers. */
  | 'single';

export interface StoredDevice {
  readonly id: string;
  readonly name: string;
  readonly sizeBytes: number;
  readonly peerId?: string;
}

/** A recovery point: the whole group's bytes as of one moment. */
export interface Point extends RecoveryPoint {
  /** Of the bytes of all devices. */
  readonly digest: string;
  readonly lineage: string;
}

export interface Snapshot {
  readonly name: string;
  readonly atMs: number;
}

export interface GroupState extends Memory {
  readonly format: number;
  readonly id: string;
  readonly peerArrayId?: string;
  readonly devices: readonly StoredDevice[];
  readonly role: Role;
  /** The licence of writers: `<ordinal>-<random>`. */
  readonly lineage: string;
  /** Highest ordinal ever given out or heard of here. */
  readonly lineageMax: number;
  /** A newer lineage writes elsewhere: no writer is accepted. */
  readonly fenced: boolean;
  readonly suspended: boolean;
  /** Replica: what its bytes are. Others: what the peer is known to hold. */
  readonly point?: Point;
  /** Replica: this point's blocks are all in the incoming log, and are on their way in. */
  readonly applying?: Point & { readonly blocks: number };
  /** True while the stored checksums are those of the images: nobody has written since. */
  readonly sumsHold: boolean;
  /** Promoted: the way back, should the promote be undone. */
  readonly promotedFrom?: {
    readonly lineage: string;
    readonly point: Point;
    /** It had been the source, demoted for a failover whose target was lost. */
    readonly demoted?: true;
  };
  /** The writable copy, while there is one. */
  readonly test?: { readonly pointId: string };
  readonly snapshots: readonly Snapshot[];
  /** A long job that works on the group. */
  readonly operation?: string;
  /** With the role of that name. */
  readonly stretched?: Stretched;
}

/** Where a group is. */
export interface GroupAt {
  readonly storage: Storage;
  readonly id: string;
  /** Its directory. */
  readonly directory: string;
}

const sharedOf = ({ shared = {} }: Storage, id: string): Shared | undefined =>
  Object.hasOwn(shared, id) ? shared[id] : undefined;

export const groupAt = (storage: Storage, id: string): GroupAt => ({
  storage,
  id,
  directory: sharedOf(storage, id)?.directory ?? groupDirectory(storage.directory, id),
});

export const lockOf = ({ storage, id }: GroupAt): string =>
  `group ${id} of array ${sharedOf(storage, id)?.uuid ?? storage.uuid}`;

const writable: ReadonlySet<Role> = new Set(['source', 'promoted', 'single', 'stretched']);

export const acceptsWriters = (state: GroupState): boolean =>
  !state.fenced && !standsStill(state) && writable.has(state.role);

/** A licence of its own, whoever else gives out the same ordinal. */
export const newLineage = (ordinal: number): string =>
  `${ordinal}-${randomBytes(4).toString('hex')}`;

export const ordinalOf = (lineage: string): number => Number(lineage.split('-', 1)[0]);

/** As of now; throws `missing` when there is no such group. */
export const readGroup = async (at: GroupAt): Promise<GroupState> => {
  const state = await readJson<GroupState>(stateFile(at.directory));
  if (state !== undefined) return asSeenBy(state, at.storage.id);
  await reachStorage(at.storage.directory, at.storage.id);
  throw failure('missing', `array ${at.storage.id} has no group or device ${at.id}`);
};

/** A group whose lock is held. */
export interface HeldGroup {
  readonly at: GroupAt;
  /** As of the last commit. */
  readonly state: GroupState;
  /** Makes a new state durable. Refused when the call is past its deadline. */
  readonly commit: (next: GroupState) => Promise<void>;
}

/** Work that is bound to no caller: operations, and a VM's own steps. */
export const ownLicence = (): Licence => unbound({ key: '', epoch: 0 });

const hold = async (at: GroupAt, licence: Licence): Promise<HeldGroup> => {
  let state = await readGroup(at);
  return {
    at,
    get state() {
      return state;
    },
    commit: async (next) => {
      checkDeadline(licence);
      await writeJson(stateFile(at.directory), next);
      state = asSeenBy(next, at.storage.id);
    },
  };
};

/** Runs `body` with the group's lock. */
export const withGroup = <T>(
  at: GroupAt,
  licence: Licence,
  body: (held: HeldGroup) => Promise<T>,
): Promise<T> => withLocks([lockOf(at)], licence, async () => body(await hold(at, licence)));

/** The same with both ends of a pair: for changes that depend on both roles. */
export const withPair = <T>(
  here: GroupAt,
  there: GroupAt,
  licence: Licence,
  body: (here: HeldGroup, there: HeldGroup) => Promise<T>,
): Promise<T> =>
  withLocks([lockOf(here), lockOf(there)], licence, async () =>
    body(await hold(here, licence), await hold(there, licence)),
  );

/** Every group of an array, by id. */
export const allGroups = async (storage: Storage): Promise<GroupState[]> => {
  const states: GroupState[] = [];
  const own = groupsIn(storage.directory);
  const folders = (await namesIn(own)).map((name) => join(own, name));
  const shared = Object.values(storage.shared ?? {}).map(({ directory }) => directory);
  for (const folder of [...folders, ...shared]) {
    const state = await readJson<GroupState>(stateFile(folder));
    if (state !== undefined) states.push(asSeenBy(state, storage.id));
  }
  return states.sort((a, b) => (a.id < b.id ? -1 : 1));
};

/**
 * The group that a target means: by its id, or by its devices when the caller made the id up.
 * A target that names a part of a group's devices is refused: a group changes whole.
 */
export const findGroup = async (
  storage: Storage,
  target: { readonly id: string; readonly devices: readonly string[] },
): Promise<GroupAt> => {
  const named = groupAt(storage, target.id);
  const exists = await access(stateFile(named.directory)).then(
    () => true,
    () => false,
  );
  const [first] = target.devices;
  const state = exists
    ? await readGroup(named)
    : (await allGroups(storage)).find(({ devices }) => devices.some(({ id }) => id === first));
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
