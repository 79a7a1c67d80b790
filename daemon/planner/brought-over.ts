/**
 * What a disaster run has brought over stays where it is: a planned run of the rest, once the old
 * site is back and cut off, goes around it.
 */
import type { Violation } from '../core/errors.ts';
import type { FrozenRun, StorageItem, VmItem } from '../core/frozen.ts';
import type { Inventory } from '../core/inventory.ts';
import type { Plan } from '../core/plan.ts';
import { isOpenThere } from './directions.ts';
import { Findings } from './findings.ts';
import { type Group, resolveGroups } from './resolve-groups.ts';
import { World } from './world.ts';

/** The rest of a plan, and what is told of what was left out. */
export interface Rest {
  readonly plan: Plan;
  readonly warnings: readonly Violation[];
}

/** VMs that stand on nothing else than these groups, as the disaster run found them. */
const vmsOn = ({ workgroups }: FrozenRun, over: ReadonlySet<string>): ReadonlySet<string> => {
  const found = new Set<string>();
  for (const group of workgroups) {
    if (group.unit !== 'vm') continue;
    const ground = (workgroups[group.storage]?.items ?? []) as readonly StorageItem[];
    for (const { id, on } of group.items as readonly VmItem[]) {
      if (on.every((at) => over.has(ground[at]?.id ?? ''))) found.add(id);
    }
  }
  return found;
};

/**
 * `disaster`: as that run was frozen. With nothing brought over, the plan itself; undefined where
 * nothing is left to bring.
 */
export const restOf = (plan: Plan, inventory: Inventory, disaster: FrozenRun): Rest | undefined => {
  const world = new World(inventory, [plan.protectedSiteId, plan.recoverySiteId]);
  const groups = resolveGroups(world, plan, 'planned', new Findings());
  const over = new Map(
    groups.filter(isOpenThere).map((group): [string, Group] => [group.field, group]),
  );
  if (over.size === 0) return { plan, warnings: [] };
  if (over.size === groups.length) return undefined;
  const gone = vmsOn(disaster, new Set([...over.values()].map(({ id }) => id)));
  const protectionGroups = plan.protectionGroups.map((one, at) => ({
    ...one,
    groups: one.groups.filter((_, i) => !over.has(`protectionGroups[${at}].groups[${i}]`)),
    ...(one.vms && {
      vms: one.vms
        .filter(({ id }) => !gone.has(id))
        .map((vm) => ({ ...vm, dependsOn: vm.dependsOn.filter((id) => !gone.has(id)) })),
    }),
  }));
  const rest = protectionGroups.filter((one) => one.groups.length > 0);
  const warnings = [...over.values()].map(({ id, field }) => ({
    field,
    message: `"${id}" was brought over by an earlier run, and stays: this one brings the rest`,
  }));
  return { plan: { ...plan, protectionGroups: rest }, warnings };
};
