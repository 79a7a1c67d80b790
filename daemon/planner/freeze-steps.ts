/** The steps of a run with the policies that hold for it, checked against what plugins can do. */
import { isReading } from '../../sdk/plugin/verbs.ts';
import { type FrozenStep, type FrozenWorkgroup, remoteOf, takes } from '../core/frozen.ts';
import type { Policy } from '../core/policy.ts';
import type { Step } from '../steps/step.ts';
import { findRerun } from './check-policies.ts';
import type { Findings } from './findings.ts';

/** One verb that a plugin offers, and how its calls in doubt are resolved. */
export interface VerbCapability {
  readonly verb: string;
  readonly settles: boolean;
  readonly repeatable: boolean;
}

export interface StepContext {
  /** Remote id → what its plugin offers; a remote that is not there has no working plugin. */
  readonly capabilities: ReadonlyMap<string, readonly VerbCapability[]>;
  /** Remote id → id of its plugin, for messages. */
  readonly pluginOf: (remoteId: string) => string;
  readonly findings: Findings;
}

/** Can a call of the step's verb be made again without doing it twice? */
const repeats = (step: Step, remotes: readonly string[], context: StepContext): boolean =>
  isReading(step.verbs[0]) ||
  remotes.every((id) =>
    context.capabilities
      .get(id)
      ?.some(({ verb, settles, repeatable }) => verb === step.verbs[0] && (settles || repeatable)),
  );

const withoutRerun = (policy: Policy): Policy => ({
  rules: policy.rules.filter((rule) => rule.do.action !== 'rerun'),
  otherwise: policy.otherwise,
});

const withoutStep = ({ paths }: Step): string =>
  paths?.every((path) => path === 'live')
    ? "turn the plan's liveMigration off"
    : 'a mode without that step';

const checkVerbs = (step: Step, remoteId: string, context: StepContext): void => {
  const { capabilities, pluginOf, findings } = context;
  const offered = capabilities.get(remoteId);
  const who = `plugin "${pluginOf(remoteId)}" of ${step.remote} "${remoteId}"`;
  if (offered === undefined) {
    findings.problem('', `${who} does not work: see why in the list of plugins`);
    return;
  }
  const verbs = new Set(offered.map(({ verb }) => verb));
  for (const verb of step.verbs) {
    if (verbs.has(verb)) continue;
    findings.problem(
      '',
      `${who} does not offer the verb ${verb}, which step ${step.name} needs: ` +
        `use a plugin that does, or ${withoutStep(step)}`,
    );
  }
  for (const verb of step.helpers ?? []) {
    if (verbs.has(verb)) continue;
    findings.warn(
      '',
      `${who} does not offer the verb ${verb}: step ${step.name} may need it to be undone ` +
        'or completed, and a person will have to do that by hand',
    );
  }
};

/** `given`: the policy that a person wrote for the step, with where it stands. */
export interface GivenPolicy {
  readonly policy: Policy;
  readonly field: string;
}

const policyOf = (
  step: Step,
  given: GivenPolicy | undefined,
  remotes: readonly string[],
  context: StepContext,
): Policy => {
  const policy = given?.policy ?? step.onFault;
  const field = given?.field ?? `policies.${step.name}`;
  const rerunAt = findRerun(policy, field);
  if (rerunAt === undefined || repeats(step, remotes, context)) return policy;
  const why = `${step.verbs[0]} can neither be settled nor repeated there`;
  if (given === undefined) {
    context.findings.warn(field, `step ${step.name} will not be tried again by itself: ${why}`);
    return withoutRerun(policy);
  }
  context.findings.problem(
    rerunAt,
    `step ${step.name} cannot be run again: ${why}; use stop, continue or rollback`,
  );
  return policy;
};

/** An optional step that no remote can do; where only some can, it passes over the others. */
export const isLeftOut = (
  step: Step,
  workgroups: readonly FrozenWorkgroup[],
  { capabilities }: Pick<StepContext, 'capabilities'>,
): boolean =>
  step.optional === true &&
  !workgroups.some(
    (group) =>
      step.unit === group.unit &&
      step.verbs.every((wanted) =>
        capabilities.get(remoteOf(step, group))?.some(({ verb }) => verb === wanted),
      ),
  );

const undoOf = ({ undo, whenLeft }: Step): Pick<FrozenStep, 'undo' | 'whenLeft'> =>
  typeof undo === 'string' ? { undo } : { undo: 'undo', whenLeft: whenLeft ?? 'ground' };

/** Checks one step at every remote that it will call, and freezes it. */
export const freezeStep = (
  step: Step,
  workgroups: readonly FrozenWorkgroup[],
  options: { readonly given: GivenPolicy | undefined; readonly inFlightMax: number },
  context: StepContext,
): FrozenStep => {
  const { name, unit, paths, side, remote, timeoutMs, before } = step;
  const frozen = {
    name,
    unit,
    ...(paths === undefined ? {} : { paths }),
    side,
    remote,
    timeoutMs,
    before: before !== undefined,
    ...undoOf(step),
    policy: step.onFault,
    inFlightMax: options.inFlightMax,
  };
  const own = workgroups.filter((group) => takes(frozen, group));
  // A workgroup without datastores may stand at a site without a compute: nothing is called there.
  const called = own.map((group) => remoteOf(frozen, group)).filter((id) => id !== '');
  const remotes = [...new Set(called)];
  if (step.optional !== true) for (const id of remotes) checkVerbs(step, id, context);
  return { ...frozen, policy: policyOf(step, options.given, remotes, context) };
};
