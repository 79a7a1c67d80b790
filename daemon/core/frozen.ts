/**
 * A run's frozen shape: made once by the planner, journaled in `run-started`, never made again.
 * Recovery after a crash reads it from the journal; it does not call the planner.
 */
import type { GroupTarget } from '../../sdk/plugin/verbs.ts';
import type { Mode } from './plan.ts';
import type { Policy } from './policy.ts';

/** What a step is done to: whole consistency groups, or VMs. */
export type Unit = 'storage' | 'vm';
export type Side = 'protected' | 'recovery';

/**
 * Which way a workgroup goes through a mode. `cold`: replicated storage, and the VMs on it are
 * stopped and started. `stretched`: storage that both sites serve, and VMs on it that are stopped
 * and started. `live`: VMs on stretched storage that go over without a stop.
 */
export const paths = ['cold', 'stretched', 'live'] as const;
export type Path = (typeof paths)[number];

export interface FrozenStep {
  readonly name: string;
  readonly unit: Unit;
  /** Workgroups of other paths pass it over; absent: it is for all. */
  readonly paths?: readonly Path[];
  readonly side: Side;
  readonly remote: 'array' | 'compute';
  readonly timeoutMs: number;
  /** True: what was found is journaled (`task-prepared`) ahead of the change. */
  readonly before: boolean;
  /**
   * `stays`: what it did is not taken back, nor is what it stands on; all else can be.
   */
  readonly undo: 'undo' | 'nothing-to-undo' | 'stays' | 'no-return';
  /**
   * What is left with it when its undo failed and a person leaves it: nothing (`alone`), or all
   * that it stands on (`ground`). Absent: frozen before there was a choice, or never undone.
   */
  readonly whenLeft?: 'alone' | 'ground';
  readonly policy: Policy;
  /** Tasks of this step in flight at the most. */
  readonly inFlightMax: number;
}

export interface DatastoreOf {
  readonly id: string;
  readonly protectedDevices: readonly { readonly arrayId: string; readonly deviceId: string }[];
  readonly recoveryDevices: readonly { readonly arrayId: string; readonly deviceId: string }[];
  /** True: the recovery site's hosts had it mounted before the run, and keep it. */
  readonly mountedThere?: boolean;
}

/** A consistency group, seen from both arrays. Its id is canonical for the pair. */
export interface StorageItem {
  readonly id: string;
  readonly protected: GroupTarget;
  readonly recovery: GroupTarget;
  readonly datastores: readonly DatastoreOf[];
  /** Disaster: how old its copy was when the run was frozen, as far as anybody had said. */
  readonly expectedLossMs?: number;
  /** Disaster, true: the site to go on at was open before: this run loses nothing of it. */
  readonly openBefore?: boolean;
  /** Stretched: the site that must be preferred before the run changes that, and after. */
  readonly preference?: { readonly from: string; readonly to: string };
  /** Fence, true: the disaster run never promoted it, so its old side is the only one. */
  readonly neverPromoted?: boolean;
  /** True: an earlier run brought it over, and nothing is left to do at its arrays. */
  readonly handedOver?: boolean;
  /** True: an earlier run closed its source and took it off its hosts: a rollback leaves it so. */
  readonly closedBefore?: boolean;
}

/** A storage migration of a VM: what stands in its records is decided once, with the run. */
export interface DiskMove {
  readonly migrationId: string;
  readonly sequence: number;
  readonly fromDatastoreId: string;
  readonly toDatastoreId: string;
  readonly disks: readonly string[];
  /** That both datastores stand on, at the site where the VM runs. */
  readonly devices: readonly { readonly arrayId: string; readonly deviceId: string }[];
}

export interface VmItem {
  readonly id: string;
  /** Positions, in the storage workgroup's items, of the groups it stands on. */
  readonly on: readonly number[];
  readonly datastoreIds: readonly string[];
  /** True: it was off when the run was frozen, and is off at the recovery site too. */
  readonly leftOff?: boolean;
  /** Fence, true: what it stands on was never promoted, so it stays on. */
  readonly leftOn?: boolean;
  /** True: the recovery site knew it before the run, and goes on to. */
  readonly knownThere?: boolean;
  /** Live: the compute at which it goes on. */
  readonly toComputeId?: string;
  /** Live, true: it ran at the recovery site, and there alone, when the run was frozen. */
  readonly foundThere?: boolean;
  /** Storage migration: where its disks go. */
  readonly move?: DiskMove;
}

export interface FrozenWorkgroup {
  /** `s1`, `s2` … for storage, `v1`, `v2` … for VMs. */
  readonly id: string;
  readonly unit: Unit;
  /** Absent: `cold`. */
  readonly path?: Path;
  readonly protectionGroupId: string;
  /** Position of the storage workgroup that it stands on (its own, for a storage workgroup). */
  readonly storage: number;
  /**
   * VM workgroups: their VMs' priority. Storage workgroups: the smallest of what stands on them.
   */
  readonly priority: number;
  readonly items: readonly StorageItem[] | readonly VmItem[];
  /** VMs that every VM of this workgroup waits for at power-on: [workgroup, item] positions. */
  readonly dependsOn: readonly (readonly [number, number])[];
  readonly protectedArrayId: string;
  readonly recoveryArrayId: string;
  readonly protectedComputeId: string;
  readonly recoveryComputeId: string;
}

/** `holds` do not start their step before `waits` have finished theirs. Positions throughout. */
export interface Gate {
  /**
   * `stands-on`: opens when every wait is done; what was lost there is lost here.
   * `dependency`: the same, item by item, through `dependsOn`.
   * `priority`, `batch`: open when every wait is done, failed, dropped or parked.
   */
  readonly kind: 'stands-on' | 'dependency' | 'priority' | 'batch';
  readonly waits: { readonly step: number; readonly workgroups: readonly number[] };
  readonly holds: { readonly step: number; readonly workgroups: readonly number[] };
  /** Position of a gate that must have opened before this one can. */
  readonly after?: number;
}

export interface FrozenRun {
  readonly mode: Mode | 'device';
  readonly planId: string;
  readonly protectedSiteId: string;
  readonly recoverySiteId: string;
  /** In order; a task's coordinates are (workgroup position, step position). */
  readonly steps: readonly FrozenStep[];
  readonly workgroups: readonly FrozenWorkgroup[];
  readonly gates: readonly Gate[];
  /** Remote id → tasks in flight there at the most. */
  readonly inFlightMax: Readonly<Record<string, number>>;
  /** Arguments of a device run's single verb; what was chosen for data that diverged. */
  readonly args?: Readonly<Record<string, unknown>>;
}

/** Whether a step is one of those that a workgroup goes through. */
export const takes = (
  step: Pick<FrozenStep, 'unit' | 'paths'>,
  group: Pick<FrozenWorkgroup, 'unit' | 'path'>,
): boolean =>
  step.unit === group.unit &&
  (step.paths === undefined || step.paths.includes(group.path ?? 'cold'));

/** The remote that a step on a workgroup talks to. */
export const remoteOf = (
  step: Pick<FrozenStep, 'remote' | 'side'>,
  group: FrozenWorkgroup,
): string => {
  if (step.remote === 'array') {
    return step.side === 'protected' ? group.protectedArrayId : group.recoveryArrayId;
  }
  return step.side === 'protected' ? group.protectedComputeId : group.recoveryComputeId;
};
