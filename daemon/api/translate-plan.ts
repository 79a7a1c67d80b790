/** Plans and previews: core ↔ contract. */
import type {
  Plan as PlanMessage,
  PlanOptions as PlanOptionsMessage,
  PreviewGate,
  PreviewPlanResponse,
  PreviewWorkgroup,
  StoredPlan as StoredPlanMessage,
} from '../../proto/gen/siteswap/v1/plan.ts';
import type { FrozenRun, FrozenWorkgroup, Gate } from '../core/frozen.ts';
import {
  type Plan,
  type PlanOptions,
  type ProtectionGroup,
  priorityDefault,
  priorityMax,
} from '../core/plan.ts';
import { defaultLag, defaultOptions } from '../planner/defaults.ts';
import type { FrozenFound } from '../planner/freeze.ts';
import type { StoredPlan } from '../runner/service.ts';
import type { Problems } from './check.ts';
import { policiesFrom, policiesTo, policyTo } from './translate-policy.ts';
import {
  gateKinds,
  lagActions,
  modes,
  paths,
  planStates,
  sides,
  undos,
  units,
} from './vocabulary.ts';

const optionsTo = (options: PlanOptions): PlanOptionsMessage => ({
  vmWorkgroupMax: options.vmWorkgroupMax,
  storageWorkgroupMax: options.storageWorkgroupMax,
  releaseBatchSize: options.release.kind === 'batch' ? options.release.size : 0,
  priorityGates: options.priorityGates,
  limits: {
    perArray: options.limits.perArray,
    perCompute: options.limits.perCompute,
    perStep: { ...options.limits.perStep },
  },
  liveMigration: options.liveMigration === true,
  lag: options.lag && {
    rpoTimesMax: options.lag.rpoTimesMax,
    beyond: lagActions.encode(options.lag.beyond),
  },
});

const planTo = (plan: Plan): PlanMessage => ({
  id: plan.id,
  name: plan.name,
  protectedSiteId: plan.protectedSiteId,
  recoverySiteId: plan.recoverySiteId,
  protectionGroups: plan.protectionGroups.map((group) => ({
    id: group.id,
    groups: group.groups.map(({ arrayId, id }) => ({ arrayId, id })),
    vms: group.vms && {
      vms: group.vms.map((vm) => ({ ...vm, dependsOn: [...vm.dependsOn] })),
    },
  })),
  policies: policiesTo(plan.policies),
  options: optionsTo(plan.options),
});

export const storedPlanTo = (stored: StoredPlan): StoredPlanMessage => ({
  plan: planTo(stored.plan),
  etag: stored.etag,
  savedTime: new Date(stored.savedAtMs),
  state: planStates.encode(stored.state),
  openRunId: stored.openRunId ?? '',
});

/** Zero takes the default. */
const optionsFrom = (options: PlanOptionsMessage | undefined): PlanOptions => {
  const usual = defaultOptions;
  if (options === undefined) return usual;
  const { limits, releaseBatchSize: size, lag } = options;
  return {
    vmWorkgroupMax: options.vmWorkgroupMax || usual.vmWorkgroupMax,
    storageWorkgroupMax: options.storageWorkgroupMax || usual.storageWorkgroupMax,
    release: size === 0 ? { kind: 'each' } : { kind: 'batch', size },
    priorityGates: options.priorityGates ?? usual.priorityGates,
    limits: {
      perArray: limits?.perArray || usual.limits.perArray,
      perCompute: limits?.perCompute || usual.limits.perCompute,
      perStep: { ...limits?.perStep },
    },
    liveMigration: options.liveMigration,
    lag: {
      rpoTimesMax: lag?.rpoTimesMax || defaultLag.rpoTimesMax,
      beyond: (lag && lagActions.decode(lag.beyond)) ?? defaultLag.beyond,
    },
  };
};

const groupFrom = (
  at: string,
  group: PlanMessage['protectionGroups'][number],
  problems: Problems,
): ProtectionGroup => ({
  id: problems.text(`${at}.id`, group.id),
  groups: group.groups.map(({ arrayId, id }, index) => ({
    arrayId: problems.text(`${at}.groups[${index}].arrayId`, arrayId),
    id: problems.text(`${at}.groups[${index}].id`, id),
  })),
  ...(group.vms && {
    vms: group.vms.vms.map((vm, index) => {
      const field = `${at}.vms[${index}]`;
      if (vm.priority > priorityMax) problems.add(`${field}.priority`, `is above ${priorityMax}`);
      return {
        id: problems.text(`${field}.id`, vm.id),
        priority: vm.priority || priorityDefault,
        dependsOn: vm.dependsOn,
      };
    }),
  }),
});

/** What the plan says is the planner's to judge; here only whether it can be read. */
export const planFrom = (plan: PlanMessage | undefined, problems: Problems): Plan | undefined => {
  if (plan === undefined) {
    problems.add('plan', 'is missing');
    return undefined;
  }
  return {
    id: problems.text('id', plan.id),
    name: problems.optionalText('name', plan.name),
    protectedSiteId: problems.text('protectedSiteId', plan.protectedSiteId),
    recoverySiteId: problems.text('recoverySiteId', plan.recoverySiteId),
    protectionGroups: plan.protectionGroups.map((group, index) =>
      groupFrom(`protectionGroups[${index}]`, group, problems),
    ),
    policies: policiesFrom('policies', plan.policies, problems),
    options: optionsFrom(plan.options),
  };
};

const workgroupTo = (
  group: FrozenWorkgroup,
  all: readonly FrozenWorkgroup[],
): PreviewWorkgroup => ({
  id: group.id,
  unit: units.encode(group.unit),
  protectionGroupId: group.protectionGroupId,
  storageWorkgroupId: all[group.storage]?.id ?? '',
  priority: group.priority,
  itemIds: group.items.map(({ id }) => id),
  dependsOn: group.dependsOn.flatMap(([at, item]) => all[at]?.items[item]?.id ?? []),
  protectedArrayId: group.protectedArrayId,
  recoveryArrayId: group.recoveryArrayId,
  protectedComputeId: group.protectedComputeId,
  recoveryComputeId: group.recoveryComputeId,
  path: paths.encode(group.path ?? 'cold'),
});

const gateTo = (gate: Gate, run: FrozenRun): PreviewGate => {
  const end = ({ step, workgroups }: Gate['waits']) => ({
    step: run.steps[step]?.name ?? '',
    workgroupIds: workgroups.map((at) => run.workgroups[at]?.id ?? ''),
  });
  return { kind: gateKinds.encode(gate.kind), waits: end(gate.waits), holds: end(gate.holds) };
};

export const previewTo = ({
  frozen: run,
  obstacles,
  warnings,
}: FrozenFound): PreviewPlanResponse => ({
  planId: run.planId,
  mode: modes.encode(run.mode),
  protectedSiteId: run.protectedSiteId,
  recoverySiteId: run.recoverySiteId,
  steps: run.steps.map((step) => ({
    name: step.name,
    unit: units.encode(step.unit),
    side: sides.encode(step.side),
    timeoutMs: step.timeoutMs,
    undo: undos.encode(step.undo),
    policy: policyTo(step.policy),
    inFlightMax: step.inFlightMax,
    paths: (step.paths ?? []).map((path) => paths.encode(path)),
  })),
  workgroups: run.workgroups.map((group) => workgroupTo(group, run.workgroups)),
  gates: run.gates.map((gate) => gateTo(gate, run)),
  inFlightMax: { ...run.inFlightMax },
  obstacles: [...obstacles],
  warnings: [...warnings],
});
