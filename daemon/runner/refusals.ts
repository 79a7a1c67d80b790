/** What a start is refused for, as one error. */
import { SiteswapError, type Violation } from '../core/errors.ts';
import type { Mode, Plan } from '../core/plan.ts';
import { facing, modesOf, openRunOf, planStateOf } from '../core/plan-state.ts';
import type { SystemState } from '../core/system.ts';
import type { Found } from '../planner/freeze.ts';

/** What cannot be run, by whose word it was asked for. */
export type Refused = 'PLAN_INVALID' | 'MOVE_INVALID' | 'INVALID_REQUEST';

/** One error for all that was found: the message tells the first, the violations tell them all. */
export const refusal = (
  reason: Refused | 'RUN_REFUSED',
  violations: readonly Violation[],
  subject: string,
): SiteswapError => {
  const [first] = violations;
  const where = first?.field === '' ? '' : `${first?.field}: `;
  const more = violations.length > 1 ? ` (and ${violations.length - 1} more)` : '';
  return new SiteswapError(reason, `${where}${first?.message}${more}`, { subject, violations });
};

/** Throws RUN_REFUSED for what is in a run's way now. */
export const expectNoObstacle = ({ obstacles }: Found, subject: string): void => {
  if (obstacles.length > 0) throw refusal('RUN_REFUSED', obstacles, subject);
};

/** What a plan can run instead; with a site that is lost, that comes first. */
const wrongMode = (
  { id, protectedSiteId, recoverySiteId }: Plan,
  stands: string,
  modes: readonly Mode[],
  lostSites: ReadonlyMap<string, unknown>,
): SiteswapError => {
  const message = `plan "${id}" is ${stands}: it can run ${modes.join(', ')}`;
  const away = [protectedSiteId, recoverySiteId].find((siteId) => lostSites.has(siteId));
  if (away === undefined) return new SiteswapError('PLAN_STATE', message, { subject: id });
  const once = `${message}, once site "${away}" is declared reachable`;
  const hint = `siteswap site reachable ${away} --reason …, once it is back.`;
  return new SiteswapError('PLAN_STATE', once, { subject: id, hint });
};

/** Throws where the plan's history does not lead to the mode, and no run of it is under way. */
export const expectMode = (state: SystemState, plan: Plan, mode: Mode, isTurned: boolean): void => {
  const modes = modesOf(state, plan.id);
  if (isTurned || modes.includes(mode) || openRunOf(state, plan.id) !== undefined) return;
  throw wrongMode(plan, planStateOf(state, plan.id), modes, state.lostSites);
};

/** What a mode needs must not be declared lost: that is no fault of the plan. */
export const expectSites = (state: SystemState, plan: Plan, mode: Mode): void => {
  const both = mode === 'planned' || mode === 'reprotect' || mode === 'fence';
  const needed = both ? [plan.protectedSiteId] : [];
  for (const siteId of [...needed, plan.recoverySiteId]) {
    if (!state.lostSites.has(siteId)) continue;
    const message = `site "${siteId}" is declared lost, and ${mode} mode needs it`;
    const back = `once it is back: siteswap site reachable ${siteId} --reason …`;
    // The way round a lost site is to run at the other one; nobody should lose that one too.
    const round = mode === 'planned' && siteId === plan.protectedSiteId;
    const isOver = siteId === plan.recoverySiteId && facing(state, plan) !== plan;
    const hint = round || isOver ? `Run in disaster mode; or, ${back}` : `Wait; ${back}`;
    throw new SiteswapError('SITE_LOST', message, { subject: siteId, hint });
  }
};
