/** A plan as its author wrote it: what moves where, in which order, with which policies. */
import type { Policy } from './policy.ts';

export const modes = ['test', 'cleanup', 'planned', 'disaster', 'fence', 'reprotect'] as const;
/** How a run executes its plan; `device` is one storage verb asked for by a recovery manager. */
export type Mode = (typeof modes)[number];

/** What tests do is beside everything else: where a plan's groups stand is not theirs to change. */
export const isOfTests = (mode: Mode | 'device'): boolean => mode === 'test' || mode === 'cleanup';

/** 1 starts first at power-on and stops last at shut-down. */
export const priorityMin = 1;
export const priorityMax = 5;
export const priorityDefault = 3;

export interface PlanVm {
  readonly id: string;
  readonly priority: number;
  /** VMs of the same plan that must be done before this one is powered on. */
  readonly dependsOn: readonly string[];
}

/** A consistency group (or lone device) by its id at either array of its pair. */
export interface GroupRef {
  readonly arrayId: string;
  readonly id: string;
}

export interface ProtectionGroup {
  readonly id: string;
  readonly groups: readonly GroupRef[];
  /** Absent: every VM found on the groups' datastores, at the default priority. */
  readonly vms?: readonly PlanVm[];
}

export interface PlanLimits {
  /** Tasks in flight at one array, at one compute, in one step. */
  readonly perArray: number;
  readonly perCompute: number;
  readonly perStep: Readonly<Record<string, number>>;
}

/** When a planned run is refused for replication that has fallen behind. */
export interface LagGuard {
  /** A copy may be older than what the storage is set to keep it below, this many times. */
  readonly rpoTimesMax: number;
  /** What a pair that lags further, or is not copied in full yet, leads to. */
  readonly beyond: 'refuse' | 'warn';
}

export interface PlanOptions {
  /** VMs in one workgroup at the most. */
  readonly vmWorkgroupMax: number;
  /** Consistency groups in one storage workgroup at the most. */
  readonly storageWorkgroupMax: number;
  /** A workgroup goes on alone, or when its whole batch of this size has finished the step. */
  readonly release: { readonly kind: 'each' } | { readonly kind: 'batch'; readonly size: number };
  /** Whether a priority waits at power-on (and, reversed, at shut-down) for the one before it. */
  readonly priorityGates: boolean;
  readonly limits: PlanLimits;
  /**
   * VMs that run on stretched devices go over without a stop. Absent in plans that were saved
   * before there was a choice: false.
   */
  readonly liveMigration?: boolean;
  /** Absent in plans that were saved before there was a choice: the default. */
  readonly lag?: LagGuard;
}

export interface Plan {
  readonly id: string;
  readonly name: string;
  /** The sites' roles now: they change places when a reprotect run has ended well. */
  readonly protectedSiteId: string;
  readonly recoverySiteId: string;
  readonly protectionGroups: readonly ProtectionGroup[];
  /** Step name → policy; steps without one use their default. */
  readonly policies: Readonly<Record<string, Policy>>;
  readonly options: PlanOptions;
}

/** The arrays that a plan names its groups by: those of either side, once for each group. */
export const arraysOf = ({ protectionGroups }: Plan): string[] =>
  protectionGroups.flatMap(({ groups }) => groups.map(({ arrayId }) => arrayId));
