/** A second plan over some of the same groups, run by somebody else while the first one is. */
import type { Mode, Plan, ProtectionGroup } from '../../daemon/core/plan.ts';
import type { Chance } from './chance.ts';
import type { Scenario } from './scenario.ts';
import { drawPolicies } from './scenario-policies.ts';
import { vmsTotal } from './vms.ts';

export interface NeighbourOrder {
  readonly plan: Plan;
  readonly mode: Mode;
  /** Of the beginning of the simulation. */
  readonly afterMs: number;
}

/** Some of the protection groups; of a single one, some of its groups with the VMs on them. */
const someOf = (chance: Chance, all: readonly ProtectionGroup[]): ProtectionGroup[] => {
  const [first] = all;
  const isOne = all.length === 1 && first !== undefined;
  const count = isOne ? first.groups.length : all.length;
  const from = chance.between(0, count - 1);
  const to = chance.between(from, count - 1) + 1;
  if (!isOne) return all.slice(from, to);
  const perGroup = vmsTotal / count;
  const vms = first.vms?.slice(from * perGroup, to * perGroup) ?? [];
  return [{ ...first, groups: first.groups.slice(from, to), vms }];
};

/** What depends on a VM of somebody else's starts without it. */
const closed = (groups: readonly ProtectionGroup[]): ProtectionGroup[] => {
  const own = new Set(groups.flatMap(({ vms = [] }) => vms.map(({ id }) => id)));
  return groups.map((group) => ({
    ...group,
    vms: (group.vms ?? []).map((vm) => ({
      ...vm,
      dependsOn: vm.dependsOn.filter((id) => own.has(id)),
    })),
  }));
};

/** Only where both plans can go the same way, and nothing is taken over. */
export const drawNeighbour = (
  chance: Chance,
  { plan, script, faults, calm, move }: Omit<Scenario, 'neighbour'>,
): NeighbourOrder | undefined => {
  const isLost = faults.troubles.some(({ effect }) => effect.do === 'lose-site');
  if (isLost || move !== undefined || script[0] !== 'planned' || script.length > 2)
    return undefined;
  if (!chance.hit(0.4)) return undefined;
  return {
    mode: 'planned',
    afterMs: chance.spread(1, 20_000),
    plan: {
      ...plan,
      id: 'neighbour',
      name: 'Neighbour',
      protectionGroups: closed(someOf(chance, plan.protectionGroups)),
      policies: calm ? {} : drawPolicies(chance.fork('policies')),
    },
  };
};
