/**
 * Every shape that a run of up to three workgroups and four steps can have, each once: who stands
 * on whom, in which protection groups, over which steps, behind which gates. What the planner can
 * make is among them, and also what only a device run or a later planner could.
 */
import type {
  FrozenRun,
  FrozenStep,
  FrozenWorkgroup,
  Gate,
  Unit,
} from '../../daemon/core/frozen.ts';
import { frozenRun, step, workgroup } from '../_support/engine.ts';

export interface Shape {
  readonly title: string;
  readonly workgroups: readonly FrozenWorkgroup[];
  readonly units: readonly Unit[];
  readonly gates: readonly Gate[];
}

/** Which workgroups there are. `apart`: storage (or lone VMs) in protection groups of their own. */
interface Layout {
  readonly title: string;
  /** Per workgroup: storage, or the position of what a VM workgroup stands on. */
  readonly on: readonly ('storage' | 'alone' | number)[];
  readonly protectionGroups: readonly number[];
}

const layouts: readonly Layout[] = [
  { title: 's', on: ['storage'], protectionGroups: [0] },
  { title: 'v', on: ['alone'], protectionGroups: [0] },
  { title: 's+s', on: ['storage', 'storage'], protectionGroups: [0, 0] },
  { title: 's|s', on: ['storage', 'storage'], protectionGroups: [0, 1] },
  { title: 'v+v', on: ['alone', 'alone'], protectionGroups: [0, 0] },
  { title: 'v|v', on: ['alone', 'alone'], protectionGroups: [0, 1] },
  { title: 's(v)', on: ['storage', 0], protectionGroups: [0, 0] },
  { title: 's+s+s', on: ['storage', 'storage', 'storage'], protectionGroups: [0, 0, 0] },
  { title: 's+s|s', on: ['storage', 'storage', 'storage'], protectionGroups: [0, 0, 1] },
  { title: 's|s|s', on: ['storage', 'storage', 'storage'], protectionGroups: [0, 1, 2] },
  { title: 'v+v+v', on: ['alone', 'alone', 'alone'], protectionGroups: [0, 0, 0] },
  { title: 'v|v|v', on: ['alone', 'alone', 'alone'], protectionGroups: [0, 1, 2] },
  { title: 's(v)+s', on: ['storage', 0, 'storage'], protectionGroups: [0, 0, 0] },
  { title: 's(v)|s', on: ['storage', 0, 'storage'], protectionGroups: [0, 0, 1] },
  { title: 's(v+v)', on: ['storage', 0, 0], protectionGroups: [0, 0, 0] },
];

const unitOf = (on: Layout['on'][number]): Unit => (on === 'storage' ? 'storage' : 'vm');

/** Every order of units that uses those of the layout, and no other, in up to `stepsMax` steps. */
const unitOrders = ({ on }: Layout, stepsMax: number): Unit[][] => {
  const used = [...new Set(on.map(unitOf))];
  let orders: Unit[][] = [[]];
  const found: Unit[][] = [];
  for (let length = 1; length <= stepsMax; length++) {
    orders = orders.flatMap((order) => used.map((unit) => [...order, unit]));
    found.push(...orders.filter((order) => used.every((unit) => order.includes(unit))));
  }
  return found;
};

/** Ranks that order VM workgroups: a later rank is held behind the earlier. */
const rankings: Readonly<Record<number, Readonly<Record<string, readonly number[]>>>> = {
  2: { chain: [1, 2] },
  3: { chain: [1, 2, 3], fork: [1, 2, 2], join: [1, 1, 2] },
};

interface Gating {
  readonly title: string;
  readonly gates: readonly Gate[];
  /** Per VM workgroup. */
  readonly priorities?: readonly number[];
  readonly dependsOn?: readonly (readonly number[])[];
}

const gate = (
  kind: Gate['kind'],
  waits: [step: number, workgroups: readonly number[]],
  holds: [step: number, workgroups: readonly number[]],
): Gate => ({
  kind,
  waits: { step: waits[0], workgroups: waits[1] },
  holds: { step: holds[0], workgroups: holds[1] },
});

/** As the planner chains them: each rank behind the one before, at one step. */
const rankGates = (vms: readonly number[], ranks: readonly number[], at: number): Gate[] => {
  const order = [...new Set(ranks)].sort();
  const of = (rank: number | undefined) => vms.filter((_, i) => ranks[i] === rank);
  return order.slice(1).map((rank, i) => ({
    ...gate('priority', [at, of(order[i])], [at, of(rank)]),
    ...(i === 0 ? {} : { after: i - 1 }),
  }));
};

/** Each later rank depends on every VM workgroup of the rank before. */
const dependencyGates = (
  vms: readonly number[],
  ranks: readonly number[],
  at: number,
): Pick<Gating, 'gates' | 'dependsOn'> => {
  const dependsOn = ranks.map((rank) => vms.filter((_, i) => ranks[i] === rank - 1));
  const gates = dependsOn.flatMap((waits, i) =>
    waits.length === 0 ? [] : [gate('dependency', [at, waits], [at, [vms[i] as number]])],
  );
  return { gates, dependsOn };
};

const gatingsAt = (vms: readonly number[], at: number): Gating[] =>
  Object.entries(rankings[vms.length] ?? {}).flatMap(([name, ranks]) => [
    { title: `priority ${name} at ${at}`, gates: rankGates(vms, ranks, at), priorities: ranks },
    {
      title: `priority-reversed ${name} at ${at}`,
      gates: rankGates(vms, ranks, at),
      priorities: ranks.map((rank) => 4 - rank),
    },
    { title: `dependency ${name} at ${at}`, ...dependencyGates(vms, ranks, at) },
  ]);

/** All of a unit enters its next step together. */
const batchGates = (positions: readonly number[], steps: readonly number[]): Gate[] =>
  positions.length < 2
    ? []
    : steps
        .slice(1)
        .map((at, i) => gate('batch', [steps[i] as number, positions], [at, positions]));

const gatings = (units: readonly Unit[], members: readonly Unit[]): Gating[] => {
  const of = <T>(list: readonly T[], unit: T): number[] =>
    list.flatMap((each, at) => (each === unit ? [at] : []));
  const batch = (['storage', 'vm'] as const).flatMap((unit) =>
    batchGates(of(members, unit), of(units, unit)),
  );
  return [
    { title: 'no gates', gates: [] },
    ...of(units, 'vm').flatMap((at) => gatingsAt(of(members, 'vm'), at)),
    ...(batch.length === 0 ? [] : [{ title: 'batch', gates: batch }]),
  ];
};

/** Where the unit changes from one step to the next, each side waits for what it stands on. */
const standsOn = ({ on }: Layout, units: readonly Unit[]): Gate[] =>
  units.slice(1).flatMap((unit, before) => {
    if (unit === units[before]) return [];
    return on.flatMap((below, storage) => {
      const vms = on.flatMap((each, at) => (each === storage ? [at] : []));
      if (below !== 'storage' || vms.length === 0) return [];
      const [waits, holds] = unit === 'storage' ? [vms, [storage]] : [[storage], vms];
      return [gate('stands-on', [before, waits], [before + 1, holds])];
    });
  });

/** Two items each: one that fails, and a neighbour that does not have to. */
const workgroupsOf = ({ on, protectionGroups }: Layout, gating: Gating): FrozenWorkgroup[] => {
  const vms = on.flatMap((below, at) => (below === 'storage' ? [] : [at]));
  return on.map((below, at) => {
    const id = `${below === 'storage' ? 's' : 'v'}${at}`;
    const vm = vms.indexOf(at);
    const made = workgroup(id, [`${id}a`, `${id}b`], {
      storage: typeof below === 'number' ? below : at,
      protectionGroupId: `p${protectionGroups[at]}`,
      priority: gating.priorities?.[vm] ?? 3,
      dependsOn: (gating.dependsOn?.[vm] ?? []).map((first) => [first, 0] as const),
    });
    if (below === 'storage') return made;
    const items = made.items.map(({ id: name }, i) => ({
      id: name,
      on: below === 'alone' ? [] : [i],
      datastoreIds: [],
    }));
    return { ...made, items };
  });
};

/** Every shape within the bounds, once. */
export const shapes = function* (workgroupsMax: number, stepsMax: number): Generator<Shape> {
  for (const layout of layouts) {
    if (layout.on.length > workgroupsMax) continue;
    for (const units of unitOrders(layout, stepsMax)) {
      for (const gating of gatings(units, layout.on.map(unitOf))) {
        const letters = units.map((unit) => unit[0]).join('');
        yield {
          title: `${layout.title} ${letters}, ${gating.title}`,
          workgroups: workgroupsOf(layout, gating),
          units,
          gates: [...gating.gates, ...standsOn(layout, units)],
        };
      }
    }
  }
};

/**
 * What the steps of a shape are like. `no-return`: each is undone, but the last one lets the
 * writers in; `mixed`: each journals what it found, and the first of several has nothing to undo.
 */
export const makes = ['no-return', 'mixed'] as const;
export type Make = (typeof makes)[number];

export const undoOf = (at: number, last: number, make: Make): FrozenStep['undo'] => {
  if (make === 'no-return') return at === last ? 'no-return' : 'undo';
  return at === 0 && last > 0 ? 'nothing-to-undo' : 'undo';
};

const stepOf = (unit: Unit, at: number, last: number, make: Make): Partial<FrozenStep> => ({
  unit,
  ...(unit === 'storage' ? { remote: 'array' } : {}),
  before: make === 'mixed',
  undo: undoOf(at, last, make),
  // Of one make every undo stands on those after it, of the other those of VMs do not.
  ...(undoOf(at, last, make) === 'undo'
    ? { whenLeft: make === 'mixed' && unit === 'vm' ? ('alone' as const) : ('ground' as const) }
    : {}),
});

/** The frozen run of a shape; `policyOf` gives each step's policy. */
export const runOf = (
  { workgroups, units, gates }: Shape,
  make: Make,
  policyOf: (unit: Unit) => FrozenStep['policy'],
): FrozenRun =>
  frozenRun(
    units.map((unit, at) =>
      step(`${at}`, { ...stepOf(unit, at, units.length - 1, make), policy: policyOf(unit) }),
    ),
    workgroups,
    gates,
  );
