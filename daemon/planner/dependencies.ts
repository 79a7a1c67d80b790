/**
 * Dependencies between VMs: what can never be satisfied is refused before anything moves. They are
 * judged as they are written, so that a VM which is wrong in another way hides none of them.
 */
import type { Plan } from '../core/plan.ts';
import type { Findings } from './findings.ts';
import type { Member } from './resolve-vms.ts';

interface Written {
  readonly id: string;
  readonly priority: number;
  readonly dependsOn: readonly string[];
  /** Where it is written: protection group and place there. */
  readonly at: readonly [group: number, place: number];
}

const fieldOf = ({ at: [group, place] }: Written): string =>
  `protectionGroups[${group}].vms[${place}].dependsOn`;

const writtenIn = ({ protectionGroups }: Plan): readonly Written[] =>
  protectionGroups.flatMap(({ vms = [] }, i) =>
    vms.map(({ id, priority, dependsOn }, j) => ({ id, priority, dependsOn, at: [i, j] as const })),
  );

/** VM → all that it waits for: one that is written twice waits for both. */
const waitsOf = (written: readonly Written[]): ReadonlyMap<string, readonly string[]> => {
  const waits = new Map<string, readonly string[]>();
  for (const { id, dependsOn } of written) waits.set(id, [...(waits.get(id) ?? []), ...dependsOn]);
  return waits;
};

/** Circles that have no VM in common, as paths that end where they begin; self-waits are none. */
const circlesIn = (
  waits: ReadonlyMap<string, readonly string[]>,
): readonly (readonly string[])[] => {
  const circles: (readonly string[])[] = [];
  const told = new Set<string>();
  const finished = new Set<string>();
  for (const [start, dependsOn] of waits) {
    if (dependsOn.length === 0) continue;
    // Depth first without recursion: chains may be as long as the plan.
    const path: string[] = [];
    const onPath = new Set<string>();
    const open: { id: string; next: number }[] = [{ id: start, next: 0 }];
    while (open.length > 0) {
      const top = open[open.length - 1] as { id: string; next: number };
      if (top.next === 0) {
        if (finished.has(top.id)) {
          open.pop();
          continue;
        }
        path.push(top.id);
        onPath.add(top.id);
      }
      const dependency = waits.get(top.id)?.[top.next++];
      if (dependency === undefined) {
        finished.add(top.id);
        onPath.delete(top.id);
        path.pop();
        open.pop();
      } else if (onPath.has(dependency)) {
        if (dependency === top.id || told.has(dependency)) continue;
        const circle = path.slice(path.indexOf(dependency));
        for (const id of circle) told.add(id);
        circles.push([...circle, dependency]);
      } else if (waits.has(dependency)) open.push({ id: dependency, next: 0 });
    }
  }
  return circles;
};

const late = (vm: Written, name: string, priority: number): string =>
  `VM "${vm.id}" of priority ${vm.priority} waits for "${name}" of priority ${priority}, which ` +
  `starts later: give "${name}" priority ${vm.priority} or a smaller one, ` +
  'or turn priorityGates off';

/** What is wrong with waiting for a VM that the plan does not name; `members`: those found. */
export const checkUnwritten = (
  plan: Plan,
  members: readonly Member[],
  findings: Findings,
): void => {
  const written = writtenIn(plan);
  const named = new Set(written.map(({ id }) => id));
  const waiting = written.flatMap((vm) =>
    vm.dependsOn.flatMap((name) => (named.has(name) ? [] : [{ vm, name }])),
  );
  if (waiting.length === 0) return;
  const priorities = new Map(members.map(({ id, priority }) => [id, priority]));
  for (const { vm, name } of waiting) {
    const other = priorities.get(name);
    if (other === undefined) {
      findings.problem(
        fieldOf(vm),
        `VM "${vm.id}" waits for "${name}", which is not in the plan: add it, or remove it there`,
      );
    } else if (plan.options.priorityGates && other > vm.priority) {
      findings.problem(fieldOf(vm), late(vm, name, other));
    }
  }
};

/** What is wrong between VMs as far as the plan names them; needs no inventory. */
export const checkWritten = (plan: Plan, findings: Findings): void => {
  const written = writtenIn(plan);
  if (written.every(({ dependsOn }) => dependsOn.length === 0)) return;
  const priorities = new Map(written.map(({ id, priority }) => [id, priority]));
  for (const vm of written) {
    for (const name of vm.dependsOn) {
      const other = priorities.get(name) ?? 0;
      if (!plan.options.priorityGates || other <= vm.priority) continue;
      findings.problem(fieldOf(vm), late(vm, name, other));
    }
  }
  if (plan.protectionGroups.every(({ vms }) => vms !== undefined)) {
    checkUnwritten(plan, [], findings);
  }
  for (const circle of circlesIn(waitsOf(written))) {
    const [first, next = ''] = circle;
    const begins = written.find(({ id, dependsOn }) => id === first && dependsOn.includes(next));
    findings.problem(
      fieldOf(begins as Written),
      `VMs wait for each other in a circle: ${circle.join(' -> ')}; ` +
        'remove one of these dependencies',
    );
  }
};
