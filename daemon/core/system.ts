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
import {
  type ClaimBook,
  type ClaimsKept,
  foldClaims,
  foldClaimsEnd,
  type ObjectsCounted,
  type RunReturning,
} from './claims.ts';
import {
  type CallInjected,
  foldInjections,
  type InjectionBook,
  type InjectionsKept,
  type InjectionsSet,
} from './injection-book.ts';
import { ChangedEvidence, type RemoteEvidence } from './inventory.ts';
import { doneRequestsMax, printsKeptMax } from './limits.ts';
import { foldMoves, keepMoves, type MoveBook, type MovesKept, noMoves } from './moves.ts';
import { isOfTests, type Plan } from './plan.ts';
import { requestPrint, runPrint } from './prints.ts';
import {
  foldDisaster,
  foldReturn,
  foldRunEnd,
  type RecoveriesKept,
  type RecoveryBook,
} from './recovery.ts';
import { foldSource, type SourceBook, type SourceSet } from './sources.ts';
import {
  type DevicesChanged,
  type InventoryRecorded,
  isDeciding,
  type PlanDeleted,
  type PlanSaved,
  type PrintsKept,
  type Restated,
  type RunClosed,
  type RunOpened,
  type RunRecord,
  type RunsForgotten,
  type RunsKept,
  type SiteDeclared,
} from './system-entries.ts';

export type SystemEntry =
  | PlanSaved
  | PlanDeleted
  | SiteDeclared
  | InventoryRecorded
  | DevicesChanged
  | SourceSet
  | RecoveriesKept
  | MovesKept
  | InjectionsSet
  | InjectionsKept
  | CallInjected
  | PlanAdopted
  | ObjectsCounted
  | RunReturning
  | ClaimsKept
  | RunOpened
  | RunClosed
  | RunsForgotten
  | RunsKept
  | PrintsKept
  | Restated;

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
  readonly injections: InjectionBook;
  readonly recoveries: RecoveryBook;
  moves: MoveBook;
  readonly claims: ClaimBook;
  readonly adoptions: AdoptionBook;
  /** In order of opening. */
  readonly runs: Map<string, RunRecord>;
  /** Those of them that have not ended, in order of opening. */
  readonly openRuns: Map<string, RunOpened>;
  /** `requester\n request key` → run id. */
  readonly requests: Map<string, string>;
  /** Plan id → its runs, in order. */
  readonly runsOf: Map<string, string[]>;
  /** Ids of requests that came through a queue and are done, the oldest first. */
  readonly doneRequests: Set<string>;
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
  injections: { sets: new Map(), intervals: [] },
  recoveries: new Map(),
  moves: noMoves,
  claims: new Map(),
  adoptions: new Map(),
  runs: new Map(),
  openRuns: new Map(),
  requests: new Map(),
  runsOf: new Map(),
  doneRequests: new Set(),
  forgotten: new Set(),
  restatedChars: 0,
});

export const requestOf = (requester: string, requestKey: string): string =>
  `${requester}\n${requestKey}`;

/** Applies one entry of the system stream. */
export const foldSystem = (state: SystemState, entry: SystemEntry): SystemState => {
  if ('requestId' in entry && entry.requestId !== undefined) keepDone(state, entry.requestId);
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
    case 'devices-changed':
      foldInventory(state, entry);
      break;
    case 'source-set':
      foldSource(state.sources, entry);
      break;
    case 'recoveries-kept':
      state.recoveries.clear();
      for (const record of entry.recoveries) state.recoveries.set(record.planId, record);
      break;
    case 'moves-kept':
      state.moves = keepMoves(entry);
      break;
    case 'injections-set':
    case 'injections-kept':
    case 'call-injected':
      foldInjections(state.injections, entry);
      break;
    case 'plan-adopted':
      adopt(state, entry);
      break;
    case 'prints-kept':
      for (const print of entry.prints) keepPrint(state, print);
      break;
    case 'restated':
      state.restatedChars = entry.chars;
      break;
    default:
      foldRunRecords(state, entry);
  }
  return state;
};

/** A request comes again within the time that its asker waits: the newest are enough. */
const keepDone = ({ doneRequests }: SystemState, requestId: string): void => {
  doneRequests.add(requestId);
  if (doneRequests.size <= doneRequestsMax) return;
  for (const oldest of doneRequests) {
    doneRequests.delete(oldest);
    return;
  }
};

type RunRecordEntry =
  | RunOpened
  | RunClosed
  | RunsForgotten
  | RunsKept
  | ObjectsCounted
  | RunReturning
  | ClaimsKept;

const foldRunRecords = (state: SystemState, entry: RunRecordEntry): void => {
  switch (entry.type) {
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
    default:
      foldClaims(state.claims, entry);
  }
};

const foldInventory = (
  { inventory }: SystemState,
  entry: InventoryRecorded | DevicesChanged,
): void => {
  if (entry.type === 'inventory-recorded') {
    inventory.set(entry.evidence.remote.id, entry.evidence);
    return;
  }
  const before = inventory.get(entry.arrayId);
  if (before === undefined) return;
  const changed = before instanceof ChangedEvidence ? before : new ChangedEvidence(before);
  changed.change(entry.at, entry.devices, entry.goneIds);
  inventory.set(entry.arrayId, changed);
};

const openRunRecord = (state: SystemState, opened: RunOpened, closed?: RunClosed): void => {
  state.runs.set(opened.runId, closed === undefined ? { opened } : { opened, closed });
  if (closed === undefined) state.openRuns.set(opened.runId, opened);
  state.moves = foldMoves(state.moves, opened);
  state.requests.set(requestOf(opened.requester, opened.requestKey), opened.runId);
  const runs = state.runsOf.get(opened.planId);
  if (runs === undefined) state.runsOf.set(opened.planId, [opened.runId]);
  else runs.push(opened.runId);
};

const keepRuns = (state: SystemState, runs: readonly RunRecord[]): void => {
  for (const known of [state.runs, state.openRuns, state.runsOf, state.requests]) known.clear();
  for (const { opened, closed } of runs) openRunRecord(state, opened, closed);
};

const forgetRun = (state: SystemState, runId: string): void => {
  const opened = state.runs.get(runId)?.opened;
  if (opened === undefined) return;
  const request = requestOf(opened.requester, opened.requestKey);
  keepPrint(state, runPrint(runId));
  keepPrint(state, requestPrint(request));
  state.runs.delete(runId);
  state.openRuns.delete(runId);
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
  // Also where its opening was trimmed already.
  foldClaimsEnd(state.claims, closed);
  const record = state.runs.get(closed.runId);
  if (record === undefined) return;
  record.closed = closed;
  state.openRuns.delete(closed.runId);
  foldRunEnd(state.recoveries, record.opened, closed);
  const { planId, mode } = record.opened;
  if (isDeciding(record) && !isOfTests(mode)) state.adoptions.delete(planId);
  if (mode !== 'reprotect' || closed.result !== 'succeeded') return;
  const saved = state.plans.get(planId);
  if (saved === undefined) return;
  const { protectedSiteId, recoverySiteId } = saved.plan;
  saved.plan = {
    ...saved.plan,
    protectedSiteId: recoverySiteId,
    recoverySiteId: protectedSiteId,
  };
  saved.etag = `${saved.etag}r`;
};
