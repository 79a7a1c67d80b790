/**
 * How long ended runs are kept, and what is said of those that are not any more. Pure: who asks
 * says what time it is.
 */
import { SiteswapError } from './errors.ts';
import { endedRunDaysDefault, endedRunsDefault } from './limits.ts';
import { decidingRunOf, newestTestOf } from './plan-state.ts';
import { requestPrint, runPrint } from './prints.ts';
import { requestOf, type SystemState } from './system.ts';

/** Both bounds hold: what is past either is forgotten. */
export interface Retention {
  /** Ended runs that are kept; open ones are kept whatever their number. */
  readonly runsMax: number;
  /** Since the run's end, in milliseconds. */
  readonly ageMsMax: number;
}

const dayMs = 24 * 60 * 60_000;

export const retentionOf = ({ runs, days }: { runs: number; days: number }): Retention => ({
  runsMax: runs,
  ageMsMax: days * dayMs,
});

export const retentionDefault: Retention = retentionOf({
  runs: endedRunsDefault,
  days: endedRunDaysDefault,
});

/**
 * Ids of the runs that are due to be forgotten, the oldest first. The runs that decide what a plan
 * is ready for are kept as long as it; one whose claims an open run asks for, as long as that.
 */
export const expiredRuns = (state: SystemState, bound: Retention, now: number): string[] => {
  const planIds = [...state.plans.keys()];
  const deciding = new Set(
    planIds.flatMap((planId) => [decidingRunOf(state, planId), newestTestOf(state, planId)]),
  );
  const asked = new Set([...state.openRuns.values()].flatMap(({ rivals = [] }) => rivals));
  const ended = [...state.runs.values()].filter(({ closed }) => closed !== undefined);
  const tooMany = ended.length - bound.runsMax;
  return ended
    .filter((record, at) => at < tooMany || now - (record.closed?.at ?? now) > bound.ageMsMax)
    .filter((record) => !deciding.has(record) && !asked.has(record.opened.runId))
    .map(({ opened }) => opened.runId);
};

/** Throws RUN_EXPIRED or RUN_NOT_FOUND when there is nothing to tell of a run. */
export const expectRun = (state: SystemState, runId: string): void => {
  if (state.runs.has(runId)) return;
  if (state.forgotten.has(runPrint(runId))) throw runExpired(runId);
  const message = `no run has the id "${runId}"`;
  throw new SiteswapError('RUN_NOT_FOUND', message, { subject: runId });
};

export const runExpired = (runId: string): SiteswapError =>
  new SiteswapError('RUN_EXPIRED', `run ${runId} ended long ago and was forgotten`, {
    subject: runId,
  });

/** Throws REQUEST_EXPIRED when the key was used for a run that is forgotten: never a new run. */
export const expectFresh = (state: SystemState, requester: string, requestKey: string): void => {
  if (!state.forgotten.has(requestPrint(requestOf(requester, requestKey)))) return;
  const message =
    `"${requester}" used request key "${requestKey}" for a run ` +
    'that ended long ago and was forgotten';
  throw new SiteswapError('REQUEST_EXPIRED', message, { subject: requestKey });
};
