/**
 * What waits for what, beside each workgroup's own chain of steps. Every gate is a set that waits
 * for a set, so their number grows with workgroups and steps, never with workgroups squared.
 */
import {
  type FrozenStep,
  type FrozenWorkgroup,
  type Gate,
  takes,
  type Unit,
} from '../core/frozen.ts';
import type { PlanOptions } from '../core/plan.ts';
import { steps as registry } from '../steps/registry.ts';
import type { Workgroups } from './workgroups.ts';

interface Gating {
  readonly steps: readonly FrozenStep[];
  readonly workgroups: Workgroups;
  readonly options: PlanOptions;
}

type At = { readonly step: number; readonly unit: Unit };

/** The steps of a storage workgroup and of a VM workgroup on it, in the order of the run. */
const mergedChain = (
  steps: readonly FrozenStep[],
  storage: FrozenWorkgroup,
  vm: FrozenWorkgroup,
): At[] =>
  steps.flatMap((step, at) =>
    takes(step, storage) || takes(step, vm) ? [{ step: at, unit: step.unit }] : [],
  );

/** Steps between which the unit changes; nothing has to get out of a stretched device's way. */
const turnsIn = (chain: readonly At[], storage: FrozenWorkgroup): (readonly [At, At])[] => {
  const cold = (storage.path ?? 'cold') === 'cold';
  return chain.flatMap((to, i) => {
    const from = chain[i - 1];
    if (from === undefined || from.unit === to.unit) return [];
    return from.unit === 'storage' || cold ? [[from, to] as const] : [];
  });
};

/** Where the unit changes from one step to the next, each side waits for what it stands on. */
const standsOn = ({ steps, workgroups }: Gating): Gate[] => {
  const gates: Gate[] = [];
  workgroups.standingOn.forEach((vms, at) => {
    const storage = workgroups.all[at] as FrozenWorkgroup;
    const byPath = Map.groupBy(vms, (vm) => workgroups.all[vm]?.path ?? 'cold');
    for (const own of byPath.values()) {
      const vm = workgroups.all[own[0] as number] as FrozenWorkgroup;
      for (const [from, to] of turnsIn(mergedChain(steps, storage, vm), storage)) {
        const [waits, holds] = from.unit === 'vm' ? [own, [at]] : [[at], own];
        gates.push({
          kind: 'stands-on',
          waits: { step: from.step, workgroups: waits },
          holds: { step: to.step, workgroups: holds },
        });
      }
    }
  });
  return gates.sort((one, other) => one.waits.step - other.waits.step);
};

const positionsOf = (workgroups: readonly FrozenWorkgroup[], step: FrozenStep): number[] =>
  workgroups.flatMap((group, position) => (takes(step, group) ? [position] : []));

/** Priorities one after the other, chained: the third waits for the second, which waits ... */
const priorities = ({ steps, workgroups, options }: Gating, from: number): Gate[] => {
  if (!options.priorityGates) return [];
  const gates: Gate[] = [];
  steps.forEach((frozen, step) => {
    const gate = registry.get(frozen.name)?.gate;
    if (gate === undefined) return;
    const own = positionsOf(workgroups.all, frozen);
    const byPriority = Map.groupBy(own, (at) => workgroups.all[at]?.priority ?? 0);
    const ascending = [...byPriority].sort(([a], [b]) => a - b).map(([, positions]) => positions);
    const order = gate === 'priority' ? ascending : ascending.reverse();
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

/** The step at which others may go on for a VM that does not come by theirs: its last before it. */
const lastBefore = (steps: readonly FrozenStep[], at: number, group: FrozenWorkgroup): number =>
  steps.findLastIndex((step, earlier) => earlier <= at && takes(step, group));

/** One gate for all workgroups that wait for the same VMs, or one for each path of these. */
const dependencies = ({ steps, workgroups: { all } }: Gating): Gate[] => {
  const waiting = new Map<string, { waits: number[]; holds: number[] }>();
  all.forEach(({ dependsOn }, position) => {
    if (dependsOn.length === 0) return;
    const key = JSON.stringify(dependsOn);
    const same = waiting.get(key);
    if (same !== undefined) same.holds.push(position);
    else {
      const waits = [...new Set(dependsOn.map(([workgroup]) => workgroup))];
      waiting.set(key, { waits: waits.sort((a, b) => a - b), holds: [position] });
    }
  });
  return steps.flatMap((step, at) =>
    registry.get(step.name)?.dependencies !== true
      ? []
      : [...waiting.values()].flatMap(({ waits, holds }): Gate[] => {
          const held = holds.filter((group) => takes(step, all[group] as FrozenWorkgroup));
          const bySteps = Map.groupBy(waits, (group) =>
            lastBefore(steps, at, all[group] as FrozenWorkgroup),
          );
          if (held.length === 0) return [];
          return [...bySteps].map(([last, awaited]) => ({
            kind: 'dependency',
            waits: { step: last, workgroups: awaited },
            holds: { step: at, workgroups: held },
          }));
        }),
  );
};

/** A batch enters its next step when all of it has left the one before. */
const batches = ({ steps, workgroups, options }: Gating): Gate[] => {
  if (options.release.kind === 'each') return [];
  const { size } = options.release;
  const gates: Gate[] = [];
  const kinds = Map.groupBy(workgroups.all.keys(), (at) => {
    const { unit, path } = workgroups.all[at] as FrozenWorkgroup;
    return `${unit} ${path}`;
  });
  for (const positions of kinds.values()) {
    const first = workgroups.all[positions[0] as number] as FrozenWorkgroup;
    const own = steps.flatMap((step, position) => (takes(step, first) ? [position] : []));
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
