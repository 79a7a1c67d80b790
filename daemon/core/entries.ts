/**
 * Every entry a run's stream can hold. The list is closed: state is derived from these and from
 * nothing else, and the API's events are these, translated.
 *
 * Coordinates are positions: `group` in the frozen workgroups (splits are appended to them), `step`
 * in the frozen steps, items within the workgroup. `at` is milliseconds since the Unix epoch.
 */
import type { Fault } from '../../sdk/plugin/fault.ts';
import type { Evidence, OperationDirection } from '../../sdk/plugin/verbs.ts';
import type { FrozenRun } from './frozen.ts';
import type { Policy, PolicyAction } from './policy.ts';

/** Faults of several items that failed alike are one record. */
export interface ItemFaults {
  /** Compact set of positions (see ranges.ts). */
  readonly items: string;
  readonly fault: Fault;
}

export interface RunStarted {
  readonly type: 'run-started';
  readonly at: number;
  readonly runId: string;
  readonly requester: string;
  readonly requestKey: string;
  /** Made once per run; carried by every operation. */
  readonly initiatorId: string;
  readonly frozen: FrozenRun;
  /** Sites that were declared lost when the run started. */
  readonly lostSites: readonly string[];
  /** Runs whose claims on what it shares with them come first, in their order; absent: none. */
  readonly rivals?: readonly string[];
}

interface TaskEntry {
  readonly at: number;
  readonly group: number;
  readonly step: number;
  readonly direction: OperationDirection;
  readonly attempt: number;
}

/**
 * The intent: no call of the task leaves before this is durable. It may leave a little later, when
 * a slot is free.
 */
export interface TaskStarted extends TaskEntry {
  readonly type: 'task-started';
  /** The items of this attempt; absent: all that the workgroup still has. */
  readonly items?: string;
  /** Injections drawn for this attempt, as the gateway will apply them. */
  readonly injections?: readonly unknown[];
}

/** What was found before the change, so that undo can restore it even after a crash. */
export interface TaskPrepared extends TaskEntry {
  readonly type: 'task-prepared';
  /** Position → whatever the step's `before` answered for it. */
  readonly before: Readonly<Record<string, unknown>>;
}

/** Long operations that the remote has accepted: polled until they end. */
export interface TaskAccepted extends TaskEntry {
  readonly type: 'task-accepted';
  readonly operations: readonly { readonly item: number; readonly operation: string }[];
}

/**
 * Rules whose injections have changed something of the attempt by now. Absent: it carries none, or
 * (journals of 0.1.0) nobody knows.
 */
type Struck = readonly string[];

/** The answers that came back. Items named nowhere in it are still under way (accepted). */
export interface TaskOutcome extends TaskEntry {
  readonly type: 'task-outcome';
  readonly done: string;
  readonly faults: readonly ItemFaults[];
  /** Position → evidence of success, where a plugin gave any. */
  readonly evidence?: Readonly<Record<string, Evidence>>;
  readonly struck?: Struck;
}

/** What asking the remote said of items in doubt. Items that still run are not named. */
export interface TaskSettled extends TaskEntry {
  readonly type: 'task-settled';
  readonly done: string;
  /** The effect can no longer arrive; the fault is the first cause, or `interrupted`. */
  readonly absent: readonly ItemFaults[];
  readonly unknowable: readonly { readonly items: string; readonly why: string }[];
  readonly evidence?: Readonly<Record<string, Evidence>>;
  readonly struck?: Struck;
}

/** What the policy made of faults: one entry per distinct action. */
export interface PolicyApplied extends TaskEntry {
  readonly type: 'policy-applied';
  readonly items: string;
  readonly fault: Fault;
  /** As applied: a rerun past its attempts stands here as the stop that it became. */
  readonly action: PolicyAction;
  /** Why the action is not what the policy says, when it is not. */
  readonly because?: string;
  /** Rerun: not before this moment. */
  readonly retryAtMs?: number;
}

/** The agent or a worker was lost with this task in flight: its items are in doubt. */
export interface TaskInterrupted extends TaskEntry {
  readonly type: 'task-interrupted';
  readonly reason: string;
}

/** The call of a durable intent was not made and will not be: nothing is in doubt. */
export interface TaskWithdrawn extends TaskEntry {
  readonly type: 'task-withdrawn';
}

/** What the workgroup is about to change is in the hands of these runs; none: not any more. */
export interface ClaimWaits extends TaskEntry {
  readonly type: 'claim-waits';
  readonly runIds: readonly string[];
  /** Those of them that wait for a person; absent: none. */
  readonly parkedIds?: readonly string[];
}

/** Another run has done these: they are not done again, and what stands on them goes on. */
export interface DoneElsewhere extends TaskEntry {
  readonly type: 'done-elsewhere';
  readonly items: string;
  readonly byRunId: string;
}

/** These are not undone: a run that was opened later counts them as done. */
export interface UndoRefused extends TaskEntry {
  readonly type: 'undo-refused';
  readonly items: string;
  readonly byRunId: string;
}

export interface RunCancelRequested {
  readonly type: 'run-cancel-requested';
  readonly at: number;
  readonly requester: string;
  readonly reason: string;
  /** Of the request, where it came through a queue: it may come again. */
  readonly requestId?: string;
}

/** No call is in flight and nothing can run until a person decides. */
export interface RunParked {
  readonly type: 'run-parked';
  readonly at: number;
  readonly reason: 'stopped' | 'cancelled' | 'stuck' | 'doubt';
}

/** What a person decided for a parked run. */
export const decisions = ['retry', 'skip', 'rollback', 'abandon'] as const;
export type Decision = (typeof decisions)[number];

export interface RunResumed {
  readonly type: 'run-resumed';
  readonly at: number;
  readonly requester: string;
  readonly decision: Decision;
  /** Step name → policy from now on. */
  readonly policies: Readonly<Record<string, Policy>>;
  /** Of the request, where it came through a queue: it may come again. */
  readonly requestId?: string;
}

/** A site that the run works with was declared lost: no call goes there any more. */
export interface RunSiteLost {
  readonly type: 'run-site-lost';
  readonly at: number;
  readonly siteId: string;
}

/** A site that was lost is reachable again, by a person's word. */
export interface RunSiteReachable {
  readonly type: 'run-site-reachable';
  readonly at: number;
  readonly siteId: string;
}

/** Another member drives the run from here on, under this epoch: the first thing that it says. */
export interface RunTakenOver {
  readonly type: 'run-taken-over';
  readonly at: number;
  readonly memberId: string;
  readonly epoch: number;
}

export const runResults = [
  'succeeded',
  /** Ended with items that failed, were skipped or stay in doubt: each is in the report. */
  'incomplete',
  'rolled-back',
  'superseded',
  'abandoned',
] as const;
export type RunResult = (typeof runResults)[number];

export interface RunEnded {
  readonly type: 'run-ended';
  readonly at: number;
  readonly result: RunResult;
  /** The disaster run that took over, when superseded. */
  readonly byRunId?: string;
}

/** A call that the gateway refused because its site is declared lost. */
export interface CallRefused extends TaskEntry {
  readonly type: 'call-refused';
  readonly siteId: string;
  readonly verb: string;
}

export type Entry =
  | RunStarted
  | TaskStarted
  | TaskPrepared
  | TaskAccepted
  | TaskOutcome
  | TaskSettled
  | TaskInterrupted
  | TaskWithdrawn
  | PolicyApplied
  | ClaimWaits
  | DoneElsewhere
  | UndoRefused
  | CallRefused
  | RunCancelRequested
  | RunParked
  | RunResumed
  | RunSiteLost
  | RunSiteReachable
  | RunTakenOver
  | RunEnded;

export type EntryType = Entry['type'];
