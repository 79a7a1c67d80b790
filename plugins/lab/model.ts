/**
 * The lab's world as plain records. Time is never read here: every rule is handed `now`, so a world
 * is the same whether a clock, a simulation or a test drives it.
 *
 * Times are milliseconds of the world's clock.
 */
import type {
  Evidence,
  Fault,
  Instance,
  MigrationArrival,
  RecoveryPoint,
  UpdateMode,
} from '@siteswap/sdk/plugin';
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
  | 'single'
  /** Accepts writers, and so does its peer: both hold one medium. */
  | 'stretched';

/** From `at` on a boot writes at this interval, and counts on from `from`. */
export interface Pace {
  readonly from: number;
  readonly at: number;
  readonly everyMs: number;
}

/** One time that a VM was powered on: its heartbeats are a function of time, nothing is counted. */
export interface Boot {
  readonly id: string;
  /** Sequence number that the disk held when it started. */
  readonly base: number;
  readonly onAt: number;
  /** Infinity while it writes. */
  offAt: number;
  /** Lineage under which it writes. */
  lineage: number;
  /** Site of the compute that it runs at; a live migration moves it. */
  siteId: string;
  /** Absent: at the world's interval since it was powered on. */
  pace: Pace | undefined;
}

export interface FileWrite {
  readonly path: string;
  /** It was removed. */
  readonly gone?: true;
  readonly content: string;
  readonly at: number;
}

/** What stands on a device: each VM's last boot there, small files, and who writes now. */
export interface Medium {
  readonly boots: Map<string, Boot>;
  readonly files: FileWrite[];
  readonly writers: Set<string>;
  /** When running VMs came here with their disks, by VM; undefined: none ever did. */
  arrivals: Map<string, number> | undefined;
  /** Time of the last write while nobody writes. */
  writtenAt: number;
}

export interface LabDevice {
  readonly id: string;
  readonly name: string;
  readonly storage: LabStorage;
  readonly sizeBytes: number;
  readonly groupId: string | undefined;
  /** As hosts see it; made when first asked for. */
  hostIdentity: string | undefined;
  role: Role;
  /** Ordinal of the licence under which writers write here. */
  lineage: number;
  /** Its name, made when first asked for. */
  lineageName: { readonly of: number; readonly text: string } | undefined;
  /** Cut off: a newer lineage exists elsewhere. */
  fenced: boolean;
  peer: LabDevice | undefined;
  link: Link | undefined;
  /** What it holds; made when first needed, for most devices of a large world are never touched. */
  held: Medium | undefined;
  readonly points: RecoveryPoint[];
  /** Content of those points that stand apart from the replica, by id. */
  readonly snapshots: Map<string, Medium>;
  /** A writable copy for tests. */
  copy: Medium | undefined;
  promotedAt: number;
  /** Demoted before a forced promote: to what an undo goes back. */
  roleBefore: Role | undefined;
  /** Lineage before a promote, to which an undo goes back; before a fence, if it is stretched. */
  lineageBefore: number;
  /** Stretched: the site that goes on when the sites lose each other, as this end knows it. */
  preferredSiteId: string | undefined;
  /** Writers of an older lineage that were refused here. */
  refusals: number;
}

/** Replication between the two devices of a pair. */
export interface Link {
  readonly id: string;
  /** `active`: the pair is stretched. */
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

/** What an operation does at its end. */
export interface Job {
  /** The effect; a fault, when what it needs is no longer there; or nothing: it stands still. */
  readonly finish: (at: number) => Evidence | Fault | undefined;
  /** Lets go of what it held; also when it ends without its effect, and before `finish`. */
  readonly release: () => void;
  /** What else is to be done when it ends without its effect. */
  readonly cutShort?: (at: number) => void;
}

/** A long job of an array or a compute. Its time passes by the world's clock, at its speed. */
export interface Operation {
  readonly id: string;
  readonly verb: 'sync' | 'reverse' | 'resync' | 'migrateLive' | 'mirrorDisks';
  readonly remoteId: string;
  readonly targetId: string;
  readonly job: Job;
  readonly startedAt: number;
  readonly totalMs: number;
  /** Work left at `touchedAt`. */
  leftMs: number;
  touchedAt: number;
  state: 'running' | 'done' | 'failed';
  /** Once it is done. */
  evidence: Evidence;
  fault: Fault | undefined;
}

/** What becomes of a live migration, in this order; a crash can fall between any two. */
export const migrationStages = [
  'asked',
  /** Its start is on record at the destination; no byte has moved. */
  'started',
  /** The VM's id stands there, and a shell receives. */
  'placeholder',
  /** The guest stands still at the source. */
  'switching',
  /** All of it is at the destination. */
  'received',
  /** And marked so; from here on it is the destination's. */
  'completed',
  /** It goes on there. */
  'resumed',
  /** Nothing of it is at the source any more. */
  'left',
] as const;
export type MigrationStage = (typeof migrationStages)[number];

/** The newest live migration of a VM that began. */
export interface Migration {
  readonly id: string;
  readonly from: LabCompute;
  readonly to: LabCompute;
  /** At the source. */
  readonly vm: LabVm;
  /** What goes over. */
  readonly boot: Boot;
  /** What is true, whoever knows of it. */
  stage: MigrationStage;
  /** Absent only while it is being started. */
  operation: Operation | undefined;
  cancelled: boolean;
  /** Last heartbeat that was acknowledged at the source when it handed over; -1 before that. */
  acknowledged: number;
  /** Longest time without a writer, of this migration and of all before it of the VM. */
  interruptionMsMost: number;
}

/** A VM's disk that is being copied to another datastore, or is kept equal there. */
export interface Move {
  readonly migrationId: string;
  /** The mirror lives as long as this boot does. */
  readonly boot: Boot | undefined;
  operation: Operation | undefined;
  /** Both copies are equal, and stay so. */
  whole: boolean;
}

export interface LabStorage {
  readonly kind: 'array';
  readonly id: string;
  readonly siteId: string;
  readonly peerArrayIds: Set<string>;
  /** Answers nobody, and its replication stands. */
  down: boolean;
  /** Sites to which the link is cut. */
  readonly cutFrom: Set<string>;
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
  /** Datastores that it stands on here, since somebody chose; absent: as its image says. */
  standsOn: readonly string[] | undefined;
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

/** What durably stands at the destination of a live migration. */
export type ArrivalFacts = Omit<MigrationArrival, 'execution'>;

export interface LabCompute {
  readonly kind: 'compute';
  readonly id: string;
  readonly siteId: string;
  down: boolean;
  /** VM → facts about its newest migration to here. */
  readonly arrivals: Map<string, ArrivalFacts>;
  /** VM → whether all of it is in the shell that it comes into here. Shells die with their host. */
  readonly shells: Map<string, 'incoming' | 'complete'>;
  readonly vms: Record<Instance, Map<string, LabVm>>;
  readonly datastores: Record<Instance, Map<string, LabDatastore>>;
  /** In order of first registration or mount: a page token is a position in it. */
  readonly vmOrder: LabVm[];
  readonly datastoreOrder: LabDatastore[];
}

export interface World {
  readonly spec: LabSpec;
  readonly bornAt: number;
  /** Times that anything which is listed may have changed. */
  changes: number;
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
  /** How long nobody writes when a live migration hands over, from now on. */
  interruptionMs: number;
  /** VM → its newest live migration. */
  readonly migrations: Map<string, Migration>;
  migrationsMade: number;
  /** VM → the stage after which its live migration stands still. */
  readonly halts: Map<string, MigrationStage>;
  /** Told of each stage, when it has just been reached: this is where a site can be lost. */
  onStage: ((vmId: string, stage: MigrationStage) => void) | undefined;
  /** VM → its disk that is on its way to another datastore. */
  readonly moves: Map<string, Move>;
  /** VM → every datastore that its disk was ever copied to. */
  readonly movedTo: Map<string, ReadonlySet<string>>;
}

/** The datastores of a VM, as its compute knows them. */
export const standsOn = (vm: LabVm): readonly string[] => vm.standsOn ?? vm.image.datastoreIds;

/** What a device holds. */
export const mediumOf = (device: LabDevice): Medium => {
  device.held ??= {
    boots: new Map(),
    files: [],
    writers: new Set(),
    arrivals: undefined,
    writtenAt: 0,
  };
  return device.held;
};

const writers: ReadonlySet<Role> = new Set(['source', 'promoted', 'single', 'stretched']);

/** A device to which hosts can write. */
export const writable = (device: LabDevice): boolean => !device.fenced && writers.has(device.role);

/** The device is one end of a stretched pair, whatever became of it since. */
export const isStretched = (device: LabDevice): boolean => device.link?.mode === 'active';

/** Name of a device's present lineage. */
export const lineageOf = (device: LabDevice): string => {
  const { link, id, lineage, lineageName } = device;
  if (lineageName?.of === lineage) return lineageName.text;
  const text = `${link?.id ?? id}#${lineage}`;
  device.lineageName = { of: lineage, text };
  return text;
};

/** Sequence number of the last heartbeat that a boot had written at a moment. */
export const heartbeatAt = (boot: Boot, at: number, heartbeatMs: number): number => {
  const until = at < boot.offAt ? at : boot.offAt;
  if (until <= boot.onAt) return boot.base;
  const { pace } = boot;
  if (pace === undefined) return boot.base + Math.floor((until - boot.onAt) / heartbeatMs);
  return until <= pace.at ? pace.from : pace.from + Math.floor((until - pace.at) / pace.everyMs);
};

/** Time of the last write to a medium. */
export const lastWriteAt = (medium: Medium, now: number): number =>
  medium.writers.size > 0 ? now : medium.writtenAt;
