/** Plan files to the contract's plans, and back: what `plan get` prints, `plan apply` takes. */
import { stringify } from 'yaml';
import {
  FaultKind,
  type Policy,
  type PolicyAction,
  PolicyActionType,
  Reach,
} from '../../../proto/gen/siteswap/v1/common.ts';
import {
  LagAction,
  type LagGuard,
  type Plan,
  type PlanOptions,
  type PlanVm,
} from '../../../proto/gen/siteswap/v1/plan.ts';
import { fromWord, wordOf } from '../enums.ts';
import type { Action, PlanFile, PolicyFile } from './schema.ts';

const known = <T>(value: T | undefined, word: string): T => {
  if (value === undefined) throw new Error(`the contract has no word ${word}`);
  return value;
};

/** An action as the contract has it. */
export const actionMessage = (action: Action): PolicyAction => ({
  type: known(fromWord(PolicyActionType, action.action), action.action),
  reach: 'reach' in action ? known(fromWord(Reach, action.reach), action.reach) : Reach.UNSPECIFIED,
  attemptsMax: action.action === 'rerun' ? action.attemptsMax : 0,
  delayMsMin: action.action === 'rerun' ? action.delayMsMin : 0,
  delayMsMax: action.action === 'rerun' ? action.delayMsMax : 0,
});

/** A policy as the contract has it. */
export const policyMessage = ({ rules, otherwise }: PolicyFile): Policy => ({
  rules: rules.map((rule) => ({
    kinds: (rule.kinds ?? []).map((kind) => known(fromWord(FaultKind, kind), kind)),
    codes: rule.codes ?? [],
    action: actionMessage(rule.then),
  })),
  otherwise: actionMessage(otherwise),
});

/** Step name → policy, as the contract has it. */
export const policiesMessage = (
  policies: Readonly<Record<string, PolicyFile>>,
): Record<string, Policy> =>
  Object.fromEntries(
    Object.entries(policies).map(([step, policy]) => [step, policyMessage(policy)]),
  );

const optionsMessage = ({
  vmWorkgroupMax = 0,
  storageWorkgroupMax = 0,
  release = 'each',
  priorityGates,
  liveMigration = false,
  lag,
  limits,
}: PlanFile['options']): PlanOptions => ({
  vmWorkgroupMax,
  storageWorkgroupMax,
  releaseBatchSize: release === 'each' ? 0 : release.batch,
  priorityGates,
  limits:
    limits === undefined
      ? undefined
      : {
          perArray: limits.perArray ?? 0,
          perCompute: limits.perCompute ?? 0,
          perStep: limits.perStep,
        },
  liveMigration,
  lag: lag && {
    rpoTimesMax: lag.rpoTimesMax ?? 0,
    beyond: fromWord(LagAction, lag.beyond ?? '') ?? LagAction.UNSPECIFIED,
  },
});

/** A checked plan file as the contract's plan. */
export const planMessage = (file: PlanFile): Plan => ({
  id: file.id,
  name: file.name,
  protectedSiteId: file.protectedSite,
  recoverySiteId: file.recoverySite,
  protectionGroups: file.protectionGroups.map(({ id, groups, vms }) => ({
    id,
    groups,
    vms: vms && {
      vms: vms.map((vm) => ({ ...vm, priority: 'priority' in vm ? (vm.priority ?? 0) : 0 })),
    },
  })),
  policies: policiesMessage(file.policies),
  options: optionsMessage(file.options),
});

const actionYaml = (action: PolicyAction | undefined): unknown => {
  if (action === undefined) return 'stop';
  const type = wordOf(PolicyActionType, action.type);
  if (action.type === PolicyActionType.RERUN) {
    const { attemptsMax, delayMsMin, delayMsMax } = action;
    return { rerun: { attemptsMax, delayMsMin, delayMsMax } };
  }
  const reach = wordOf(Reach, action.reach);
  const plain = reach === '' || (type === 'stop' && action.reach === Reach.WORKGROUP);
  return plain ? type : { [type]: reach };
};

const policyYaml = ({ rules, otherwise }: Policy): unknown =>
  rules.length === 0
    ? actionYaml(otherwise)
    : {
        rules: rules.map((rule) => ({
          ...(rule.kinds.length > 0 && {
            kinds: rule.kinds.map((kind) => wordOf(FaultKind, kind)),
          }),
          ...(rule.codes.length > 0 && { codes: rule.codes }),
          // biome-ignore lint/suspicious/noThenProperty: the plan file's word; data, never awaited.
          then: actionYaml(rule.action),
        })),
        otherwise: actionYaml(otherwise),
      };

const vmYaml = ({ id, priority, dependsOn }: PlanVm): unknown =>
  priority === 0 && dependsOn.length === 0
    ? id
    : { id, ...(priority > 0 && { priority }), ...(dependsOn.length > 0 && { dependsOn }) };

const lagYaml = ({ rpoTimesMax, beyond }: LagGuard): Record<string, unknown> => ({
  ...(rpoTimesMax > 0 && { rpoTimesMax }),
  ...(beyond !== LagAction.UNSPECIFIED && { beyond: wordOf(LagAction, beyond) }),
});

const optionsYaml = (options: PlanOptions): Record<string, unknown> => {
  const { perArray = 0, perCompute = 0, perStep = {} } = options.limits ?? {};
  const limits = {
    ...(perArray > 0 && { perArray }),
    ...(perCompute > 0 && { perCompute }),
    ...(Object.keys(perStep).length > 0 && { perStep }),
  };
  return {
    ...(options.vmWorkgroupMax > 0 && { vmWorkgroupMax: options.vmWorkgroupMax }),
    ...(options.storageWorkgroupMax > 0 && { storageWorkgroupMax: options.storageWorkgroupMax }),
    ...(options.releaseBatchSize > 0 && { release: { batch: options.releaseBatchSize } }),
    ...(options.priorityGates !== undefined && { priorityGates: options.priorityGates }),
    ...(options.liveMigration && { liveMigration: true }),
    ...(options.lag && { lag: lagYaml(options.lag) }),
    ...(Object.keys(limits).length > 0 && { limits }),
  };
};

/** The contract's plan as a plan file, without what is only default. */
export const planYaml = (plan: Plan): string => {
  const options = plan.options === undefined ? {} : optionsYaml(plan.options);
  const policies = Object.entries(plan.policies).map(([step, policy]) => [
    step,
    policyYaml(policy),
  ]);
  return stringify({
    id: plan.id,
    ...(plan.name !== '' && { name: plan.name }),
    protectedSite: plan.protectedSiteId,
    recoverySite: plan.recoverySiteId,
    protectionGroups: plan.protectionGroups.map(({ id, groups, vms }) => ({
      id,
      groups: groups.map((group) => `${group.arrayId}/${group.id}`),
      ...(vms && { vms: vms.vms.map(vmYaml) }),
    })),
    ...(policies.length > 0 && { policies: Object.fromEntries(policies) }),
    ...(Object.keys(options).length > 0 && { options }),
  });
};

/** A violation's path in the contract's plan → the same place in a plan file. */
export const filePathOf = (field: string): string =>
  field
    .replace(/^plan\./, '')
    .replace(/^protectedSiteId$/, 'protectedSite')
    .replace(/^recoverySiteId$/, 'recoverySite')
    .replace(/\.vms\.vms\[/, '.vms[')
    .replace(/(\.groups\[\d+\])\.(arrayId|id)$/, '$1')
    .replace(/^options\.releaseBatchSize$/, 'options.release');
