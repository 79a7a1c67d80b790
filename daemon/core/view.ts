/** What a person can see of a run: plain values derived from its state. */
import type { Fault } from '../../sdk/plugin/fault.ts';
import type { Decision, RunResult } from './entries.ts';
import type { Side, Unit } from './frozen.ts';
import type { Mode } from './plan.ts';
import type { Policy, Reach } from './policy.ts';

export const runStatuses = [
  'running',
  'cancelling',
  'rolling-back',
  'parked',
  'stuck',
  'ended',
] as const;
export type RunStatus = (typeof runStatuses)[number];

export const taskStatuses = [
  'waiting',
  'ready',
  'running',
  'operating',
  'in-doubt',
  'backing-off',
  'done',
  'stopped',
  'dropped',
  'undoing',
  'undone',
  'stuck',
  'parked-in-doubt',
] as const;
export type TaskStatus = (typeof taskStatuses)[number];

export interface WorkgroupView {
  readonly id: string;
  readonly unit: Unit;
  readonly protectionGroupId: string;
  readonly priority: number;
  readonly itemsTotal: number;
  /** Still taking part. */
  readonly itemsLive: number;
  readonly itemsDropped: number;
  /** Position of the step that it is at (or ended at). */
  readonly step: number;
  readonly stepName: string;
  readonly status: TaskStatus;
  readonly attempt: number;
  /** Why it does not run now: names the gate, limit, delay or person it waits for. */
  readonly waitsFor: string;
  readonly fault?: Fault;
  /** 0–1, of an accepted operation, where the plugin says so. */
  readonly progress?: number;
}

export interface StepView {
  readonly name: string;
  readonly unit: Unit;
  readonly side: Side;
  readonly policy: Policy;
  readonly workgroupsTotal: number;
  readonly workgroupsDone: number;
  readonly workgroupsRunning: number;
  readonly itemsDone: number;
  readonly itemsFailed: number;
}

/** An item that is not simply done. */
export interface ItemNote {
  readonly itemId: string;
  readonly workgroupId: string;
  readonly step: string;
  readonly state:
    | 'failed'
    | 'dropped'
    | 'stopped'
    | 'in-doubt'
    | 'undone'
    | 'not-undone'
    | 'done-elsewhere';
  readonly fault?: Fault;
  readonly why: string;
}

export interface RunView {
  readonly runId: string;
  readonly planId: string;
  readonly mode: Mode | 'device';
  readonly status: RunStatus;
  readonly result?: RunResult;
  readonly supersededBy?: string;
  readonly requester: string;
  readonly requestKey: string;
  readonly initiatorId: string;
  readonly startedAtMs: number;
  readonly endedAtMs?: number;
  readonly protectedSiteId: string;
  readonly recoverySiteId: string;
  readonly steps: readonly StepView[];
  readonly workgroups: readonly WorkgroupView[];
  readonly workgroupsTotal: number;
  /** Why it is parked or stuck, and what a person can do; empty otherwise. */
  readonly attention: string;
  readonly decisionsAllowed: readonly Decision[];
  readonly reach?: Reach;
  readonly notes: readonly ItemNote[];
  /** Zero where none were asked for. */
  readonly notesTotal: number;
  /** Sequence number of the newest entry. */
  readonly cursor: number;
}

export interface RunSummary {
  readonly runId: string;
  readonly planId: string;
  readonly mode: Mode | 'device';
  readonly status: RunStatus;
  readonly result?: RunResult;
  readonly requester: string;
  readonly startedAtMs: number;
  readonly endedAtMs?: number;
  /** What a run without a plan does, for people. */
  readonly about?: string;
}

/** One item's way through a run. */
export interface ItemReport {
  readonly itemId: string;
  readonly unit: Unit;
  readonly protectionGroupId: string;
  readonly workgroupId: string;
  readonly outcome:
    | 'done'
    | 'failed'
    | 'dropped'
    | 'stopped'
    | 'in-doubt'
    | 'undone'
    | 'not-undone'
    | 'done-elsewhere';
  /** From the run's start to the end of the item's last step; VMs only. */
  readonly recoveryTimeMs?: number;
  /** Live: for how long it stood still; it has no recovery time. */
  readonly interruptionMs?: number;
  /** Groups that were promoted: as of when their data is, and how old that was at promotion. */
  readonly recoveryPointAtMs?: number;
  readonly dataLossMs?: number;
  /** Array that said as of when the data is. */
  readonly recoveryPointBy?: string;
  /** Groups of disaster runs: how old their data was when the run was frozen. */
  readonly expectedLossMs?: number;
  /** When its last step was done. */
  readonly doneAtMs?: number;
  readonly evidence: Readonly<Record<string, string | number | boolean>>;
  readonly fault?: Fault;
  readonly why: string;
}

export interface StepTiming {
  readonly name: string;
  readonly tasks: number;
  readonly attempts: number;
  readonly firstStartMs: number;
  readonly lastEndMs: number;
  /** Sum of the tasks' own durations. */
  readonly busyMs: number;
}

export interface RunReport {
  readonly run: RunSummary;
  /** From the run's start to its end, or to now. */
  readonly durationMs: number;
  /** Largest recoveryTimeMs of its VMs. */
  readonly recoveryTimeMs?: number;
  /** Largest interruptionMs of its VMs. */
  readonly interruptionMs?: number;
  /** Largest dataLossMs of its groups. */
  readonly dataLossMs?: number;
  /** Largest expectedLossMs of its groups. */
  readonly expectedLossMs?: number;
  readonly items: readonly ItemReport[];
  readonly steps: readonly StepTiming[];
  readonly refusedCalls: number;
  /** Rules of injections → attempts in which they did something. */
  readonly injected: Readonly<Record<string, number>>;
}
