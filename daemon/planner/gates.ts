/**
 * What waits for what, beside each workgroup's own chain of steps. Every gate is a set that waits
 * for a set, so their number grows with workgroups and steps, never with workgroups squared.
 */
import type { FrozenStep, FrozenWorkgroup, Gate, Unit } from '../core/frozen.ts';
import type { PlanOptions } from '../core/plan.ts';
import { steps as registry } from '../steps/registry.ts';
import type { Workgroups } from './workgroups.ts';

interface Gating {
  readonly steps: readonly FrozenStep[];
  readonly workgroups: Workgroups;
  readonly options: PlanOptions;
}

const positionsOf = (workgroups: readonly FrozenWorkgroup[], unit: Unit): number[] =>
  workgroups.flatMap((group, position) => (group.unit === unit ? [position] : []));

/** Where the unit changes from one step to the next, each side waits for what it stands on. */
const standsOn = ({ steps, workgroups }: Gating): Gate[] => {
  const gates: Gate[] = [];
  for (let next = 1; next < steps.length; next++) {
    const step = next - 1;
    const unit = steps[step]?.unit;
    if (unit === steps[next]?.unit) continue;
    workgroups.standingOn.forEach((vms, storage) => {
      if (vms.length === 0) return;
      const [waits, holds] = unit === 'vm' ? [vms, [storage]] : [[storage], vms];
      gates.push({
        kind: 'stands-on',
        waits: { step, workgroups: waits },
        holds: { step: next, workgroups: holds },
      });
    });
  }
  return gates;
};

/** Priorities one after the other, chained: the third waits for the second, which waits ... */
const priorities = ({ steps, workgroups, options }: Gating, from: number): Gate[] => {
  if (!options.priorityGates) return [];
  const byPriority = new Map<number, number[]>();
  for (const position of positionsOf(workgroups.all, 'vm')) {
    const priority = workgroups.all[position]?.priority ?? 0;
    const same = byPriority.get(priority);
    if (same === undefined) byPriority.set(priority, [position]);
    else same.push(position);
  }
  const ascending = [...byPriority].sort(([a], [b]) => a - b).map(([, positions]) => positions);
  const gates: Gate[] = [];
  steps.forEach(({ name }, step) => {
    const gate = registry.get(name)?.gate;
    if (gate === undefined) return;
    const order = gate === 'priority' ? ascending : [...ascending].reverse();
    for (let i = 1; i < order.length; i++) {
      gates.push({
        kind: 'priority',
        waits: { step, workgroups: order[i - 1] ?? [] },
        holds: { step, workgroups: order[i] ?? [] },
        ...(i === 1 ? {} : { after: from + gates.length - 1 }),
      });
    }
  });
  return gates;
};

/** One gate for all workgroups that wait for the same VMs. */
const dependencies = ({ steps, workgroups }: Gating): Gate[] => {
  const waiting = new Map<string, { waits: number[]; holds: number[] }>();
  workgroups.all.forEach(({ dependsOn }, position) => {
    if (dependsOn.length === 0) return;
    const key = JSON.stringify(dependsOn);
    const same = waiting.get(key);
    if (same !== undefined) same.holds.push(position);
    else {
      const waits = [...new Set(dependsOn.map(([workgroup]) => workgroup))];
      waiting.set(key, { waits: waits.sort((a, b) => a - b), holds: [position] });
    }
  });
  return steps.flatMap(({ name }, step) =>
    registry.get(name)?.dependencies !== true
      ? []
      : [...waiting.values()].map(
          ({ waits, holds }): Gate => ({
            kind: 'dependency',
            waits: { step, workgroups: waits },
            holds: { step, workgroups: holds },
          }),
        ),
  );
};

/** A batch enters its next step when all of it has left the one before. */
const batches = ({ steps, workgroups, options }: Gating): Gate[] => {
  if (options.release.kind === 'each') return [];
  const { size } = options.release;
  const gates: Gate[] = [];
  for (const unit of ['storage', 'vm'] as const) {
    const positions = positionsOf(workgroups.all, unit);
    const own = steps.flatMap((step, position) => (step.unit === unit ? [position] : []));
    for (let i = 1; i < own.length; i++) {
      for (let start = 0; start < positions.length; start += size) {
        const batch = positions.slice(start, start + size);
        if (batch.length === 1) continue;
        gates.push({
          kind: 'batch',
          waits: { step: own[i - 1] as number, workgroups: batch },
          holds: { step: own[i] as number, workgroups: batch },
        });
      }
    }
  }
  return gates;
};

export const formGates = (gating: Gating): readonly Gate[] => {
  const gates = standsOn(gating);
  gates.push(...priorities(gating, gates.length));
  return [...gates, ...dependencies(gating), ...batches(gating)];
};
