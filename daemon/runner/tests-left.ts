/**
 * Copies of a test that were not removed: a failover comes across them, and they outlive it. They
 * stand where the test was, also when the plan's sites have changed places since.
 */
import type { Violation } from '../core/errors.ts';
import { isOfTests, type Mode, type Plan } from '../core/plan.ts';
import { testLeftBy } from '../core/plan-state.ts';
import type { SystemState } from '../core/system.ts';
import type { Knowing } from './remembered.ts';

/** For a cleanup, the plan with its sites as they were in the test; as it is for all else. */
export const asTested = async (
  { catalog, runs }: Knowing,
  plan: Plan,
  mode: Mode,
): Promise<Plan> => {
  const left = mode === 'cleanup' ? testLeftBy(catalog.state, plan.id) : undefined;
  if (left === undefined) return plan;
  const { protectedSiteId, recoverySiteId } = (await runs.state(left.runId)).frozen;
  return recoverySiteId === plan.protectedSiteId
    ? { ...plan, protectedSiteId, recoverySiteId }
    : plan;
};

/** Told to whoever fails over meanwhile. */
export const testsBeside = (state: SystemState, plan: Plan, mode: Mode): readonly Violation[] => {
  const left = isOfTests(mode) ? undefined : testLeftBy(state, plan.id);
  if (left === undefined) return [];
  const way = `\`siteswap run ${plan.id} --mode cleanup\` removes them, now or afterwards`;
  return [{ field: '', message: `copies of test run ${left.runId} are still there: ${way}` }];
};
