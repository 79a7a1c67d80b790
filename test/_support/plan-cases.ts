/** Any plan that can be frozen, beside the inventory it is frozen from. */
import fc from 'fast-check';
import type { FrozenRun } from '../../daemon/core/frozen.ts';
import type { Inventory } from '../../daemon/core/inventory.ts';
import type { Plan } from '../../daemon/core/plan.ts';
import { freeze } from '../../daemon/planner/freeze.ts';
import {
  contextFor,
  type GroupSketch,
  inventoryOf,
  planOf,
  protect,
  sketch,
  vmOf,
} from './inventory.ts';

/** A world with groups of one to three devices and VMs that depend on earlier ones. */
export interface PlanCase {
  readonly plan: Plan;
  readonly inventory: Inventory;
  readonly groups: readonly GroupSketch[];
}

const caseOf = (
  sizes: readonly number[],
  vms: readonly { on: readonly number[]; priority: number; waits: readonly number[] }[],
  options: { vmMax: number; storageMax: number; gates: boolean; batch: number },
): PlanCase => {
  const groups = sizes.map((devices, i) => ({ id: `g${i}`, devices }));
  const halves = [groups.filter((_, i) => i % 2 === 0), groups.filter((_, i) => i % 2 === 1)];
  // A VM stays within one protection group: all its groups have the parity of the first.
  const placed = vms.map(({ on }, i) => {
    const first = (on[0] ?? 0) % groups.length;
    const own = [first, ...on.map((n) => n % groups.length)].filter((n) => n % 2 === first % 2);
    return { id: `vm${i}`, on: [...new Set(own)].map((n) => `g${n}`), half: first % 2 };
  });
  const members = vms.map(({ priority, waits }, i) => {
    const earlier = [...new Set(waits.map((n) => n % Math.max(i, 1)))].filter((n) => n < i);
    const allowed = earlier.filter((n) => !options.gates || (vms[n]?.priority ?? 9) <= priority);
    return vmOf(
      `vm${i}`,
      priority,
      allowed.map((n) => `vm${n}`),
    );
  });
  const protectionGroups = halves.flatMap((half, i) =>
    half.length === 0
      ? []
      : [
          protect(
            half,
            members.filter((_, n) => placed[n]?.half === i),
            `pg${i}`,
          ),
        ],
  );
  const plan = planOf(protectionGroups, {
    vmWorkgroupMax: options.vmMax,
    storageWorkgroupMax: options.storageMax,
    priorityGates: options.gates,
    release: options.batch === 0 ? { kind: 'each' } : { kind: 'batch', size: options.batch },
  });
  return { plan, inventory: inventoryOf(sketch(groups, placed)), groups };
};

/** Any plan with its inventory: up to 12 groups and 40 VMs, some of which wait for others. */
export const planCases: fc.Arbitrary<PlanCase> = fc
  .tuple(
    fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 12 }),
    fc.array(
      fc.record({
        on: fc.array(fc.nat({ max: 11 }), { minLength: 1, maxLength: 2 }),
        priority: fc.integer({ min: 1, max: 5 }),
        waits: fc.array(fc.nat({ max: 40 }), { maxLength: 3 }),
      }),
      { maxLength: 40 },
    ),
    fc.record({
      vmMax: fc.integer({ min: 1, max: 6 }),
      storageMax: fc.integer({ min: 1, max: 4 }),
      gates: fc.boolean(),
      batch: fc.nat({ max: 4 }),
    }),
  )
  .map((parts) => caseOf(...parts));

/** Frozen for a planned run. */
export const frozenOf = ({ plan, inventory }: PlanCase): FrozenRun => {
  const result = freeze(plan, inventory, 'planned', contextFor(inventory));
  if ('problems' in result) throw new Error(JSON.stringify(result.problems));
  return result.frozen;
};
