/**
 * Plan + inventory + mode -> the frozen run. Pure: the same input gives the same output, and all
 * that a run will ever need to know stands in it, because recovery never plans again.
 */
import type { Violation } from '../core/errors.ts';
import type { DatastoreOf, FrozenRun, Side } from '../core/frozen.ts';
import type { Inventory, RemoteEvidence } from '../core/inventory.ts';
import { type MoveBook, noMoves } from '../core/moves.ts';
import type { Mode, Plan, ProtectionGroup } from '../core/plan.ts';
import type { Policy } from '../core/policy.ts';
import type { DivergedChoice } from '../core/recovery.ts';
import { modeSteps, steps as registry } from '../steps/registry.ts';
import type { Step } from '../steps/step.ts';
import { assemblyOf } from './assemble.ts';
import { checkPlanInto } from './check-plan.ts';
import { checkPolicies } from './check-policies.ts';
import {
  checkDirections,
  isClosedHere,
  isHandedOver,
  isOpenThere,
  isUnpromoted,
} from './directions.ts';
import { expectLosses } from './expected-loss.ts';
import { Findings } from './findings.ts';
import type { VerbCapability } from './freeze-steps.ts';
import { checkGuards } from './guards.ts';
import { checkInUse, type OpenRun } from './in-use.ts';
import type { PlanMemory } from './memory.ts';
import { type Group, resolveGroups } from './resolve-groups.ts';
import { resolveVms } from './resolve-vms.ts';
import { checkStretched, pathsOf } from './stretched.ts';
import { type Needs, nothingRemembered, type Survey, surveyOf } from './survey.ts';
import type { Shape } from './workgroups.ts';
import { World } from './world.ts';

/** What the planner has to know beside plan and inventory. */
export interface FreezeContext {
  /** Remote id -> what its plugin offers; leave out a remote whose plugin does not work. */
  readonly capabilities: ReadonlyMap<string, readonly VerbCapability[]>;
  readonly lostSites: ReadonlySet<string>;
  /** Against which the age of copies is judged. */
  readonly now: number;
  /** Runs that are not ended, the plan's own included; absent: none. */
  readonly openRuns?: readonly OpenRun[];
  /** VM -> datastores that may hold a copy of it, because it was moved between them. */
  readonly copies?: MoveBook;
  /** Step name -> policy given when the run is started; over the plan's. */
  readonly policies?: Readonly<Record<string, Policy>>;
  /** Other steps for the modes than the registry's: benches measure the engine with them. */
  readonly modeSteps?: ModeSteps;
  /** A failover of the plan was begun and did not end well: it may be what left things so. */
  readonly goesOn?: boolean;
  /** VMs that the run before was to start: they are started, though it may have left them off. */
  readonly wantedOn?: ReadonlySet<string>;
  /** VM → its datastores, as the run knew it that a disaster run takes back. */
  readonly remembered?: ReadonlyMap<string, readonly string[]>;
  /** Calls of runs that have ended which may still land: nothing begins before they have. */
  readonly underWay?: readonly Violation[];
  /** The sites' data went different ways: what becomes of the old site's. */
  readonly changes?: DivergedChoice;
  /** What was made for this plan before; it is filled with what is made now. */
  readonly memory?: PlanMemory;
}

/** Mode -> names of its steps, in order. */
export type ModeSteps = Readonly<Record<Mode, readonly string[]>>;

/** Either the frozen run or every problem that was found; what else was found in any case. */
export type Frozen = FrozenFound | (Found & { readonly problems: readonly Violation[] });

export interface FrozenFound extends Found {
  readonly frozen: FrozenRun;
}

/** What does not keep a plan from being frozen. */
export interface Found {
  /** With any of these the run must not start now; the plan itself is sound. */
  readonly obstacles: readonly Violation[];
  readonly warnings: readonly Violation[];
}

const stepsOf = (mode: Mode, { modeSteps: names = modeSteps, changes }: FreezeContext): Step[] =>
  names[mode].flatMap((name) => {
    const step = registry.get(name);
    const leftOut = changes === undefined ? 'diverged' : 'in-line';
    return step === undefined || step.when === leftOut ? [] : [step];
  });

const checkSites = (plan: Plan, mode: Mode, context: FreezeContext, findings: Findings): void => {
  if (context.lostSites.has(plan.recoverySiteId)) {
    findings.problem(
      'recoverySiteId',
      `site "${plan.recoverySiteId}" is declared lost: nothing can be recovered there; ` +
        'declare it reachable once it is',
    );
  }
  const bothNeeded = mode === 'planned' || mode === 'reprotect' || mode === 'fence';
  if (bothNeeded && context.lostSites.has(plan.protectedSiteId)) {
    const way = mode === 'planned' ? 'run in disaster mode, or declare' : 'declare';
    findings.problem(
      'protectedSiteId',
      `site "${plan.protectedSiteId}" is declared lost: ${way} it reachable once it is`,
    );
  }
};

/** Datastores that hosts have mounted. */
const mountedAt = (computes: readonly RemoteEvidence[]): ReadonlySet<string> =>
  new Set(
    computes.flatMap(({ datastores }) =>
      datastores
        .filter(({ mounted, instance }) => mounted && instance === 'production')
        .map(({ id }) => id),
    ),
  );

const noteMounted = (datastore: DatastoreOf, mounted: ReadonlySet<string>): DatastoreOf =>
  mounted.has(datastore.id) ? { ...datastore, mountedThere: true } : datastore;

/**
 * Which groups a planned run finds closed, by nobody who may still open them: what another run
 * has in its hands that one gives back.
 */
const closedIn = (
  mode: Mode,
  { openRuns = [] }: FreezeContext,
  groups: readonly Group[],
  datastores: readonly (readonly DatastoreOf[])[],
  computes: readonly RemoteEvidence[],
): readonly boolean[] => {
  if (mode !== 'planned' || openRuns.length > 0) return [];
  const mounted = mountedAt(computes);
  return groups.map(
    (group, i) =>
      isClosedHere(group) &&
      !isHandedOver(group) &&
      (datastores[i] ?? []).every(({ id }) => !mounted.has(id)),
  );
};

/** What the taken steps have to do with. */
const needsOf = (taken: readonly Step[]): Needs => {
  const at = (side: Side) => taken.some((step) => step.remote === 'compute' && step.side === side);
  return {
    vms: taken.some(({ unit }) => unit === 'vm'),
    computesAt: { protected: at('protected'), recovery: at('recovery') },
  };
};

const nobody: ReadonlySet<string> = new Set();

/** What stands where, as far as it could be resolved. */
interface Resolved {
  readonly shape: Shape;
  readonly survey: Survey;
  readonly traits: string;
}

const resolve = (
  plan: Plan,
  mode: Mode,
  taken: readonly Step[],
  world: World,
  context: FreezeContext,
  findings: Findings,
): Resolved | undefined => {
  const groups = resolveGroups(world, plan, mode, findings);
  checkDirections(plan, mode, groups, findings);
  const paths = pathsOf(mode, groups, findings);
  const chosen = context.changes !== undefined;
  checkGuards({ plan, mode, groups, paths, now: context.now, chosen, findings });
  const { id: planId, protectedSiteId, recoverySiteId } = plan;
  const intent = { mode, planId, protectedSiteId, recoverySiteId };
  checkInUse(intent, groups, context.openRuns ?? [], findings);
  // VMs on groups that could not be resolved would all seem to stand outside the plan.
  const named = plan.protectionGroups.reduce((sum, group) => sum + group.groups.length, 0);
  if (groups.length < named) return undefined;
  const protectedComputes = world.computesAt(plan.protectedSiteId);
  const recoveryComputes = world.computesAt(plan.recoverySiteId);
  const memory = context.memory ?? {};
  const sides = { protectedComputes, recoveryComputes };
  const copies = context.copies ?? noMoves;
  const known = { copies, remembered: context.remembered ?? nothingRemembered };
  const question = { plan, mode, groups, paths, ...sides, needs: needsOf(taken), ...known };
  const survey = surveyOf(question, memory.survey);
  memory.survey = survey;
  findings.add(survey.findings);
  const { placement, members } = survey;
  // A reprotect does nothing to VMs, and must know that they went over.
  const isLooking = mode === 'reprotect' && paths.includes('stretched');
  const looking = { ...question, placement, findings: new Findings() };
  const seen = isLooking ? resolveVms(looking) : members;
  const goesOn = context.goesOn === true;
  const wantedOn = context.wantedOn ?? nobody;
  const standing = { plan, mode, groups, paths, members: seen, goesOn, wantedOn, findings };
  const preferences = checkStretched(standing);
  const asking = { recoverySiteId, groups, paths, now: context.now, findings };
  const expectedLosses = mode === 'disaster' ? expectLosses(asking) : [];
  const handedOver = groups.map(isHandedOver);
  const open = mode === 'disaster' ? groups.map(isOpenThere) : [];
  const unpromoted = mode === 'fence' ? groups.map(isUnpromoted) : [];
  const mounted = mountedAt(recoveryComputes);
  const datastores = placement.datastores.map((list, i) =>
    paths[i] === 'stretched' || handedOver[i]
      ? list.map((store) => noteMounted(store, mounted))
      : list,
  );
  const closed = closedIn(mode, context, groups, placement.datastores, protectedComputes);
  const chosenComputes = {
    protectedComputes: survey.protectedComputes,
    recoveryComputes: survey.recoveryComputes,
  };
  return {
    shape: {
      ...{ plan, mode, groups, paths, preferences, expectedLosses, datastores, closed, members },
      ...{ ...chosenComputes, wantedOn },
    },
    survey,
    traits: JSON.stringify([
      ...[preferences, expectedLosses, handedOver, closed, open, unpromoted],
      [...wantedOn],
    ]),
  };
};

/** A VM on several groups ties them into one workgroup, which works with one remote of a kind. */
const checkTies = (shape: Shape, findings: Findings): void => {
  const { groups, members, protectedComputes, recoveryComputes } = shape;
  const remotesOf = (i: number): string =>
    [
      groups[i]?.protected.arrayId,
      groups[i]?.recovery.arrayId,
      protectedComputes[i],
      recoveryComputes[i],
    ].join(', ');
  for (const member of members) {
    const [first, ...others] = member.groups;
    const odd = others.find((group) => remotesOf(group) !== remotesOf(first ?? 0));
    if (odd === undefined) continue;
    findings.problem(
      member.field,
      `VM "${member.id}" stands on "${groups[first ?? 0]?.id}" and "${groups[odd]?.id}", which ` +
        `work with different remotes (${remotesOf(first ?? 0)}; ${remotesOf(odd)}): ` +
        'put its disks on one pair of arrays',
    );
  }
};

const isEmpty = ({ groups }: ProtectionGroup): boolean => groups.length === 0;

/**
 * Freezes a run of `plan` in `mode`, or says everything that is in its way. Evidence is taken as it
 * stands in `inventory`: whether it is fresh enough is the caller's affair. Whether the protected
 * site of a disaster run was declared lost is not checked here, so that it can be previewed.
 */
export const freeze = (
  plan: Plan,
  inventory: Inventory,
  mode: Mode,
  context: FreezeContext,
): Frozen => {
  const findings = new Findings();
  const overrides = context.policies ?? {};
  checkPlanInto(plan, findings);
  checkPolicies(overrides, 'policies', findings);
  checkSites(plan, mode, context, findings);
  for (const { field, message } of context.underWay ?? []) findings.obstacle(field, message);
  const refused = () => ({ problems: findings.problems, ...findings.told });
  // Without two sites everything else would seem to be wrong too.
  const { protectedSiteId, recoverySiteId } = plan;
  const areTwo = protectedSiteId !== recoverySiteId && !plan.protectionGroups.every(isEmpty);
  if (!areTwo || protectedSiteId === '' || recoverySiteId === '') return refused();

  const world = new World(inventory, [plan.protectedSiteId, plan.recoverySiteId]);
  const taken = stepsOf(mode, context);
  const resolved = resolve(plan, mode, taken, world, context, findings);
  if (resolved !== undefined) checkTies(resolved.shape, findings);
  if (resolved === undefined || !findings.clean) return refused();

  const question = {
    ...{ plan, mode, taken, ...resolved, policies: overrides, changes: context.changes },
    capabilities: context.capabilities,
    pluginOf: (id: string) => world.remote(id)?.pluginId ?? '',
  };
  const memory = context.memory ?? {};
  const assembly = assemblyOf(question, memory.assembly);
  memory.assembly = assembly;
  findings.add(assembly.findings);
  const { frozen } = assembly;
  return frozen === undefined ? refused() : { frozen, ...findings.told };
};
