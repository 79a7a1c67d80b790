/**
 * The fixture: what a vendor tells the suite about the remotes and test objects it may use.
 *
 * The suite starts every claim from one state and comes back to it: each group replicates from
 * `source` to `target` and is healthy, source outgoing and read-write, target incoming and
 * read-only. Datastores and VMs belong to the source side; mounted or not, on or off, does not
 * matter: the suite brings them where it needs them, by verbs.
 */
import type { GroupTarget, TargetVerb } from '../plugin/index.ts';
import type { Bounds } from './limits.ts';

export type Side = 'source' | 'target';
export type Sides<T> = { readonly [S in Side]: T };

/** A remote as the daemon's configuration would name it. `config` is checked by the plugin. */
export interface RemoteFixture {
  readonly id: string;
  readonly siteId: string;
  readonly config: Readonly<Record<string, unknown>>;
}

export interface DeviceRef {
  readonly arrayId: string;
  readonly deviceId: string;
}

/** One consistency group, as each of its two arrays knows it. */
export type GroupFixture = Sides<GroupTarget>;

/** A datastore with its devices at each side. */
export interface DatastoreFixture {
  readonly id: string;
  readonly devices: Sides<readonly DeviceRef[]>;
}

export interface VmFixture {
  readonly id: string;
  readonly datastoreIds: readonly string[];
}

/** One of the VMs, which stands on one datastore, and another datastore with room for it. */
export interface MoveFixture {
  readonly vmId: string;
  readonly toDatastoreId: string;
}

/**
 * A stretched group with what lives on it. It starts served by both sides, the source's site
 * preferred, its datastores and VMs the source's.
 */
export interface StretchedFixture {
  readonly group: GroupFixture;
  readonly datastores: readonly DatastoreFixture[];
  readonly vms: readonly VmFixture[];
}

/** Ways to break or look at the remotes from outside. Each one given lets more claims run. */
export interface FixtureHooks {
  /** Every call at the remote takes at least this long; 0: as usual. */
  readonly slow?: (remoteId: string, delayMs: number) => Promise<void>;
  /** The remote gives no answer to anybody (true), or does again (false). */
  readonly unreachable?: (remoteId: string, broken: boolean) => Promise<void>;
  /** Writes to a device as a host would, under a lineage; absent lineage: the current one. */
  readonly write?: (
    arrayId: string,
    deviceId: string,
    lineage?: string,
  ) => Promise<'written' | 'refused'>;
  /** The sites lose sight of each other (true), or find each other again (false). */
  readonly part?: (parted: boolean) => Promise<void>;
  /** Lets time pass: for remotes that live by a simulated clock. Default: really waits. */
  readonly wait?: (ms: number) => Promise<void>;
}

export interface Fixture {
  /** The definition, or the module that has it as default export (specifier or file URL). */
  readonly plugin: object | string;
  /** Arrays of the two sides; absent for a plugin that is compute only. */
  readonly arrays?: Sides<RemoteFixture>;
  /** Computes of the two sides; absent for a plugin that is storage only. */
  readonly computes?: Sides<RemoteFixture>;
  /** Two or more; one with several devices lets the claims about atomic groups run. */
  readonly groups?: readonly GroupFixture[];
  /** On the groups' devices. */
  readonly datastores?: readonly DatastoreFixture[];
  readonly vms?: readonly VmFixture[];
  /** What can be moved to another datastore, for a plugin that offers it. */
  readonly move?: MoveFixture;
  /** Beside the groups above, for a plugin that has stretched devices. */
  readonly stretched?: StretchedFixture;
  /**
   * A group that both arrays list under the same ids and without a peer. It starts served by both
   * sides; the suite leaves the source's site preferred.
   */
  readonly shared?: GroupFixture;
  /** Verbs that answer `accepted` here (an operation long enough to be polled). */
  readonly accepts?: readonly TargetVerb[];
  readonly hooks?: FixtureHooks;
  readonly bounds?: Partial<Bounds>;
  /**
   * Puts everything back to the starting state; the remotes of the fixture are read anew after it.
   * Absent: the suite goes back by verbs, and throws away what it wrote at the target.
   */
  readonly reset?: () => Promise<void>;
  /** After the last claim. */
  readonly close?: () => Promise<void>;
}

/** Default export of a fixture module: the fixture, or what makes it. */
export type FixtureModule = Fixture | (() => Fixture | Promise<Fixture>);
