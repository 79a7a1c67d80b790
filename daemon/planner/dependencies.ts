/** Dependencies between VMs: what can never be satisfied is refused before anything moves. */
import type { Findings } from './findings.ts';
import type { Member } from './resolve-vms.ts';

/** One cycle among the members, as a path that ends where it begins; undefined: there is none. */
const findCycle = (members: ReadonlyMap<string, Member>): readonly string[] | undefined => {
  const finished = new Set<string>();
  for (const [start, { dependsOn }] of members) {
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
      const dependency = members.get(top.id)?.dependsOn[top.next++];
      if (dependency === undefined) {
        finished.add(top.id);
        onPath.delete(top.id);
        path.pop();
        open.pop();
      } else if (onPath.has(dependency)) {
        return [...path.slice(path.indexOf(dependency)), dependency];
      } else if (members.has(dependency)) open.push({ id: dependency, next: 0 });
    }
  }
  return undefined;
};

export const checkDependencies = (
  members: readonly Member[],
  priorityGates: boolean,
  findings: Findings,
): void => {
  if (members.every(({ dependsOn }) => dependsOn.length === 0)) return;
  const byId = new Map(members.map((member) => [member.id, member]));
  for (const { id, priority, dependsOn, field } of members) {
    for (const name of dependsOn) {
      const dependency = byId.get(name);
      if (dependency === undefined) {
        findings.problem(
          `${field}.dependsOn`,
          `VM "${id}" waits for "${name}", which is not in the plan: add it, or remove it there`,
        );
      } else if (priorityGates && dependency.priority > priority) {
        findings.problem(
          `${field}.dependsOn`,
          `VM "${id}" of priority ${priority} waits for "${name}" of priority ` +
            `${dependency.priority}, which starts later: give "${name}" priority ${priority} ` +
            'or a smaller one, or turn priorityGates off',
        );
      }
    }
  }
  const cycle = findCycle(byId);
  if (cycle === undefined) return;
  const field = byId.get(cycle[0] ?? '')?.field ?? '';
  findings.problem(
    `${field}.dependsOn`,
    `VMs wait for each other in a circle: ${cycle.join(' -> ')}; remove one of these dependencies`,
  );
};
