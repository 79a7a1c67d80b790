/**
 * From what stands where to the frozen run: workgroups, steps, gates, limits. As a survey, it is
 * what it was while nothing that it is made of has changed.
 */
import {
  type FrozenRun,
  type FrozenStep,
  type FrozenWorkgroup,
  remoteOf,
  type StorageItem,
  takes,
} from '../core/frozen.ts';
import type { Mode, Plan, PlanLimits } from '../core/plan.ts';
import type { Policy } from '../core/policy.ts';
import type { DivergedChoice } from '../core/recovery.ts';
import type { Step } from '../steps/step.ts';
import { inFlightPerStepDefault } from './defaults.ts';
import { Findings } from './findings.ts';
import { freezeStep, type GivenPolicy, isLeftOut, type VerbCapability } from './freeze-steps.ts';
import { formGates } from './gates.ts';
import type { Survey } from './survey.ts';
import { formWorkgroups, type Shape } from './workgroups.ts';

export interface AssemblyQuestion {
  readonly plan: Plan;
  readonly mode: Mode;
  /** The shape below is made of this, of the plan and of `traits`. */
  readonly survey: Survey;
  /** What the arrays say now, as far as it shows in the shape, as one text. */
  readonly traits: string;
  readonly shape: Shape;
  readonly taken: readonly Step[];
  readonly capabilities: ReadonlyMap<string, readonly VerbCapability[]>;
  readonly pluginOf: (remoteId: string) => string;
  readonly policies: Readonly<Record<string, Policy>>;
  readonly changes: DivergedChoice | undefined;
}

export interface Assembly {
  readonly question: AssemblyQuestion;
  /** Undefined: a step cannot be frozen, as `findings` say. */
  readonly frozen: FrozenRun | undefined;
  readonly findings: Findings;
}

/** Steps that would have nothing to do in the whole run are left out. */
const hasWork = (step: Step, workgroups: readonly FrozenWorkgroup[]): boolean => {
  if (step.unit === 'vm' || step.remote === 'array') {
    return workgroups.some((group) => takes(step, group));
  }
  return workgroups.some(
    (group) =>
      takes(step, group) &&
      (group.items as readonly StorageItem[]).some(({ datastores }) => datastores.length > 0),
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
const limitsOf = (
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

const assemble = (question: AssemblyQuestion): Assembly => {
  const { plan, mode, shape, taken, policies, changes } = question;
  const findings = new Findings();
  const workgroups = formWorkgroups(shape);
  const asking = { ...question, findings };
  const steps = taken
    .filter((step) => hasWork(step, workgroups.all))
    .filter((step) => !isLeftOut(step, workgroups.all, question))
    .map((step) => {
      const inFlightMax = plan.options.limits.perStep[step.name] ?? inFlightPerStepDefault;
      const given = givenPolicy(step.name, plan, policies);
      return freezeStep(step, workgroups.all, { given, inFlightMax }, asking);
    });
  if (!findings.clean) return { question, frozen: undefined, findings };
  const frozen: FrozenRun = {
    mode,
    planId: plan.id,
    protectedSiteId: plan.protectedSiteId,
    recoverySiteId: plan.recoverySiteId,
    steps,
    workgroups: workgroups.all,
    gates: formGates({ steps, workgroups, options: plan.options }),
    inFlightMax: limitsOf(steps, workgroups.all, plan.options.limits),
    ...(changes === undefined ? {} : { args: { changes } }),
  };
  return { question, frozen, findings };
};

const sameCapabilities = (
  one: AssemblyQuestion['capabilities'],
  other: AssemblyQuestion['capabilities'],
): boolean => one.size === other.size && [...one].every(([id, verbs]) => other.get(id) === verbs);

const sameQuestion = (one: AssemblyQuestion, other: AssemblyQuestion): boolean =>
  one.survey === other.survey &&
  one.traits === other.traits &&
  one.changes === other.changes &&
  one.taken.length === other.taken.length &&
  one.taken.every((step, at) => step === other.taken[at]) &&
  sameCapabilities(one.capabilities, other.capabilities) &&
  JSON.stringify(one.policies) === JSON.stringify(other.policies);

/** `earlier` itself, where it answers the question; else a new one. */
export const assemblyOf = (question: AssemblyQuestion, earlier: Assembly | undefined): Assembly =>
  earlier !== undefined && sameQuestion(earlier.question, question) ? earlier : assemble(question);
