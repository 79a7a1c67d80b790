/**
 * The verbs: everything the daemon can ask of a storage system or a compute.
 *
 * A verb takes many targets and answers once for each. A verb that a plugin leaves out is a
 * capability that it does not offer: callers get the fault `unsupported`.
 */
import type { Fault } from './fault.ts';
import type { MigrationStatus } from './migration.ts';
import type {
  Access,
  ArrayInfo,
  Datastore,
  Device,
  Direction,
  FoundInstance,
  Instance,
  Page,
  PairState,
  RecoveryPoint,
  Snapshot,
  Vm,
  VmStatus,
} from './model.ts';

/**
 * A consistency group: succeeds or fails whole. A lone device is a group of one with its own id.
 */
export interface GroupTarget {
  readonly id: string;
  /** Device ids on the array that is called. */
  readonly devices: readonly string[];
  /** The other end of each device, in the same order, as far as discovery knew it. */
  readonly peers?: readonly { readonly arrayId: string; readonly deviceId: string }[];
}

/** A VM on the compute that is called. */
export interface VmTarget {
  readonly id: string;
  readonly instance: Instance;
  readonly datastoreIds?: readonly string[];
}

/** A datastore; `devices` are the ones at the site of the compute that is called. */
export interface DatastoreTarget {
  readonly id: string;
  readonly instance: Instance;
  readonly devices?: readonly { readonly arrayId: string; readonly deviceId: string }[];
}

/** A small file inside a mounted datastore. */
export interface FileTarget {
  readonly id: string;
  readonly datastoreId: string;
  readonly path: string;
  /** For writing: the whole new content, at most 64 KiB. */
  readonly content?: string;
}

/** A VM whose disks move from one mounted datastore to another. */
export interface MoveTarget extends VmTarget {
  readonly migrationId: string;
  readonly fromDatastoreId: string;
  readonly toDatastoreId: string;
  /** For `cutOver`: the destination's record, to be sealed (`sealRecord`) and written there. */
  readonly record?: string;
}

/** The direction of a logical operation: done, or undone. */
export type OperationDirection = 'run' | 'undo';

/** Travels with every call. Same `key` + same target id = the same logical operation, retried. */
export interface CallContext {
  /** Idempotency key; with the target's id it names one logical operation. */
  readonly key: string;
  /** For logs only: 1 for the first try. */
  readonly attempt: number;
  /** A member's licence to drive the run; a plugin that fences refuses an older one. */
  readonly epoch: number;
  /** Aborted at the call's deadline; after that its answer is ignored. */
  readonly signal: AbortSignal;
  readonly deadlineMs: number;
}

/** Small, flat facts about one success (recovery point reached, boot id): kept in the journal. */
export type Evidence = Readonly<Record<string, string | number | boolean>>;

/** One target's answer. `accepted` starts a long operation that is then polled. */
export type Answer =
  | { readonly id: string; readonly ok: true; readonly evidence?: Evidence }
  | { readonly id: string; readonly fault: Fault }
  | { readonly id: string; readonly accepted: { readonly operation: string } };

/** An answer that carries a value. */
export type ValueAnswer<V> =
  | { readonly id: string; readonly value: V }
  | { readonly id: string; readonly fault: Fault };

/** What asking the remote said of an operation in doubt. */
export type Settlement =
  /** The effect is there. */
  | { readonly id: string; readonly verdict: 'done'; readonly evidence?: Evidence }
  /** The effect is not there and can no longer arrive. */
  | { readonly id: string; readonly verdict: 'absent' }
  /** Still going on; ask again. */
  | { readonly id: string; readonly verdict: 'running' }
  /** The remote cannot say. */
  | { readonly id: string; readonly verdict: 'unknowable'; readonly why: string };

export type OperationStatus =
  | { readonly id: string; readonly state: 'running'; readonly progress?: number }
  | { readonly id: string; readonly state: 'done'; readonly evidence?: Evidence }
  | { readonly id: string; readonly state: 'failed'; readonly fault: Fault };

/** What can change about a device, now; fields as in `Device`. */
export interface DeviceStatus {
  readonly id: string;
  readonly direction: Direction;
  readonly access: Access;
  readonly pairState: PairState;
  readonly lineage?: string;
  readonly stretched?: boolean;
  readonly preferredSiteId?: string;
  readonly lastRecoveryPoint?: RecoveryPoint;
  readonly divergedBytes?: number;
}

export interface SyncStatus {
  readonly id: string;
  readonly state: 'in-progress' | 'complete' | 'none';
  readonly progress?: number;
  readonly recoveryPoint?: RecoveryPoint;
  /**
   * The array's own clock when it answered: with it the daemon can tell whether a point is of after
   * the last write. Without it a final sync has to name a newer point than the one before.
   */
  readonly clockMs?: number;
}

/** Verb → what one of its targets looks like, its arguments, and its answer per target. */
export interface TargetVerbs {
  deviceStatus: { target: GroupTarget; args: object; answer: ValueAnswer<readonly DeviceStatus[]> };
  recoveryPoints: {
    target: GroupTarget;
    args: object;
    answer: ValueAnswer<readonly RecoveryPoint[]>;
  };
  /**
   * Called at the source. Copies what changed and leaves a recovery point at the target. Evidence:
   * `recoveryPoint`, `recoveryPointAtMs`; without it `syncStatus` is asked, for nothing is promoted
   * before somebody has said as of when the copy is consistent.
   */
  sync: { target: GroupTarget; args: object; answer: Answer };
  syncStatus: { target: GroupTarget; args: object; answer: ValueAnswer<SyncStatus> };
  snapshot: { target: GroupTarget; args: { name: string }; answer: Answer };
  /** What `snapshot` made at this array, and what a `resync` that keeps left at it. */
  listSnapshots: { target: GroupTarget; args: object; answer: ValueAnswer<readonly Snapshot[]> };
  /** Not there already: success. */
  removeSnapshot: { target: GroupTarget; args: { name: string }; answer: Answer };
  /** Demote, at the source: refuses writers from now on. Already demoted: success. */
  prepareFailover: { target: GroupTarget; args: object; answer: Answer };
  /**
   * Promote, at the target. Not forced: only onto the demoted source's last bytes. Forced: onto
   * the last complete recovery point, without any contact with the source, in a new lineage.
   * Evidence: `recoveryPoint`, `recoveryPointAtMs`, `lineage`.
   */
  failover: { target: GroupTarget; args: { force: boolean }; answer: Answer };
  /**
   * Cut off writers of older lineages at this array. A stretched device: the other side is
   * isolated, without any contact with it, in a new lineage; a writer that returns there fails.
   * Evidence: `lineage`.
   */
  fence: { target: GroupTarget; args: object; answer: Answer };
  /** Called at the target: a writable copy of the replica while replication goes on. */
  testFailoverStart: { target: GroupTarget; args: object; answer: Answer };
  testFailoverStop: { target: GroupTarget; args: object; answer: Answer };
  /** Called at the promoted side: replication starts to flow back. */
  reverse: { target: GroupTarget; args: object; answer: Answer };
  /**
   * Ends a divergence, or copies a damaged replica anew: called at the side whose data stays
   * current, whose writers go on. Of what the other side holds a snapshot is made there first
   * (evidence `snapshot`); `keep` leaves it there for people to look at, `discard` lets it go once
   * the copy is equal again.
   */
  resync: { target: GroupTarget; args: { changes: 'keep' | 'discard' }; answer: Answer };
  /** Undo of prepareFailover/failover: the given roles are restored (`to` per device id). */
  restoreReplication: {
    target: GroupTarget;
    args: { to?: Readonly<Record<string, Direction>> };
    answer: Answer;
  };
  suspendReplication: { target: GroupTarget; args: object; answer: Answer };
  resumeReplication: { target: GroupTarget; args: object; answer: Answer };
  /** Stretched devices: which site keeps serving when the sites lose each other. */
  setSitePreference: { target: GroupTarget; args: { siteId: string }; answer: Answer };

  vmStatus: { target: VmTarget; args: object; answer: ValueAnswer<VmStatus> };
  mount: { target: DatastoreTarget; args: object; answer: Answer };
  unmount: { target: DatastoreTarget; args: object; answer: Answer };
  register: { target: VmTarget; args: object; answer: Answer };
  unregister: { target: VmTarget; args: object; answer: Answer };
  /**
   * Already on: success, and no second boot. A VM that came over whole by a live migration and was
   * not let go on: it goes on, in the boot that it had. A shell of one: conflict. Evidence:
   * `bootId`.
   */
  powerOn: { target: VmTarget; args: object; answer: Answer };
  /** Ask the guest to stop; `powerOff` pulls the plug. Already off: success. */
  shutDown: { target: VmTarget; args: object; answer: Answer };
  powerOff: { target: VmTarget; args: object; answer: Answer };
  /**
   * Called at the compute where the VM runs: it goes on at the other one, on the same stretched
   * devices, without a reboot and with one writer at any moment. Already there: success. It runs at
   * neither: `conflict`, or `missing` where it is not known here, and nothing is done. Evidence:
   * `bootId`, `interruptionMs`. A failed or cancelled migration leaves it running where it was.
   */
  migrateLive: { target: VmTarget; args: { toComputeId: string }; answer: Answer };
  /**
   * At either compute. At the one that the VM goes to, without a word with the other: what came
   * over is proven not to run and removed; a VM that runs there, or could at once: conflict.
   */
  cancelMigration: { target: VmTarget; args: object; answer: Answer };
  migrationStatus: { target: VmTarget; args: object; answer: ValueAnswer<MigrationStatus> };
  readFile: { target: FileTarget; args: object; answer: ValueAnswer<{ content: string }> };
  writeFile: { target: FileTarget; args: object; answer: Answer };
  listFiles: { target: FileTarget; args: object; answer: ValueAnswer<readonly string[]> };
  /** Not there already: success. */
  removeFile: { target: FileTarget; args: object; answer: Answer };
  /**
   * Every mounted datastore (of the target's instance) that holds files of the VM, or the record of
   * a storage migration of it: by the id inside the files, never by what a directory is called.
   */
  findInstances: {
    target: VmTarget;
    args: { digests?: boolean };
    answer: ValueAnswer<readonly FoundInstance[]>;
  };
  /**
   * From now on the VM is what stands in `datastoreIds`; what other datastores hold of it is kept,
   * and never registered nor powered on.
   */
  chooseInstance: { target: VmTarget; args: object; answer: Answer };
  /**
   * Copies the disks that a running VM has in one datastore into the other, while every write goes
   * to both; succeeds once they are equal, and keeps them so. Under way already: goes on.
   */
  mirrorDisks: { target: MoveTarget; args: object; answer: Answer };
  /**
   * The VM stands still, what was written has arrived in both copies, the given record is sealed
   * and durable in the destination (the commit point), and the VM goes on there, without a reboot.
   * Cut off anywhere, the VM goes on where that record says. Already there: success. Evidence:
   * `digest`, `interruptionMs`.
   */
  cutOver: { target: MoveTarget; args: object; answer: Answer };
  /**
   * Removes the VM's disks from the source (`from`) or gives the copy at the destination up (`to`);
   * refuses those that the VM is on. Not there already: success.
   */
  removeDisks: { target: MoveTarget; args: { end: 'from' | 'to' }; answer: Answer };
}

/** Listings: no targets, one page at a time; `page.token` absent asks for the first. */
export interface ListingVerbs {
  discoverArrays: { item: ArrayInfo };
  discoverDevices: { item: Device };
  listVms: { item: Vm };
  listDatastores: { item: Datastore };
}

export type TargetVerb = keyof TargetVerbs;
export type ListingVerb = keyof ListingVerbs;
export type Verb = TargetVerb | ListingVerb;

export const listingVerbs = [
  'discoverArrays',
  'discoverDevices',
  'listVms',
  'listDatastores',
] as const satisfies readonly ListingVerb[];

/** Verbs that only look: always repeatable, never need settling. */
export const readingVerbs = [
  'discoverArrays',
  'discoverDevices',
  'deviceStatus',
  'recoveryPoints',
  'syncStatus',
  'listSnapshots',
  'listVms',
  'vmStatus',
  'listDatastores',
  'migrationStatus',
  'readFile',
  'listFiles',
  'findInstances',
] as const satisfies readonly Verb[];

const reading: ReadonlySet<string> = new Set(readingVerbs);

/** True for a verb that only looks. */
export const isReading = (verb: string): boolean => reading.has(verb);

export const storageVerbs = [
  'discoverArrays',
  'discoverDevices',
  'deviceStatus',
  'recoveryPoints',
  'sync',
  'syncStatus',
  'snapshot',
  'listSnapshots',
  'removeSnapshot',
  'prepareFailover',
  'failover',
  'fence',
  'testFailoverStart',
  'testFailoverStop',
  'reverse',
  'resync',
  'restoreReplication',
  'suspendReplication',
  'resumeReplication',
  'setSitePreference',
] as const satisfies readonly Verb[];

export const computeVerbs = [
  'listVms',
  'vmStatus',
  'listDatastores',
  'mount',
  'unmount',
  'register',
  'unregister',
  'powerOn',
  'shutDown',
  'powerOff',
  'migrateLive',
  'cancelMigration',
  'migrationStatus',
  'readFile',
  'writeFile',
  'listFiles',
  'removeFile',
  'findInstances',
  'chooseInstance',
  'mirrorDisks',
  'cutOver',
  'removeDisks',
] as const satisfies readonly Verb[];

const listed: ReadonlySet<Verb> = new Set(listingVerbs);

/** Every verb that takes targets. */
export const targetVerbs: readonly TargetVerb[] = [...storageVerbs, ...computeVerbs].filter(
  (verb): verb is Exclude<typeof verb, ListingVerb> => !listed.has(verb),
);

export type VerbPage<V extends ListingVerb> = Page<ListingVerbs[V]['item']>;
