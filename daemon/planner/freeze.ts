/**
 * Plan + inventory + mode -> the frozen run. Pure: the same input gives the same output, and all
 * that a run will ever need to know stands in it, because recovery never plans again.
 */
import type { Violation } from '../core/errors.ts';
import {
  type DatastoreOf,
  type FrozenRun,
  type FrozenStep,
  type FrozenWorkgroup,
  remoteOf,
  type Side,
  type StorageItem,
  takes,
} from '../core/frozen.ts';
import type { Inventory, RemoteEvidence } from '../core/inventory.ts';
import type { Mode, Plan, PlanLimits } from '../core/plan.ts';
import type { Policy } from '../core/policy.ts';
import type { DivergedChoice } from '../core/recovery.ts';
import { modeSteps, steps as registry } from '../steps/registry.ts';
import type { Step } from '../steps/step.ts';
import { checkPlanInto } from './check-plan.ts';
import { checkPolicies } from './check-policies.ts';
import { chooseComputes } from './choose-computes.ts';
import { placeDatastores } from './datastores.ts';
import { inFlightPerStepDefault } from './defaults.ts';
import { checkDependencies } from './dependencies.ts';
import { checkDirections, isHandedOver } from './directions.ts';
import { expectLosses } from './expected-loss.ts';
import { Findings } from './findings.ts';
import { freezeStep, type GivenPolicy, type VerbCapability } from './freeze-steps.ts';
import { formGates } from './gates.ts';
import { checkGuards } from './guards.ts';
import { checkInUse, type OpenRun } from './in-use.ts';
import { type Group, resolveGroups } from './resolve-groups.ts';
import { resolveVms } from './resolve-vms.ts';
import { checkStretched, pathsOf } from './stretched.ts';
import { formWorkgroups, type Shape } from './workgroups.ts';
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
  /** Step name -> policy given when the run is started; over the plan's. */
  readonly policies?: Readonly<Record<string, Policy>>;
  /** Other steps for the modes than the registry's: benches measure the engine with them. */
  readonly modeSteps?: ModeSteps;
  /** The sites' data went different ways: what becomes of the old site's. */
  readonly changes?: DivergedChoice;
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

/** What stands where, as far as it could be resolved. */
type Resolved = Omit<Shape, 'plan' | 'mode'>;

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
  // VMs on groups that could not be resolved would all seem to stand outside the plan.
  const named = plan.protectionGroups.reduce((sum, group) => sum + group.groups.length, 0);
  if (groups.length < named) return undefined;
  const protectedComputes = world.computesAt(plan.protectedSiteId);
  const recoveryComputes = world.computesAt(plan.recoverySiteId);
  const computes = [...protectedComputes, ...recoveryComputes];
  const paths = pathsOf(mode, groups, findings);
  const chosen = context.changes !== undefined;
  checkGuards({ plan, mode, groups, paths, now: context.now, chosen, findings });
  const intent = { mode, planId: plan.id, protectedSiteId: plan.protectedSiteId };
  checkInUse(intent, groups, context.openRuns ?? [], findings);
  const placement = placeDatastores(groups, computes, findings);
  const sides = { protectedComputes, recoveryComputes };
  const question = { plan, mode, groups, paths, placement, ...sides, findings };
  const withVms = taken.some(({ unit }) => unit === 'vm');
  const members = withVms ? resolveVms(question) : [];
  const preferences = checkStretched({ plan, mode, groups, paths, members, findings });
  checkDependencies(members, plan.options.priorityGates, findings);
  const choose = (side: Side): readonly string[] =>
    chooseComputes({
      side,
      siteId: side === 'protected' ? plan.protectedSiteId : plan.recoverySiteId,
      computes: side === 'protected' ? protectedComputes : recoveryComputes,
      groups,
      placement,
      needed: taken.some((step) => step.remote === 'compute' && step.side === side),
      findings,
    });
  const mounted = mountedAt(recoveryComputes);
  const { recoverySiteId } = plan;
  const asking = { recoverySiteId, groups, paths, now: context.now, findings };
  return {
    groups,
    paths,
    preferences,
    expectedLosses: mode === 'disaster' ? expectLosses(asking) : [],
    datastores: placement.datastores.map((list, i) =>
      paths[i] === 'stretched' || isHandedOver(groups[i] as Group)
        ? list.map((store) => noteMounted(store, mounted))
        : list,
    ),
    protectedComputes: choose('protected'),
    recoveryComputes: choose('recovery'),
    members,
  };
};

/** A VM on several groups ties them into one workgroup, which works with one remote of a kind. */
const checkTies = (resolved: Resolved, findings: Findings): void => {
  const { groups, members, protectedComputes, recoveryComputes } = resolved;
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

/** Steps that would have nothing to do in the whole run are left out. */
const hasWork = (step: Step, workgroups: readonly FrozenWorkgroup[]): boolean => {
  const own = workgroups.filter((group) => takes(step, group));
  if (step.unit === 'vm' || step.remote === 'array') return own.length > 0;
  return own.some(({ items }) =>
    (items as readonly StorageItem[]).some(({ datastores }) => datastores.length > 0),
  );
};

const givenPolicy = (
  name: string,
  plan: Plan,
  overrides: Readonly<Record<string, Policy>>,
): GivenPolicy | undefined => {
  const override = overrides[name];
  if (override !== undefined) return { policy: override, field: `policies.${name}` };
  const own = plan.policies[name];
  return own === undefined ? undefined : { policy: own, field: `policies.${name}` };
};

/** Tasks in flight at the remotes that the run calls. */
export const limitsOf = (
  steps: readonly FrozenStep[],
  workgroups: readonly FrozenWorkgroup[],
  limits: Pick<PlanLimits, 'perArray' | 'perCompute'>,
): Record<string, number> => {
  const inFlightMax: Record<string, number> = {};
  for (const step of steps) {
    for (const group of workgroups) {
      if (!takes(step, group)) continue;
      const id = remoteOf(step, group);
      if (id !== '') {
        inFlightMax[id] = step.remote === 'array' ? limits.perArray : limits.perCompute;
      }
    }
  }
  return inFlightMax;
};

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
  const refused = () => ({ problems: findings.problems, ...findings.told });
  if (!findings.clean) return refused();

  const world = new World(inventory, [plan.protectedSiteId, plan.recoverySiteId]);
  const taken = stepsOf(mode, context);
  const resolved = resolve(plan, mode, taken, world, context, findings);
  if (resolved !== undefined) checkTies(resolved, findings);
  if (resolved === undefined || !findings.clean) return refused();

  const workgroups = formWorkgroups({ plan, mode, ...resolved });
  const asking = {
    capabilities: context.capabilities,
    pluginOf: (id: string) => world.remote(id)?.pluginId ?? '',
    findings,
  };
  const steps = taken
    .filter((step) => hasWork(step, workgroups.all))
    .map((step) => {
      const inFlightMax = plan.options.limits.perStep[step.name] ?? inFlightPerStepDefault;
      const given = givenPolicy(step.name, plan, overrides);
      return freezeStep(step, workgroups.all, { given, inFlightMax }, asking);
    });
  if (!findings.clean) return refused();
  const frozen: FrozenRun = {
    mode,
    planId: plan.id,
    protectedSiteId: plan.protectedSiteId,
    recoverySiteId: plan.recoverySiteId,
    steps,
    workgroups: workgroups.all,
    gates: formGates({ steps, workgroups, options: plan.options }),
    inFlightMax: limitsOf(steps, workgroups.all, plan.options.limits),
    ...(context.changes === undefined ? {} : { args: { changes: context.changes } }),
  };
  return { frozen, ...findings.told };
};
