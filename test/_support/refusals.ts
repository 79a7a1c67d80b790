/** A small plan over a small world, and what the planner has against it. */
import type { Violation } from '../../daemon/core/errors.ts';
import type { Mode, Plan } from '../../daemon/core/plan.ts';
import { type FreezeContext, freeze } from '../../daemon/planner/freeze.ts';
import { contextFor, inventoryOf, planOf, protect, type Sketch, sketch } from './inventory.ts';

export const groups = [{ id: 'a', devices: 2 }, { id: 'b' }];
export const world = () =>
  sketch(groups, [
    { id: 'web', on: ['a'] },
    { id: 'mail', on: ['b'] },
  ]);
export const plan = (change: Partial<Plan> = {}): Plan => ({
  ...planOf([protect(groups)]),
  ...change,
});

export const problemsOf = (
  given: Plan,
  of: Sketch = world(),
  mode: Mode = 'planned',
  more: Partial<FreezeContext> = {},
): readonly Violation[] => {
  const inventory = inventoryOf(of);
  const result = freeze(given, inventory, mode, contextFor(inventory, more));
  return 'problems' in result ? result.problems : [];
};

/** What is in a run's way as things stand. */
export const obstaclesOf = (of: Sketch, mode: Mode = 'planned'): readonly Violation[] => {
  const inventory = inventoryOf(of);
  return freeze(plan(), inventory, mode, contextFor(inventory)).obstacles;
};

export const oneGroup = (arrayId: string, id: string) =>
  plan({
    protectionGroups: [{ id: 'pg', groups: [{ arrayId, id }] }],
  });

export const group0 = 'protectionGroups[0].groups[0]';
export const group1 = 'protectionGroups[0].groups[1]';

/** Changes one device of one end. */
export const withDevice = (id: string, change: object, of = world()): Sketch => {
  for (const end of [of.ap, of.ar]) {
    end.devices = end.devices.map((each) => (each.id === id ? { ...each, ...change } : each));
  }
  return of;
};
