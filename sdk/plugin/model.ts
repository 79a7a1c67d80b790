/**
 * What a plugin says about the world: arrays, devices, VMs, datastores.
 *
 * Ids are opaque strings, unique within their array (devices, groups) or compute (VMs, datastores).
 * Times are milliseconds since the Unix epoch. Sizes are bytes.
 */

/** Health of a replication pair: the states of SNIA Swordfish (StorageReplicaInfo.ReplicaState). */
export const pairStates = [
  'initialized',
  'unsynchronized',
  'synchronized',
  'broken',
  'fractured',
  'split',
  'inactive',
  'suspended',
  'failedover',
  'prepared',
  'aborted',
  'skewed',
  'mixed',
  'partitioned',
  'invalid',
  'restored',
  'unknown',
] as const;
export type PairState = (typeof pairStates)[number];

/** Which way data flows through a device's pair, seen from this array. */
export type Direction = 'outgoing' | 'incoming' | 'stretched' | 'none';
export type Access = 'read-write' | 'read-only';
export type UpdateMode = 'active' | 'synchronous' | 'asynchronous' | 'adaptive';

/** The other end of a replication pair. */
export interface Peer {
  readonly arrayId: string;
  readonly deviceId: string;
}

/** A moment as of which the copy is consistent, and who says so. */
export interface RecoveryPoint {
  readonly id: string;
  /** As of when the data is consistent. */
  readonly atMs: number;
  /** Which array said so. */
  readonly by: string;
}

/** What a consistency group held at a moment, kept under a name at one array. */
export interface Snapshot {
  readonly name: string;
  readonly atMs: number;
}

export interface ArrayInfo {
  readonly id: string;
  readonly name: string;
  readonly vendor: string;
  readonly model: string;
  readonly softwareVersion: string;
  readonly peerArrayIds: readonly string[];
}

export interface Device {
  readonly id: string;
  readonly name: string;
  readonly sizeBytes: number;
  readonly direction: Direction;
  readonly access: Access;
  readonly pairState: PairState;
  readonly peer?: Peer;
  /** Consistency group that it is replicated with; a device without one is a group of itself. */
  readonly groupId?: string;
  readonly updateMode?: UpdateMode;
  readonly lastRecoveryPoint?: RecoveryPoint;
  /** As hosts see it: wwn, nguid, NFS export or path. */
  readonly hostIdentity?: string;
  /** The licence under which writers write now; a new one opens at each forced promote. */
  readonly lineage?: string;
  /**
   * Hosts of both sites see it as one device: a pair whose ends are writable as one (its peer is
   * the other end), or one device that both sites share. Its direction is `stretched` while both
   * sides serve it; `outgoing` or `incoming` once one side was fenced or reversed away. With an
   * `updateMode` other than `active` it is a replicated pair that is only shown as one device.
   */
  readonly stretched?: boolean;
  /** Stretched: the site that keeps serving it when the sites lose each other. */
  readonly preferredSiteId?: string;
  /** What the storage is set to keep the copy's age below. */
  readonly rpoMs?: number;
  /** Written here since the ends parted, and not at the other end; where the storage knows it. */
  readonly divergedBytes?: number;
}

export type PowerState = 'on' | 'off';
/** A test instance runs from a test copy, on an isolated network, beside the production VM. */
export type Instance = 'production' | 'test';

export interface Vm {
  readonly id: string;
  readonly name: string;
  readonly datastoreIds: readonly string[];
  readonly power: PowerState;
  readonly instance: Instance;
}

/** A VM's files in one mounted datastore: after a storage migration there may be several. */
export interface FoundInstance {
  readonly datastoreId: string;
  /** Names of the VM's disks there; none: only the record of a migration stands there. */
  readonly disks: readonly string[];
  /** The record of its newest storage migration, as it stands there; absent: there is none. */
  readonly record?: string;
  /** Of the disks' bytes; only where it was asked for, because that reads them all. */
  readonly digest?: string;
  /** Whether the compute would register the VM from here; absent: from wherever it stands. */
  readonly chosen?: boolean;
}

/** What the compute knows of a VM right now. */
export interface VmStatus {
  readonly id: string;
  readonly registered: boolean;
  readonly power: PowerState;
  /** New at each boot. */
  readonly bootId?: string;
  /** Sequence number of the last acknowledged heartbeat written to its device. */
  readonly heartbeat?: number;
  /** Sequence number from which this boot went on: what the disk held when it started. */
  readonly resumedAt?: number;
}

export interface Datastore {
  readonly id: string;
  readonly name: string;
  readonly devices: readonly { readonly arrayId: string; readonly deviceId: string }[];
  readonly mounted: boolean;
  readonly instance: Instance;
}

/** What is asked of a listing: one page of it. */
export interface PageRequest {
  /** Where it goes on: `next` of the page before. Absent: the first page. */
  readonly token?: string;
  readonly sizeMax: number;
  /** First page: the `revision` of the whole list that the caller still has. */
  readonly since?: string;
}

/** One page of a long listing. `next` absent: this was the last one. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next?: string;
  /**
   * First page: a name for what the whole list holds at this moment, in every field of every item.
   * Only a plugin that surely knows when anything of it changes gives one.
   */
  readonly revision?: string;
  /** In place of items, where `since` was asked: the list is what it was at that revision. */
  readonly unchanged?: true;
}
