/** What a start is refused for, as one error. */
import { SiteswapError, type Violation } from '../core/errors.ts';
import type { Mode, Plan } from '../core/plan.ts';
import { facing, modesOf, openRunOf, planStateOf } from '../core/plan-state.ts';
import type { SystemState } from '../core/system.ts';
import type { RunOpened } from '../core/system-entries.ts';
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

/** A disaster run takes over from a run of another mode; nothing else does. */
const takesOver = (mode: Mode, open: RunOpened): boolean =>
  mode === 'disaster' && open.mode !== 'disaster';

const unended = ({ runId, mode, planId }: RunOpened): string =>
  `run ${runId} (${mode}) of plan "${planId}" is not ended`;

/** Of a plan that a run of its own keeps from something else. */
export const planInUse = (open: RunOpened, more: { readonly hint?: string } = {}): SiteswapError =>
  new SiteswapError('PLAN_IN_USE', unended(open), { subject: open.runId, ...more });

/** A disaster run, not ended, that goes by the loss of the site. */
export const disasterOf = (state: SystemState, siteId: string): RunOpened | undefined =>
  [...state.openRuns.values()].find(
    ({ mode, planId }) => mode === 'disaster' && state.recoveries.get(planId)?.oldSiteId === siteId,
  );

/** Throws while one is open: what it has still to promote, it promotes without asking the site. */
export const expectNoDisaster = (state: SystemState, siteId: string): void => {
  const open = disasterOf(state, siteId);
  if (open === undefined) return;
  const hint =
    `See it through, or give it up: siteswap cancel ${open.runId} --reason …, then siteswap ` +
    `resume ${open.runId} --decision abandon. What it leaves, a planned run brings.`;
  throw planInUse(open, { hint });
};

/** Throws unless somebody has declared the site lost that a disaster run goes by. */
export const expectLost = ({ lostSites }: SystemState, siteId: string): void => {
  if (lostSites.has(siteId)) return;
  const hint = `siteswap site lost ${siteId} --reason …, or run in planned mode.`;
  const message = `site "${siteId}" is not declared lost`;
  throw new SiteswapError('SITE_NOT_LOST', message, { subject: siteId, hint });
};

/** Throws while a run of the plan is open that a start would not take over from. */
export const expectNoRun = (state: SystemState, plan: Plan, mode: Mode): void => {
  const open = openRunOf(state, plan.id);
  if (open === undefined || takesOver(mode, open)) return;
  throw planInUse(open);
};

/** Adds what a start would meet of the plan's own runs. */
export const withOwnRun = <F extends Found>(
  state: SystemState,
  plan: Plan,
  mode: Mode,
  found: F,
): F => {
  const open = openRunOf(state, plan.id);
  if (open === undefined) return found;
  const what = unended(open);
  if (takesOver(mode, open)) {
    const message = `${what}: a disaster run cancels it, and takes over from it`;
    return { ...found, warnings: [{ field: '', message }, ...found.warnings] };
  }
  const message =
    `${what}: wait for its end (siteswap watch ${open.runId}); where it waits for a person, ` +
    `siteswap report ${open.runId} tells why, and siteswap resume ${open.runId} decides`;
  return { ...found, obstacles: [{ field: '', message }, ...found.obstacles] };
};

/** The same, for who only looks ahead: a disaster run needs a person's word first. */
export const seenAhead = <F extends Found>(
  state: SystemState,
  plan: Plan,
  mode: Mode,
  made: F,
): F => {
  const found = withOwnRun(state, plan, mode, made);
  const { protectedSiteId: siteId } = plan;
  if (mode !== 'disaster' || state.lostSites.has(siteId)) return found;
  const message =
    `site "${siteId}" is not declared lost, and a disaster run is refused until it is: ` +
    `siteswap site lost ${siteId} --reason …`;
  return { ...found, warnings: [{ field: '', message }, ...found.warnings] };
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
