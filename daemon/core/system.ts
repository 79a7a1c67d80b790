/**
 * The system stream: what outlives runs. Plans, lost sites, inventory evidence, request keys and
 * the runs of each plan, folded from entries like everything else; there is no second store.
 */
import type { RunResult } from './entries.ts';
import type { RemoteEvidence } from './inventory.ts';
import type { Mode, Plan } from './plan.ts';

export interface PlanSaved {
  readonly type: 'plan-saved';
  readonly at: number;
  readonly plan: Plan;
  readonly etag: string;
}

export interface PlanDeleted {
  readonly type: 'plan-deleted';
  readonly at: number;
  readonly planId: string;
}

export interface SiteDeclared {
  readonly type: 'site-lost' | 'site-reachable';
  readonly at: number;
  readonly siteId: string;
  readonly requester: string;
  readonly reason: string;
}

/** Fresh evidence of one remote; it replaces the older one. */
export interface InventoryRecorded {
  readonly type: 'inventory-recorded';
  readonly at: number;
  readonly evidence: RemoteEvidence;
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
}

/** A run has ended: lands together with its `run-ended`. */
export interface RunClosed {
  readonly type: 'run-closed';
  readonly at: number;
  readonly runId: string;
  readonly result: RunResult;
}

export type SystemEntry =
  | PlanSaved
  | PlanDeleted
  | SiteDeclared
  | InventoryRecorded
  | RunOpened
  | RunClosed;

export interface RunRecord {
  readonly opened: RunOpened;
  closed?: RunClosed;
}

export interface PlanRecord {
  plan: Plan;
  etag: string;
  savedAtMs: number;
}

export interface SystemState {
  readonly plans: Map<string, PlanRecord>;
  readonly lostSites: Map<string, SiteDeclared>;
  readonly inventory: Map<string, RemoteEvidence>;
  /** In order of opening. */
  readonly runs: Map<string, RunRecord>;
  /** `requester\n request key` → run id. */
  readonly requests: Map<string, string>;
  /** Plan id → its runs, in order. */
  readonly runsOf: Map<string, string[]>;
}

export const emptySystem = (): SystemState => ({
  plans: new Map(),
  lostSites: new Map(),
  inventory: new Map(),
  runs: new Map(),
  requests: new Map(),
  runsOf: new Map(),
});

export const requestOf = (requester: string, requestKey: string): string =>
  `${requester}\n${requestKey}`;

/** Applies one entry of the system stream. */
export const foldSystem = (state: SystemState, entry: SystemEntry): SystemState => {
  switch (entry.type) {
    case 'plan-saved':
      state.plans.set(entry.plan.id, {
        plan: entry.plan,
        etag: entry.etag,
        savedAtMs: entry.at,
      });
      break;
    case 'plan-deleted':
      state.plans.delete(entry.planId);
      break;
    case 'site-lost':
      state.lostSites.set(entry.siteId, entry);
      break;
    case 'site-reachable':
      state.lostSites.delete(entry.siteId);
      break;
    case 'inventory-recorded':
      state.inventory.set(entry.evidence.remote.id, entry.evidence);
      break;
    case 'run-opened':
      openRunRecord(state, entry);
      break;
    case 'run-closed':
      closeRunRecord(state, entry);
      break;
  }
  return state;
};

const openRunRecord = (state: SystemState, opened: RunOpened): void => {
  state.runs.set(opened.runId, { opened });
  state.requests.set(requestOf(opened.requester, opened.requestKey), opened.runId);
  const runs = state.runsOf.get(opened.planId);
  if (runs === undefined) state.runsOf.set(opened.planId, [opened.runId]);
  else runs.push(opened.runId);
};

/** After a reprotect run that succeeded, the plan's sites have changed places. */
const closeRunRecord = (state: SystemState, closed: RunClosed): void => {
  const record = state.runs.get(closed.runId);
  if (record === undefined) return;
  record.closed = closed;
  if (record.opened.mode !== 'reprotect' || closed.result !== 'succeeded') return;
  const saved = state.plans.get(record.opened.planId);
  if (saved === undefined) return;
  const { protectedSiteId, recoverySiteId } = saved.plan;
  saved.plan = {
    ...saved.plan,
    protectedSiteId: recoverySiteId,
    recoverySiteId: protectedSiteId,
  };
  saved.etag = `${saved.etag}r`;
};

/** What a plan is ready for, by the history of its runs. */
export type PlanState = 'ready' | 'tested' | 'failed-over';

/** Modes that may start from each state; the API's words say which to run first. */
export const modesFrom: Readonly<Record<PlanState, readonly Mode[]>> = {
  ready: ['test', 'planned', 'disaster'],
  tested: ['cleanup', 'disaster'],
  'failed-over': ['reprotect'],
};

/**
 * The newest run that changed something decides. A planned or disaster run that was begun and did
 * not end well may be run again; cleanup and reprotect likewise.
 */
export const planStateOf = (state: SystemState, planId: string): PlanState => {
  for (const runId of (state.runsOf.get(planId) ?? []).toReversed()) {
    const record = state.runs.get(runId);
    if (record?.closed === undefined) continue;
    const { mode } = record.opened;
    const { result } = record.closed;
    if (result === 'rolled-back') continue;
    const ended = result === 'succeeded' || result === 'incomplete';
    if (mode === 'test') return 'tested';
    if (mode === 'cleanup') return ended ? 'ready' : 'tested';
    if (mode === 'reprotect') return result === 'succeeded' ? 'ready' : 'failed-over';
    if (mode === 'planned' || mode === 'disaster') return ended ? 'failed-over' : 'ready';
  }
  return 'ready';
};

/** The run of a plan that has not ended, if there is one. */
export const openRunOf = (state: SystemState, planId: string): RunOpened | undefined => {
  const last = (state.runsOf.get(planId) ?? []).at(-1);
  const record = last === undefined ? undefined : state.runs.get(last);
  return record !== undefined && record.closed === undefined ? record.opened : undefined;
};
