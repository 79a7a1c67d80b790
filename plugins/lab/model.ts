/**
 * The lab's world as plain records. Time is never read here: every rule is handed `now`, so a world
 * is the same whether a clock, a simulation or a test drives it.
 *
 * Times are milliseconds of the world's clock.
 */
import type { Fault, Instance, RecoveryPoint, UpdateMode } from '@siteswap/sdk/plugin';
import type { Ledger } from './ledger.ts';
import type { LabSpec } from './spec.ts';

/** What a device is in its pair, as its own array sees it. */
export type Role =
  /** Accepts writers and sends what they write. */
  | 'source'
  /** Was the source; refuses writers; its last bytes still go to the replica. */
  | 'prepared'
  /** Was prepared, and the peer has been promoted from it. */
  | 'handed-over'
  /** Receives; refuses writers. */
  | 'replica'
  /** Was the replica; accepts writers; nothing is replicated. */
  | 'promoted'
  /** Has no peer. */
  | 'single';

/** One time that a VM was powered on: its heartbeats are a function of time, nothing is counted. */
export interface Boot {
  readonly id: string;
  /** Sequence number that the disk held when it started. */
  readonly base: number;
  readonly onAt: number;
  /** Infinity while it writes. */
  offAt: number;
  /** Lineage under which it writes. */
  readonly lineage: number;
}

export interface FileWrite {
  readonly path: string;
  readonly content: string;
  readonly at: number;
}

/** What stands on a device: each VM's last boot there, small files, and who writes now. */
export interface Medium {
  readonly boots: Map<string, Boot>;
  readonly files: FileWrite[];
  readonly writers: Set<string>;
  /** Time of the last write while nobody writes. */
  writtenAt: number;
}

export interface LabDevice {
  readonly id: string;
  readonly name: string;
  readonly storage: LabStorage;
  readonly sizeBytes: number;
  readonly groupId: string | undefined;
  role: Role;
  /** Ordinal of the licence under which writers write here. */
  lineage: number;
  /** Cut off: a newer lineage exists elsewhere. */
  fenced: boolean;
  peer: LabDevice | undefined;
  link: Link | undefined;
  /** What it holds; made when first needed, for most devices of a large world are never touched. */
  held: Medium | undefined;
  readonly points: RecoveryPoint[];
  /** A writable copy for tests. */
  copy: Medium | undefined;
  promotedAt: number;
  /** Lineage before a promote, to which an undo goes back. */
  lineageBefore: number;
}

/** Replication between the two devices of a pair. */
export interface Link {
  readonly id: string;
  readonly mode: UpdateMode;
  /** Asynchronous: how far the replica is behind while replication flows. */
  readonly lagMs: number;
  flowing: boolean;
  suspended: boolean;
  /** The replica holds everything written up to this moment (while it flows: at least). */
  at: number;
  /** The replica is a whole copy; false from the start of a full copy to its end. */
  whole: boolean;
  operation: Operation | undefined;
}

/** A long job of an array. Its time passes by the world's clock, at the world's speed. */
export interface Operation {
  readonly id: string;
  readonly verb: 'sync' | 'reverse' | 'resync';
  readonly storage: LabStorage;
  readonly targetId: string;
  readonly devices: readonly LabDevice[];
  readonly startedAt: number;
  readonly totalMs: number;
  /** Work left at `touchedAt`. */
  leftMs: number;
  touchedAt: number;
  state: 'running' | 'done' | 'failed';
  fault: Fault | undefined;
}

export interface LabStorage {
  readonly kind: 'array';
  readonly id: string;
  readonly siteId: string;
  readonly peerArrayIds: Set<string>;
  /** Answers nobody, and its replication stands. */
  down: boolean;
  readonly devices: Map<string, LabDevice>;
  readonly groups: Map<string, LabDevice[]>;
  /** In order of creation: a page token is a position in it. */
  readonly order: LabDevice[];
}

/** Catalogue entry of a VM: what its files on the datastores say. */
export interface VmImage {
  readonly id: string;
  readonly name: string;
  readonly datastoreIds: readonly string[];
  /** False: the guest does not stop when asked. */
  obeys: boolean;
}

/** A VM as one compute knows it. */
export interface LabVm {
  readonly image: VmImage;
  readonly instance: Instance;
  registered: boolean;
  on: boolean;
  boots: number;
  boot: Boot | undefined;
}

/** A datastore as one compute knows it. */
export interface LabDatastore {
  readonly id: string;
  readonly instance: Instance;
  devices: readonly LabDevice[];
  mounted: boolean;
  /** VMs that are powered on from it. */
  readonly users: Set<string>;
}

export interface LabCompute {
  readonly kind: 'compute';
  readonly id: string;
  readonly siteId: string;
  down: boolean;
  readonly vms: Record<Instance, Map<string, LabVm>>;
  readonly datastores: Record<Instance, Map<string, LabDatastore>>;
  /** In order of first registration or mount: a page token is a position in it. */
  readonly vmOrder: LabVm[];
  readonly datastoreOrder: LabDatastore[];
}

export interface World {
  readonly spec: LabSpec;
  readonly storages: Map<string, LabStorage>;
  readonly computes: Map<string, LabCompute>;
  readonly images: Map<string, VmImage>;
  /** Datastore → its devices at every site. */
  readonly catalogue: Map<string, LabDevice[]>;
  readonly operations: Map<string, Operation>;
  readonly running: Set<Operation>;
  operationsMade: number;
  /** How fast operations run; 1: as configured. */
  speed: number;
  /** Nothing happens by itself before this moment. */
  dueAt: number;
  readonly ledger: Ledger;
  /** How long operations take from now on. */
  operationMs: Record<Operation['verb'], number>;
}

/** What a device holds. */
export const mediumOf = (device: LabDevice): Medium => {
  device.held ??= { boots: new Map(), files: [], writers: new Set(), writtenAt: 0 };
  return device.held;
};

/** A device to which hosts can write. */
export const writable = (device: LabDevice): boolean =>
  !device.fenced &&
  (device.role === 'source' || device.role === 'promoted' || device.role === 'single');

/** Name of a device's present lineage. */
export const lineageOf = (device: LabDevice): string =>
  `${device.link?.id ?? device.id}#${device.lineage}`;

/** Sequence number of the last heartbeat that a boot had written at a moment. */
export const heartbeatAt = (boot: Boot, at: number, heartbeatMs: number): number => {
  const until = at < boot.offAt ? at : boot.offAt;
  return until <= boot.onAt ? boot.base : boot.base + Math.floor((until - boot.onAt) / heartbeatMs);
};

/** Time of the last write to a medium. */
export const lastWriteAt = (medium: Medium, now: number): number =>
  medium.writers.size > 0 ? now : medium.writtenAt;
