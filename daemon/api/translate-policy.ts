/** Faults and policies: core ↔ contract. */
import type {
  Fault as FaultMessage,
  PolicyAction as PolicyActionMessage,
  Policy as PolicyMessage,
} from '../../proto/gen/siteswap/v1/common.ts';
import { PolicyActionType, Reach } from '../../proto/gen/siteswap/v1/common.ts';
import type { Fault } from '../../sdk/plugin/fault.ts';
import { type Policy, type PolicyAction, type PolicyRule, stop } from '../core/policy.ts';
import type { Problems } from './check.ts';
import { actions, kinds, owners, reaches } from './vocabulary.ts';

export const faultTo = (fault: Fault): FaultMessage => ({
  kind: kinds.encode(fault.kind),
  owner: owners.encode(fault.owner),
  message: fault.message,
  code: fault.code ?? '',
  hint: fault.hint ?? '',
  members: [...(fault.members ?? [])],
});

export const actionTo = (action: PolicyAction): PolicyActionMessage => ({
  type: actions.encode(action.action),
  reach: 'reach' in action ? reaches.encode(action.reach) : Reach.UNSPECIFIED,
  attemptsMax: action.action === 'rerun' ? action.attemptsMax : 0,
  delayMsMin: action.action === 'rerun' ? action.delayMsMin : 0,
  delayMsMax: action.action === 'rerun' ? action.delayMsMax : 0,
});

export const policyTo = (policy: Policy): PolicyMessage => ({
  rules: policy.rules.map((rule) => ({
    kinds: (rule.kinds ?? []).map(kinds.encode),
    codes: [...(rule.codes ?? [])],
    action: actionTo(rule.do),
  })),
  otherwise: actionTo(policy.otherwise),
});

export const policiesTo = (
  policies: Readonly<Record<string, Policy>>,
): Record<string, PolicyMessage> =>
  Object.fromEntries(Object.entries(policies).map(([step, policy]) => [step, policyTo(policy)]));

const rerunFrom = (field: string, action: PolicyActionMessage, problems: Problems) => {
  const { attemptsMax, delayMsMin } = action;
  const delayMsMax = action.delayMsMax === 0 ? delayMsMin : action.delayMsMax;
  if (attemptsMax < 1) problems.add(`${field}.attemptsMax`, 'is missing: tries in all, at least 1');
  if (delayMsMax < delayMsMin) problems.add(`${field}.delayMsMax`, 'is less than delayMsMin');
  return { action: 'rerun', attemptsMax, delayMsMin, delayMsMax } as const;
};

const actionFrom = (
  field: string,
  action: PolicyActionMessage,
  problems: Problems,
): PolicyAction => {
  const reach = reaches.decode(action.reach);
  if (reach === undefined && action.reach !== Reach.UNSPECIFIED) {
    problems.add(`${field}.reach`, 'is unknown');
  }
  switch (action.type) {
    case PolicyActionType.CONTINUE:
      return { action: 'continue' };
    case PolicyActionType.RERUN:
      return rerunFrom(field, action, problems);
    case PolicyActionType.ROLLBACK:
      if (reach === undefined) problems.add(`${field}.reach`, 'is missing: how far to roll back');
      return { action: 'rollback', reach: reach ?? 'workgroup' };
    case PolicyActionType.STOP:
      return stop(reach);
    default:
      problems.add(`${field}.type`, 'is missing or unknown');
      return stop();
  }
};

const policyFrom = (field: string, policy: PolicyMessage, problems: Problems): Policy => ({
  rules: policy.rules.map((rule, index): PolicyRule => {
    const at = `${field}.rules[${index}]`;
    const ruleKinds = rule.kinds.map((kind, position) =>
      problems.word(`${at}.kinds[${position}]`, kinds.decode(kind), kind, 'unknown'),
    );
    if (rule.action === undefined) problems.add(`${at}.action`, 'is missing');
    return {
      ...(ruleKinds.length > 0 && { kinds: ruleKinds }),
      ...(rule.codes.length > 0 && { codes: rule.codes }),
      do: rule.action ? actionFrom(`${at}.action`, rule.action, problems) : stop(),
    };
  }),
  otherwise: policy.otherwise
    ? actionFrom(`${field}.otherwise`, policy.otherwise, problems)
    : stop(),
});

/** Step name → policy; whether the steps exist is the planner's to say. */
export const policiesFrom = (
  field: string,
  policies: Readonly<Record<string, PolicyMessage>>,
  problems: Problems,
): Record<string, Policy> =>
  Object.fromEntries(
    Object.entries(policies).map(([step, policy]) => [
      step,
      policyFrom(`${field}[${step}]`, policy, problems),
    ]),
  );
