/**
 * What a seed means: the world, the plan, what a person runs, and everything that will go wrong,
 * as plain data that can be printed. Nothing here is drawn from what happens later.
 */
import type { Mode, Plan, PlanVm } from '../../daemon/core/plan.ts';
import type { PresentedAs } from '../../daemon/core/presentation.ts';
import { type DivergedChoice, divergedChoices } from '../../daemon/core/recovery.ts';
import { defaultLimits } from '../../daemon/planner/defaults.ts';
import { datastoreIdOf, type LabOptions } from '../../plugins/lab/spec.ts';
import { Chance } from './chance.ts';
import { drawMembers, type MembersOrder } from './members/scenario.ts';
import type { MoveOrder } from './mover.ts';
import { drawResyncs, type ResyncOrder } from './resyncer.ts';
import { drawFaults, type Effect, type Faults, type Trigger } from './scenario-faults.ts';
import { drawNeighbour, type NeighbourOrder } from './scenario-neighbour.ts';
import { drawPolicies } from './scenario-policies.ts';
import { drawUndo, type UndoOrder } from './scenario-undo.ts';
import { vmId, vmsTotal } from './vms.ts';

export type { Effect, Trigger };

export interface Scenario {
  readonly seed: number;
  /** Nothing goes wrong: everything must succeed. */
  readonly calm: boolean;
  readonly world: LabOptions;
  readonly plan: Plan;
  readonly script: readonly Mode[];
  readonly faults: Faults;
  /** What lab-a's devices are shown as; absent: as they are. */
  readonly present?: PresentedAs;
  /** A VM's disk goes to another datastore meanwhile. */
  readonly move?: MoveOrder;
  /** A rollback that gets stuck. */
  readonly undo?: UndoOrder;
  /** Somebody else resyncs groups meanwhile. */
  readonly resyncs?: ResyncOrder;
  /** Somebody else runs another plan over some of the same groups. */
  readonly neighbour?: NeighbourOrder;
  /** Several daemons over one database; absent: one, over a disk. */
  readonly members?: MembersOrder;
  /** After a disaster; absent: the lost site stays away. */
  readonly home?: WayHome;
  readonly threads: number;
  /** Longest sync of the journal. */
  readonly syncMsMax: number;
}

/** The lost site comes back: its old writers are cut off, and it is protected again. */
export interface WayHome {
  readonly changes: DivergedChoice;
  /** Everything is failed over to where it began, too. */
  readonly back: boolean;
}

const scripts: readonly (readonly Mode[])[] = [
  ['planned'],
  ['planned'],
  ['planned'],
  ['planned', 'reprotect'],
  ['planned', 'reprotect', 'planned'],
  ['test', 'cleanup'],
  ['test', 'cleanup', 'planned'],
];

const drawWorld = (chance: Chance, calm: boolean): LabOptions => {
  const groups = chance.pick([1, 2, 2, 4, 5]);
  const devicesPerGroup = chance.between(1, 2);
  const long = chance.hit(0.3) ? chance.spread(100, 60_000) : 0;
  return {
    seed: chance.between(1, 1_000),
    groups,
    devicesPerGroup,
    vmsPerGroup: vmsTotal / groups,
    priorities: chance.hit(0.5) ? [1, 2, 3] : [3],
    mode: chance.pick(['synchronous', 'asynchronous'] as const),
    lagMs: chance.spread(100, 10_000),
    operationMs: { sync: long, reverse: long, resync: long, mirrorDisks: long },
    latencies: [{ ms: 1, jitterMs: chance.spread(1, calm ? 50 : 2_000) }],
  };
};

/** A VM may wait for one that stands before it and does not start later. */
const drawVms = (chance: Chance, from: number, count: number): PlanVm[] => {
  const vms: PlanVm[] = [];
  for (let at = 0; at < count; at++) {
    const priority = chance.between(1, 3);
    const sooner = vms.filter((vm) => vm.priority <= priority);
    const waits = sooner.length > 0 && chance.hit(0.15);
    vms.push({ id: vmId(from + at), priority, dependsOn: waits ? [chance.pick(sooner).id] : [] });
  }
  return vms;
};

const drawPlan = (chance: Chance, world: LabOptions, calm: boolean): Plan => {
  const groups = world.groups ?? 1;
  const perGroup = world.vmsPerGroup ?? 0;
  const together = chance.hit(0.3);
  const found = Array.from({ length: groups }, (_, at) => ({
    group: { arrayId: 'lab-a', id: `cg-${String(at + 1).padStart(4, '0')}` },
    vms: drawVms(chance, at * perGroup + 1, perGroup),
  }));
  const one = { id: 'pg-all', groups: found.map(({ group }) => group) };
  return {
    id: 'simulated',
    name: 'Simulated',
    protectedSiteId: 'site-a',
    recoverySiteId: 'site-b',
    protectionGroups: together
      ? [{ ...one, vms: found.flatMap(({ vms }) => vms) }]
      : found.map(({ group, vms }, at) => ({ id: `pg-${at + 1}`, groups: [group], vms })),
    policies: calm ? {} : drawPolicies(chance.fork('policies')),
    options: {
      vmWorkgroupMax: chance.pick([1, 3, 5, 20]),
      storageWorkgroupMax: chance.between(1, 4),
      release: chance.hit(0.7) ? { kind: 'each' } : { kind: 'batch', size: chance.between(1, 3) },
      priorityGates: chance.hit(0.7),
      limits: chance.hit(0.5)
        ? defaultLimits
        : { perArray: chance.between(1, 4), perCompute: chance.between(1, 4), perStep: {} },
    },
  };
};

/** Some groups, or all, are served by both sites; their VMs may go over live. */
const drawStretched = (chance: Chance, world: LabOptions, plan: Plan) => {
  const { groups = 1 } = world;
  const stretched = chance.hit(0.4) ? chance.between(1, groups) : 0;
  const migrateLive = chance.hit(0.5) ? chance.spread(100, 60_000) : 0;
  if (stretched === 0) return { world, plan };
  const { operationMs } = world;
  return {
    world: {
      ...world,
      groups: groups - stretched,
      stretched,
      operationMs: { ...operationMs, migrateLive },
    },
    plan: { ...plan, options: { ...plan.options, liveMigration: chance.hit(0.75) } },
  };
};

/** Stretched groups whose devices both arrays list under one id, without a word about a peer. */
const drawShared = (chance: Chance, world: LabOptions): Pick<Scenario, 'world' | 'present'> => {
  const { stretched = 0 } = world;
  if (stretched === 0 || !chance.hit(0.4)) return { world };
  const shared = { ...world, stretched: 0, shared: stretched };
  return { world: shared, present: 'shared-as-stretched' };
};

const drawHome = (chance: Chance, { troubles }: Faults): WayHome | undefined => {
  const isLost = troubles.some(({ effect }) => effect.do === 'lose-site');
  if (!isLost || !chance.hit(0.7)) return undefined;
  return { changes: chance.pick(divergedChoices), back: chance.hit(0.6) };
};

/** From one replicated group to another of the same protection group, whose copies go together. */
const drawMove = (chance: Chance, world: LabOptions, plan: Plan): MoveOrder | undefined => {
  const { groups = 1, vmsPerGroup = 0 } = world;
  if (plan.protectionGroups.length > 1 || groups < 2) return undefined;
  const from = chance.between(1, groups);
  const to = 1 + ((from - 1 + chance.between(1, groups - 1)) % groups);
  return {
    vmId: vmId((from - 1) * vmsPerGroup + chance.between(1, vmsPerGroup)),
    toDatastoreId: datastoreIdOf(to, 1),
    afterMs: chance.spread(1, 60_000),
    first: chance.hit(0.6),
  };
};

const withUndo = (scenario: Scenario, undo: UndoOrder | undefined): Scenario => {
  if (undo === undefined) return scenario;
  const { plan, faults } = scenario;
  return {
    ...scenario,
    undo,
    plan: { ...plan, policies: { ...plan.policies, ...undo.policies } },
    faults: { ...faults, injections: [...faults.injections, ...undo.injections] },
  };
};

/** The same seed under other circumstances. */
export interface Variant {
  /** Pairs are shown as something else than they are, and nothing is shared. */
  readonly present?: PresentedAs;
  /** So many daemons share a database. */
  readonly members?: number;
  /** Somebody else resyncs groups meanwhile. */
  readonly resyncs?: boolean;
}

export const drawScenario = (
  seed: number,
  { present, members, resyncs }: Variant = {},
): Scenario => {
  const chance = new Chance(`scenario ${seed}`);
  const calm = chance.hit(0.1);
  const replicated = drawWorld(chance.fork('world'), calm);
  const script = chance.pick(scripts);
  const cold = drawPlan(chance.fork('plan'), replicated, calm);
  const { world, plan } = drawStretched(chance.fork('stretched'), replicated, cold);
  const shown =
    present === undefined ? drawShared(chance.fork('shared'), world) : { world, present };
  const { groups = 1 } = replicated;
  const faults = drawFaults(chance.fork('faults'), {
    calm,
    groups,
    stretched: world.stretched !== undefined,
  });
  const home = drawHome(chance.fork('home'), faults);
  const move = calm ? undefined : drawMove(chance.fork('move'), world, plan);
  const alone = {
    seed,
    calm,
    ...shown,
    plan,
    script,
    faults,
    ...(home && { home }),
    ...(move && { move }),
    threads: chance.between(1, 3),
    syncMsMax: chance.pick([2, 20, 500]),
  };
  const neighbour = drawNeighbour(chance.fork('neighbour'), alone);
  const undo = calm ? undefined : drawUndo(chance.fork('undo fails'));
  const drawn = {
    ...alone,
    ...(neighbour && { neighbour }),
    ...(resyncs && { resyncs: drawResyncs(chance.fork('resyncs'), groups) }),
    ...(members && { members: drawMembers(chance.fork('members'), members, calm) }),
  };
  return withUndo(drawn, undo);
};
