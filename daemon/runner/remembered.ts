/** What only earlier runs of a plan can tell: what they had brought over, and wanted of its VMs. */
import { SiteswapError } from '../core/errors.ts';
import type { FrozenRun, VmItem } from '../core/frozen.ts';
import type { Inventory } from '../core/inventory.ts';
import type { Mode, Plan } from '../core/plan.ts';
import { unfinishedOf } from '../core/plan-state.ts';
import { type Rest, restOf } from '../planner/brought-over.ts';
import { nothingRemembered } from '../planner/survey.ts';
import type { Catalog } from './catalog.ts';
import type { Runs } from './runs.ts';

/** Who looks into what earlier runs have left behind. */
export interface Knowing {
  readonly catalog: Catalog;
  readonly runs: Runs;
}

/**
 * What a planned run takes of a plan: without what a disaster run has brought over before, as long
 * as what that run left is not settled. Where nobody knows of that run any more, all of it. Throws
 * PLAN_STATE where nothing is left to bring.
 */
export const restToBring = async (
  { catalog, runs }: Knowing,
  plan: Plan,
  mode: Mode,
  inventory: Inventory,
): Promise<Rest> => {
  const record = mode === 'planned' ? catalog.state.recoveries.get(plan.id) : undefined;
  const disaster = record === undefined ? undefined : await frozenOf(runs, record.runId);
  if (disaster === undefined) return { plan, warnings: [] };
  const rest = restOf(plan, inventory, disaster);
  if (rest !== undefined) return rest;
  const message = `every group of plan "${plan.id}" was brought over by an earlier run`;
  const hint = `siteswap run ${plan.id} --mode reprotect`;
  throw new SiteswapError('PLAN_STATE', message, { subject: plan.id, hint });
};

/**
 * VMs that the runs which a planned one goes on from were to start: an unfinished planned run, and
 * a disaster run whose site is back, may have left them off.
 */
export const wantedOn = async (
  { catalog, runs }: Knowing,
  plan: Plan,
  mode: Mode,
): Promise<ReadonlySet<string>> => {
  const { state } = catalog;
  if (mode !== 'planned') return new Set();
  const unfinished = unfinishedOf(state, plan.id)?.runId;
  const wanted = new Set<string>();
  for (const runId of new Set([unfinished, state.recoveries.get(plan.id)?.runId])) {
    const frozen = runId === undefined ? undefined : await frozenOf(runs, runId);
    for (const { unit, items } of frozen?.workgroups ?? []) {
      if (unit !== 'vm') continue;
      for (const { id, leftOff } of items as readonly VmItem[])
        if (leftOff !== true) wanted.add(id);
    }
  }
  return wanted;
};

/** Undefined: nobody knows of the run any more. */
const frozenOf = async (runs: Runs, runId: string): Promise<FrozenRun | undefined> => {
  try {
    return (await runs.state(runId)).frozen;
  } catch (error) {
    if (error instanceof SiteswapError) return undefined;
    throw error;
  }
};

/**
 * VM id → datastores, of the VMs that the plan's last run was to move live; none but then. Where
 * they went to a site that is lost, that site cannot tell of them any more.
 */
export const remembered = async (
  { catalog, runs }: Knowing,
  plan: Plan,
  mode: Mode,
): Promise<ReadonlyMap<string, readonly string[]>> => {
  const runId = mode === 'disaster' ? catalog.state.runsOf.get(plan.id)?.at(-1) : undefined;
  if (runId === undefined) return nothingRemembered;
  const { frozen } = await runs.state(runId);
  const live = frozen.workgroups.filter(({ unit, path }) => unit === 'vm' && path === 'live');
  const items = live.flatMap((group) => [...(group.items as readonly VmItem[])]);
  if (items.length === 0) return nothingRemembered;
  return new Map(items.map(({ id, datastoreIds }) => [id, datastoreIds]));
};
