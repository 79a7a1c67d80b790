/**
 * The system stream: what outlives runs. Plans, lost sites, inventory evidence, sources of shared
 * devices, request keys and the runs of each plan, folded from entries like everything else; there
 * is no second store.
 *
 * It does not grow for ever: from time to time all that holds is stated anew at its end, and what
 * stands before is trimmed. A fold that begins in the middle of what is being trimmed must end in
 * the same state, so what is stated anew replaces what was there.
 */
import { type AdoptionBook, adoptedPlan, adoptRecovery, type PlanAdopted } from './adoption.ts';
import type { RunResult } from './entries.ts';
import type { RemoteEvidence } from './inventory.ts';
import { printsKeptMax } from './limits.ts';
import type { Mode, Plan } from './plan.ts';
import { requestPrint, runPrint } from './prints.ts';
import {
  foldDisaster,
  foldReturn,
  foldRunEnd,
  type RecoveriesKept,
  type RecoveryBook,
  recoveryStateOf,
} from './recovery.ts';
import { foldSource, type SourceBook, type SourceSet } from './sources.ts';

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

export type SystemEntry =
  | PlanSaved
  | PlanDeleted
  | SiteDeclared
  | InventoryRecorded
  | SourceSet
  | RecoveriesKept
  | PlanAdopted
  | RunOpened
  | RunClosed
  | RunsForgotten
  | RunsKept
  | PrintsKept
  | Restated;

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
  readonly sources: SourceBook;
  readonly recoveries: RecoveryBook;
  readonly adoptions: AdoptionBook;
  /** In order of opening. */
  readonly runs: Map<string, RunRecord>;
  /** `requester\n request key` → run id. */
  readonly requests: Map<string, string>;
  /** Plan id → its runs, in order. */
  readonly runsOf: Map<string, string[]>;
  /** Fingerprints of the ids and request keys of runs that are forgotten, the oldest first. */
  readonly forgotten: Set<number>;
  /** Characters that it took to state everything, the last time. */
  restatedChars: number;
}

export const emptySystem = (): SystemState => ({
  plans: new Map(),
  lostSites: new Map(),
  inventory: new Map(),
  sources: new Map(),
  recoveries: new Map(),
  adoptions: new Map(),
  runs: new Map(),
  requests: new Map(),
  runsOf: new Map(),
  forgotten: new Set(),
  restatedChars: 0,
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
      state.recoveries.delete(entry.planId);
      state.adoptions.delete(entry.planId);
      break;
    case 'site-lost':
      state.lostSites.set(entry.siteId, entry);
      foldReturn(state.recoveries, entry);
      break;
    case 'site-reachable':
      state.lostSites.delete(entry.siteId);
      foldReturn(state.recoveries, entry);
      break;
    case 'inventory-recorded':
      state.inventory.set(entry.evidence.remote.id, entry.evidence);
      break;
    case 'source-set':
      foldSource(state.sources, entry);
      break;
    case 'recoveries-kept':
      state.recoveries.clear();
      for (const record of entry.recoveries) state.recoveries.set(record.planId, record);
      break;
    case 'plan-adopted':
      adopt(state, entry);
      break;
    case 'run-opened':
      openRunRecord(state, entry);
      foldDisaster(state.recoveries, entry, state.plans.get(entry.planId)?.plan);
      break;
    case 'run-closed':
      closeRunRecord(state, entry);
      break;
    case 'runs-forgotten':
      for (const runId of entry.runIds) forgetRun(state, runId);
      break;
    case 'runs-kept':
      keepRuns(state, entry.runs);
      break;
    case 'prints-kept':
      for (const print of entry.prints) keepPrint(state, print);
      break;
    case 'restated':
      state.restatedChars = entry.chars;
      break;
  }
  return state;
};

const openRunRecord = (state: SystemState, opened: RunOpened, closed?: RunClosed): void => {
  state.runs.set(opened.runId, closed === undefined ? { opened } : { opened, closed });
  state.requests.set(requestOf(opened.requester, opened.requestKey), opened.runId);
  const runs = state.runsOf.get(opened.planId);
  if (runs === undefined) state.runsOf.set(opened.planId, [opened.runId]);
  else runs.push(opened.runId);
};

const keepRuns = (state: SystemState, runs: readonly RunRecord[]): void => {
  for (const known of [state.runs, state.runsOf, state.requests]) known.clear();
  for (const { opened, closed } of runs) openRunRecord(state, opened, closed);
};

const forgetRun = (state: SystemState, runId: string): void => {
  const opened = state.runs.get(runId)?.opened;
  if (opened === undefined) return;
  const request = requestOf(opened.requester, opened.requestKey);
  keepPrint(state, runPrint(runId));
  keepPrint(state, requestPrint(request));
  state.runs.delete(runId);
  state.requests.delete(request);
  const left = (state.runsOf.get(opened.planId) ?? []).filter((id) => id !== runId);
  if (left.length === 0) state.runsOf.delete(opened.planId);
  else state.runsOf.set(opened.planId, left);
};

const keepPrint = (state: SystemState, print: number): void => {
  state.forgotten.add(print);
  if (state.forgotten.size <= printsKeptMax) return;
  for (const oldest of state.forgotten) {
    state.forgotten.delete(oldest);
    return;
  }
};

const adopt = (state: SystemState, entry: PlanAdopted): void => {
  const saved = state.plans.get(entry.planId);
  if (saved === undefined) return;
  saved.plan = adoptedPlan(saved.plan, entry);
  saved.etag = `${saved.etag}a`;
  state.adoptions.set(entry.planId, entry);
  adoptRecovery(state.recoveries, entry);
};

/** After a reprotect run that succeeded, the plan's sites have changed places. */
const closeRunRecord = (state: SystemState, closed: RunClosed): void => {
  const record = state.runs.get(closed.runId);
  if (record === undefined) return;
  record.closed = closed;
  foldRunEnd(state.recoveries, record.opened, closed);
  if (isDeciding(record)) state.adoptions.delete(record.opened.planId);
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
export type PlanState = 'ready' | 'tested' | 'failed-over' | 'recovery-required';

const modesFrom: Readonly<Record<PlanState, readonly Mode[]>> = {
  ready: ['test', 'planned', 'disaster'],
  tested: ['cleanup', 'disaster'],
  'failed-over': ['reprotect'],
  'recovery-required': ['fence'],
};

const isDeciding = ({ opened, closed }: RunRecord): boolean =>
  closed !== undefined &&
  closed.result !== 'rolled-back' &&
  opened.mode !== 'device' &&
  opened.mode !== 'fence';

/** The newest ended run of a plan that changed something; a fence only cuts off what was left. */
export const decidingRunOf = (state: SystemState, planId: string): RunRecord | undefined => {
  for (const runId of (state.runsOf.get(planId) ?? []).toReversed()) {
    const record = state.runs.get(runId);
    if (record !== undefined && isDeciding(record)) return record;
  }
  return undefined;
};

/**
 * The newest run that changed something decides. A planned or disaster run that was begun and did
 * not end well may be run again; cleanup and reprotect likewise. While two sites may both have
 * writers, nothing comes before cutting the old ones off.
 */
export const planStateOf = (state: SystemState, planId: string): PlanState => {
  const recovery = state.recoveries.get(planId);
  if (recovery !== undefined && recoveryStateOf(recovery) === 'required') {
    return 'recovery-required';
  }
  const adopted = state.adoptions.get(planId);
  if (adopted !== undefined) return adopted.state === 'ready' ? 'ready' : 'failed-over';
  const { opened, closed } = decidingRunOf(state, planId) ?? {};
  if (opened === undefined || closed === undefined) return 'ready';
  const { mode } = opened;
  const { result } = closed;
  const ended = result === 'succeeded' || result === 'incomplete';
  if (mode === 'test') return 'tested';
  if (mode === 'cleanup') return ended ? 'ready' : 'tested';
  if (mode === 'reprotect') return result === 'succeeded' ? 'ready' : 'failed-over';
  return ended ? 'failed-over' : 'ready';
};

/**
 * Modes in which a plan may be run now. A failover that did not end well may be run again, which
 * goes on from where that one left it; what it has brought over may be protected as it is.
 */
export const modesOf = (state: SystemState, planId: string): readonly Mode[] => {
  const modes = modesFrom[planStateOf(state, planId)];
  const { opened, closed } = decidingRunOf(state, planId) ?? {};
  const mode = opened?.mode;
  if (mode !== 'planned' && mode !== 'disaster') return modes;
  return closed?.result === 'succeeded'
    ? modes
    : [...new Set([...modes, mode, 'reprotect' as const])];
};

/** The run of a plan that has not ended, if there is one. */
export const openRunOf = (state: SystemState, planId: string): RunOpened | undefined => {
  const last = (state.runsOf.get(planId) ?? []).at(-1);
  const record = last === undefined ? undefined : state.runs.get(last);
  return record !== undefined && record.closed === undefined ? record.opened : undefined;
};
