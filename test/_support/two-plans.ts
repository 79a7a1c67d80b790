/** Two plans over one world of the lab that have VMs in common. */
import type { Plan } from '../../daemon/core/plan.ts';
import { planFor } from './engine-on-lab.ts';

export const vmsPerGroup = 5;

/** A plan of some of the world's groups, from the first to the last, with all VMs on them. */
export const planOf = (
  id: string,
  [first, last]: readonly [number, number],
  vms = vmsPerGroup,
): Plan => {
  const whole = planFor(last, vms, { id, name: id });
  return { ...whole, protectionGroups: whole.protectionGroups.slice(first - 1) };
};

/** 100 VMs on 20 groups: each plan has 65, and 30 are in both. */
export const sharing = {
  groups: 20,
  east: planOf('east', [1, 13]),
  west: planOf('west', [8, 20]),
  vms: 100,
  shared: 30,
} as const;
