/** Where a run moved VMs to a site that is lost, that site could not tell of them any more. */
import type { VmItem } from '../core/frozen.ts';
import type { Mode, Plan } from '../core/plan.ts';
import { nothingRemembered } from '../planner/survey.ts';
import type { Catalog } from './catalog.ts';
import type { Runs } from './runs.ts';

/** Who looks into what earlier runs have left behind. */
export interface Knowing {
  readonly catalog: Catalog;
  readonly runs: Runs;
}

/** VM id → datastores, of the VMs that the plan's last run was to move live; none but then. */
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
