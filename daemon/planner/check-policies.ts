/** Policies are data that people write: what cannot work is refused before a run, with reasons. */
import { faultKinds } from '../../sdk/plugin/fault.ts';
import { modes } from '../core/plan.ts';
import type { Policy, PolicyAction } from '../core/policy.ts';
import { modeSteps, steps } from '../steps/registry.ts';
import type { Step } from '../steps/step.ts';
import { attemptsCeiling, delayMsCeiling } from './defaults.ts';
import type { Findings } from './findings.ts';

/** Of all plans, whatever their mode. */
export const planSteps: ReadonlySet<string> = new Set(modes.flatMap((mode) => modeSteps[mode]));

/** Steps at or behind a mode's point of no return: nothing can be undone any more. */
const pastReturn: ReadonlyMap<string, string> = new Map(
  modes.flatMap((mode) => {
    const names = modeSteps[mode];
    const first = names.findIndex((name) => steps.get(name)?.undo === 'no-return');
    return first < 0
      ? []
      : names.slice(first).map((name) => [name, names[first] as string] as const);
  }),
);

const whole = (value: number, min: number, max: number): boolean =>
  Number.isInteger(value) && value >= min && value <= max;

const checkAction = (step: Step, field: string, action: PolicyAction, findings: Findings): void => {
  if (action.action === 'rerun') {
    if (!whole(action.attemptsMax, 1, attemptsCeiling)) {
      findings.problem(
        `${field}.attemptsMax`,
        `${action.attemptsMax} attempts: give a whole number from 1 to ${attemptsCeiling}`,
      );
    }
    const { delayMsMin, delayMsMax } = action;
    if (!whole(delayMsMin, 0, delayMsCeiling) || !whole(delayMsMax, delayMsMin, delayMsCeiling)) {
      findings.problem(
        `${field}.delayMsMax`,
        `delays from ${delayMsMin} to ${delayMsMax} ms: give whole numbers, ascending, ` +
          `from 0 to ${delayMsCeiling}`,
      );
    }
    return;
  }
  if (action.action === 'continue') return;
  if (action.reach === 'item' && step.unit === 'storage') {
    findings.problem(
      `${field}.reach`,
      `step ${step.name} works on consistency groups, which move whole: ` +
        'use the reach workgroup, protection-group or run',
    );
  }
  const noReturn = pastReturn.get(step.name);
  if (action.action === 'rollback' && noReturn !== undefined) {
    const where = noReturn === step.name ? 'is' : `comes after ${noReturn},`;
    findings.problem(
      field,
      `step ${step.name} ${where} the point of no return: nothing can be rolled back there; ` +
        'use stop, continue or rerun (the way back is a reprotect and a planned run)',
    );
  }
};

const actionsOf = (policy: Policy, field: string): [string, PolicyAction][] => [
  ...policy.rules.map((rule, i): [string, PolicyAction] => [`${field}.rules[${i}].do`, rule.do]),
  [`${field}.otherwise`, policy.otherwise],
];

/**
 * Whatever can be seen of policies without asking a plugin. `field`: where they stand; `known`: the
 * steps that there are, of all plans if none are given.
 */
export const checkPolicies = (
  policies: Readonly<Record<string, Policy>>,
  field: string,
  findings: Findings,
  known: ReadonlySet<string> = planSteps,
): void => {
  for (const [name, policy] of Object.entries(policies)) {
    const at = `${field}.${name}`;
    const step = known.has(name) ? steps.get(name) : undefined;
    if (step === undefined) {
      const names = [...known].join(', ');
      findings.problem(at, `no step is called "${name}": use one of ${names}`);
      continue;
    }
    policy.rules.forEach((rule, i) => {
      const odd = rule.kinds?.filter((kind) => !faultKinds.includes(kind)) ?? [];
      if (odd.length > 0) {
        findings.problem(
          `${at}.rules[${i}].kinds`,
          `no fault kind is called "${odd[0]}": use one of ${faultKinds.join(', ')}`,
        );
      }
    });
    for (const [where, action] of actionsOf(policy, at)) checkAction(step, where, action, findings);
  }
};

/** Where `policy` repeats, if anywhere. */
export const findRerun = (policy: Policy, field: string): string | undefined =>
  actionsOf(policy, field).find(([, action]) => action.action === 'rerun')?.[0];
