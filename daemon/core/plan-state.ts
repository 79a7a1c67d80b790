/**
 * What a plan is ready for, by the history of its runs, its recovery and what a person has adopted.
 */
import { isOfTests, type Mode, type Plan } from './plan.ts';
import { recoveryStateOf } from './recovery.ts';
import type { SystemState } from './system.ts';
import { isDeciding, type RunOpened, type RunRecord } from './system-entries.ts';

/** What a plan is ready for, by the history of its runs. */
export type PlanState =
  | 'ready'
  | 'tested'
  | 'failed-over'
  /** A failover ended with some not done: what it did not bring over may be at either site. */
  | 'partly-failed-over'
  | 'recovery-required';

const modesFrom: Readonly<Record<PlanState, readonly Mode[]>> = {
  ready: ['test', 'planned', 'disaster'],
  tested: ['cleanup', 'disaster'],
  'failed-over': ['reprotect'],
  'partly-failed-over': ['reprotect'],
  'recovery-required': ['fence'],
};

const newest = (
  state: SystemState,
  planId: string,
  isSo: (mode: RunOpened['mode']) => boolean,
): RunRecord | undefined => {
  for (const runId of (state.runsOf.get(planId) ?? []).toReversed()) {
    const record = state.runs.get(runId);
    if (record !== undefined && isDeciding(record) && isSo(record.opened.mode)) return record;
  }
  return undefined;
};

/** The newest ended run of a plan that moved something; a fence only cuts off what was left. */
export const decidingRunOf = (state: SystemState, planId: string): RunRecord | undefined =>
  newest(state, planId, (mode) => !isOfTests(mode));

const hasEnded = (closed: RunRecord['closed']): boolean =>
  closed?.result === 'succeeded' || closed?.result === 'incomplete';

/** The newest ended run of a plan that made copies for a test, or removed them. */
export const newestTestOf = (state: SystemState, planId: string): RunRecord | undefined =>
  newest(state, planId, isOfTests);

/** The run whose copies may be there still: the newest test, or a cleanup that did not end well. */
export const testLeftBy = (state: SystemState, planId: string): RunOpened | undefined => {
  const { opened, closed } = newestTestOf(state, planId) ?? {};
  return opened?.mode === 'cleanup' && hasEnded(closed) ? undefined : opened;
};

/** Which side has the writers, whatever tests there were. */
const positionOf = (
  state: SystemState,
  planId: string,
): 'ready' | 'failed-over' | 'partly-failed-over' => {
  const adopted = state.adoptions.get(planId);
  if (adopted !== undefined) return adopted.state === 'ready' ? 'ready' : 'failed-over';
  const { opened, closed } = decidingRunOf(state, planId) ?? {};
  if (opened?.mode === 'reprotect') return closed?.result === 'succeeded' ? 'ready' : 'failed-over';
  if (closed?.result === 'incomplete') return 'partly-failed-over';
  return hasEnded(closed) ? 'failed-over' : 'ready';
};

/**
 * The newest run that moved something decides. A planned or disaster run that was begun and did not
 * end well may be run again; cleanup and reprotect likewise. While two sites may both have writers,
 * nothing comes before cutting the old ones off.
 */
export const planStateOf = (state: SystemState, planId: string): PlanState => {
  const recovery = state.recoveries.get(planId);
  if (recovery !== undefined && recoveryStateOf(recovery) === 'required') {
    return 'recovery-required';
  }
  const position = positionOf(state, planId);
  return position === 'ready' && testLeftBy(state, planId) !== undefined ? 'tested' : position;
};

/** A failover of it ended with some not done, whatever comes first now. */
export const isPartlyOver = (state: SystemState, planId: string): boolean =>
  positionOf(state, planId) === 'partly-failed-over';

/**
 * Modes in which a plan may be run now. A failover that did not end well may be run again, which
 * goes on from where that one left it; what it has brought over may be protected as it is. Copies
 * of a test can be removed at any time.
 */
export const modesOf = (state: SystemState, planId: string): readonly Mode[] => {
  const stands = planStateOf(state, planId);
  const removes = testLeftBy(state, planId) === undefined ? [] : (['cleanup'] as const);
  const modes = [...new Set([...modesFrom[stands], ...removes])];
  // However the disaster run ended: nothing comes before cutting its old writers off.
  if (stands === 'recovery-required' || stands === 'tested') return modes;
  const mode = unfinishedOf(state, planId)?.mode;
  if (mode === undefined) return modes;
  // With the old site back and cut off, what a disaster run did not bring goes the planned way.
  const isBack = !state.lostSites.has(state.plans.get(planId)?.plan.protectedSiteId ?? '');
  const first = isBack ? 'planned' : mode;
  return [...new Set([first, ...modes, 'reprotect' as const, mode])];
};

/** The failover of a plan that did not end well: the next one takes up from there. */
export const unfinishedOf = (
  state: SystemState,
  planId: string,
): { readonly runId: string; readonly mode: 'planned' | 'disaster' } | undefined => {
  const { opened, closed } = decidingRunOf(state, planId) ?? {};
  if (opened === undefined || closed?.result === 'succeeded') return undefined;
  const { runId, mode } = opened;
  return mode === 'planned' || mode === 'disaster' ? { runId, mode } : undefined;
};

/**
 * The plan as a disaster run takes it. Where a planned run has begun to bring it over, or has done
 * so, and the site that it goes to is lost, what is left is the site that it came from: the plan is
 * turned round. Whatever else is lost leaves it as it is.
 */
export const facing = (state: SystemState, plan: Plan): Plan => {
  const { protectedSiteId: from, recoverySiteId: to, id } = plan;
  const { lostSites, recoveries, adoptions } = state;
  if (!lostSites.has(to) || lostSites.has(from) || recoveries.has(id)) return plan;
  const adopted = adoptions.get(id)?.state;
  const open = openRunOf(state, id);
  const run = open ?? (adopted === undefined ? decidingRunOf(state, id)?.opened : undefined);
  const isOver = run?.mode === 'planned' || (open === undefined && adopted === 'failed-over');
  return isOver ? { ...plan, protectedSiteId: to, recoverySiteId: from } : plan;
};

/** The run of a plan that has not ended, if there is one. */
export const openRunOf = (state: SystemState, planId: string): RunOpened | undefined => {
  const last = (state.runsOf.get(planId) ?? []).at(-1);
  const record = last === undefined ? undefined : state.runs.get(last);
  return record !== undefined && record.closed === undefined ? record.opened : undefined;
};
