/**
 * What the system stream holds of plans, sites and runs. Recoveries, adoptions and sources have
 * entries of their own, each beside its rules.
 */
import type { Device } from '../../sdk/plugin/model.ts';
import type { RunResult } from './entries.ts';
import type { RemoteEvidence } from './inventory.ts';
import { isOfTests, type Mode, type Plan } from './plan.ts';

export interface PlanSaved {
  readonly type: 'plan-saved';
  readonly at: number;
  readonly plan: Plan;
  readonly etag: string;
  /** Of the request, where it came through a queue: it may come again. */
  readonly requestId?: string;
}

export interface PlanDeleted {
  readonly type: 'plan-deleted';
  readonly at: number;
  readonly planId: string;
  /** Of the request, where it came through a queue: it may come again. */
  readonly requestId?: string;
}

export interface SiteDeclared {
  readonly type: 'site-lost' | 'site-reachable';
  readonly at: number;
  readonly siteId: string;
  readonly requester: string;
  readonly reason: string;
  /** Of the request, where it came through a queue: it may come again. */
  readonly requestId?: string;
}

/** Fresh evidence of one remote; it replaces the older one. */
export interface InventoryRecorded {
  readonly type: 'inventory-recorded';
  readonly at: number;
  readonly evidence: RemoteEvidence;
}

/** Of an array whose evidence is recorded: what is different now. The rest was heard again too. */
export interface DevicesChanged {
  readonly type: 'devices-changed';
  readonly at: number;
  readonly arrayId: string;
  /** New ones, and those that are as they were not before. */
  readonly devices: readonly Device[];
  readonly goneIds: readonly string[];
}

/** A run exists: lands together with its `run-started`. */
export interface RunOpened {
  readonly type: 'run-opened';
  readonly at: number;
  readonly runId: string;
  readonly planId: string;
  readonly mode: Mode | 'device';
  readonly requester: string;
  readonly requestKey: string;
  /** What was asked, so that the same key with another request is seen. */
  readonly request: string;
  /** Open runs whose claims on what it shares with them come first; absent: none. */
  readonly rivals?: readonly string[];
  /** A storage migration: which VMs it moves, and between which datastores. */
  readonly moves?: readonly {
    readonly vmId: string;
    readonly fromDatastoreId: string;
    readonly toDatastoreId: string;
  }[];
}

/** A run has ended: lands together with its `run-ended`. */
export interface RunClosed {
  readonly type: 'run-closed';
  readonly at: number;
  readonly runId: string;
  readonly result: RunResult;
  /** Calls of it may still land, or nobody could say. */
  readonly inDoubt?: true;
  /** Nothing of it is done or left: things stand as if it had never been started. */
  readonly untouched?: true;
}

/** Runs that ended long ago: their streams go, and nothing but fingerprints of them is left. */
export interface RunsForgotten {
  readonly type: 'runs-forgotten';
  readonly at: number;
  readonly runIds: readonly string[];
}

/** Every run that is kept, in order of opening: stated anew. */
export interface RunsKept {
  readonly type: 'runs-kept';
  readonly at: number;
  readonly runs: readonly RunRecord[];
}

/** Fingerprints of what was forgotten, stated anew. */
export interface PrintsKept {
  readonly type: 'prints-kept';
  readonly at: number;
  readonly prints: readonly number[];
}

/** All that holds was stated anew, in so many characters: what stands before it may go. */
export interface Restated {
  readonly type: 'restated';
  readonly at: number;
  readonly chars: number;
}

export interface RunRecord {
  readonly opened: RunOpened;
  closed?: RunClosed;
}

/**
 * It has ended and changed something; a fence only cuts off what was left. After a test a cleanup
 * can be run, whether or not the test had come to anything.
 */
export const isDeciding = ({ opened, closed }: RunRecord): boolean =>
  closed !== undefined &&
  closed.result !== 'rolled-back' &&
  (closed.untouched !== true || isOfTests(opened.mode)) &&
  opened.mode !== 'device' &&
  opened.mode !== 'fence';
