/**
 * What a rule of injections says that can never come true, though each of its words is known: it
 * would wait for ever, and nobody would know why nothing fails. Found before it is taken.
 */
import { isReading, listingVerbs, readingVerbs } from '../../sdk/plugin/verbs.ts';
import type { CallRule } from '../../sdk/scenario/rule.ts';
import { phasesOf } from '../core/draw.ts';
import { modes } from '../core/plan.ts';
import { callsOf as callsIn } from '../steps/calls.ts';
import { modeSteps, steps } from '../steps/registry.ts';
import type { Step } from '../steps/step.ts';

/** Of a rule: which field, and why not. */
export interface Senseless {
  readonly field: keyof CallRule;
  readonly message: string;
}

/** Effects that have a meaning for a question about a call, and for a listing. */
const asking: ReadonlySet<string> = new Set([
  'error',
  'refuse',
  'delay',
  'hang',
  'lost-reply',
  'duplicate',
  'wrong-result',
  'worker-crash',
  'worker-out-of-memory',
]);

const listings: ReadonlySet<string> = new Set(listingVerbs);

/** What only a run has: a listing is asked outside of runs. */
const ofRuns = ['plan', 'mode', 'step', 'workgroup'] as const;

/** `device`: those that a device run or a storage migration takes; undefined: no such mode. */
const stepsOf = (mode: string | undefined): readonly string[] | undefined => {
  const known = modes.find((one) => one === mode);
  if (known !== undefined) return modeSteps[known];
  if (mode !== 'device') return undefined;
  const ofPlans = new Set(modes.flatMap((one) => modeSteps[one]));
  return [...steps.keys()].filter((name) => !ofPlans.has(name));
};

/** All that it may call, in every phase. */
const callsOf = ({ verbs, helpers = [] }: Step): readonly string[] => [...verbs, ...helpers];

type Check = (rule: CallRule, step: Step | undefined) => readonly (Senseless | false)[];

/** Where it is for: what its scope names must meet somewhere. */
const nowhere: Check = ({ mode, step: name, verb }, step) => {
  const ofMode = stepsOf(mode);
  const called = ofMode?.flatMap((one) => callsOf(steps.get(one) as Step));
  return [
    step !== undefined &&
      ofMode?.includes(step.name) === false && {
        field: 'step',
        message: `${name} is no step of mode ${mode}, which has ${ofMode.join(', ')}`,
      },
    step !== undefined &&
      verb !== undefined &&
      !listings.has(verb) &&
      !callsOf(step).includes(verb) && {
        field: 'verb',
        message: `step ${name} never calls ${verb}: it calls ${callsOf(step).join(', ')}`,
      },
    step === undefined &&
      verb !== undefined &&
      !listings.has(verb) &&
      called?.includes(verb) === false && {
        field: 'verb',
        message: `no step of mode ${mode} calls ${verb}`,
      },
  ];
};

/** How the planner names workgroups, and what becomes of a name where items leave one. */
const workgroupForm = /^([sv])[1-9]\d*(\.[1-9]\d*)*$/;

const units = { s: 'storage', v: 'vm' } as const;

/** What the workgroup is of, by its name; undefined: no workgroup is called so. */
export const unitOf = (workgroup: string): Step['unit'] | undefined =>
  units[workgroupForm.exec(workgroup)?.[1] as 's' | 'v'];

/** Those that mode, step, verb and workgroup leave; a listing leaves none. */
const stepsLeft = (rule: Pick<CallRule, 'mode' | 'step' | 'verb' | 'workgroup'>): Step[] => {
  const { mode, step: name, verb, workgroup } = rule;
  const ofMode = stepsOf(mode);
  return [...steps.values()].filter(
    (one) =>
      (name ?? one.name) === one.name &&
      ofMode?.includes(one.name) !== false &&
      (verb === undefined || callsOf(one).includes(verb)) &&
      (workgroup === undefined || unitOf(workgroup) === one.unit),
  );
};

/** What moves there must meet the step, or one that the rest of the rule leaves. */
const strange: Check = ({ workgroup, ...rest }) => {
  if (workgroup === undefined) return [];
  const { mode, step: name, verb } = rest;
  const unit = unitOf(workgroup);
  const left = stepsLeft(rest);
  const what = name === undefined ? (verb ?? `mode ${mode}`) : `step ${name}`;
  const other = unit === 'vm' ? 'of storage: s1, s2, …' : 'of VMs: v1, v2, …';
  return [
    unit === undefined && {
      field: 'workgroup',
      message: 'no workgroup is called so: s1, s2, … are of storage, v1, v2, … of VMs',
    },
    unit !== undefined &&
      left.length > 0 &&
      left.every((one) => one.unit !== unit) && {
        field: 'workgroup',
        message: `${what} is for workgroups ${other}`,
      },
  ];
};

/** A listing belongs to no run. */
const noRun: Check = (rule) => {
  const { verb = '', planId, direction, attempt = 1, phase = 'run' } = rule;
  if (!listings.has(verb)) return [];
  const given = { ...rule, plan: planId };
  const ours = ofRuns.find((field) => given[field] !== undefined);
  return [
    ours !== undefined && {
      field: ours === 'plan' ? 'planId' : ours,
      message: `${verb} is asked outside of runs: it has no ${ours}`,
    },
    (direction === 'undo' || attempt > 1 || phase !== 'run') && {
      field: 'verb',
      message: `${verb} is asked outside of runs, once: leave direction, attempt and phase away`,
    },
    rule.targets !== undefined && {
      field: 'targets',
      message:
        `${verb} lists all that there is, and names no targets: leave them away, ` +
        'or give a verb that has some',
    },
  ];
};

/** When in a task it is for. */
const never: Check = ({ direction, phase, step: name }, step) => {
  const undoes = direction === 'undo' || phase === 'undo';
  return [
    direction === 'run' &&
      phase === 'undo' && {
        field: 'phase',
        message: 'undo has the direction undo: leave one of the two away',
      },
    direction === 'undo' &&
      (phase === 'run' || phase === 'before') && {
        field: 'phase',
        message: `${phase} has the direction run: leave one of the two away`,
      },
    undoes &&
      typeof step?.undo === 'string' && {
        field: direction === 'undo' ? 'direction' : 'phase',
        message: `step ${name} has no undo`,
      },
    phase === 'before' &&
      step !== undefined &&
      step.before === undefined && {
        field: 'phase',
        message: `step ${name} looks at nothing before it runs`,
      },
  ];
};

const directions = ['run', 'undo'] as const;

/** By what its steps may call in each phase, which is what injections are drawn for. */
const uncalled: Check = (rule, step) => {
  const { direction, phase, verb, mode, workgroup } = rule;
  const called = (one: Step): readonly string[] =>
    (direction === undefined ? directions : [direction]).flatMap((way) =>
      phasesOf(rule).flatMap((each) => callsIn(one, way)[each] ?? []),
    );
  const meets = (one: Step): boolean =>
    verb === undefined ? called(one).length > 0 : called(one).includes(verb);
  const ofTasks = [direction, phase, mode, workgroup].some((one) => one !== undefined);
  const left = step === undefined ? stepsLeft(rule) : [step];
  if (listings.has(verb ?? '') || (step === undefined && !ofTasks) || left.some(meets)) return [];
  const way = direction === undefined ? '' : ` in direction ${direction}`;
  const when = `${way}${phase === undefined ? '' : ` in phase ${phase}`}`;
  const others = [...new Set(left.flatMap(called))].join(', ');
  const who = step === undefined ? 'no step' : `step ${step.name}`;
  const field = verb === undefined ? 'phase' : 'verb';
  if (step === undefined) return [{ field, message: `${who} calls ${verb ?? 'anything'}${when}` }];
  const what = others === '' ? `nothing${when}` : `${others}${when}, never ${verb}`;
  return [{ field, message: `${who} calls ${what}` }];
};

/** What it does to the call that it is for. */
const nothing: Check = ({ phase, verb, effect }, step) => {
  const asks = phase === 'settle' || phase === 'poll' || listings.has(verb ?? '');
  const calls = verb === undefined ? step && callsOf(step) : [verb];
  const say = (message: string): Senseless => ({ field: 'effect', message });
  const kind = effect.effect;
  if (asks && !asking.has(kind)) {
    return [say(`${kind} has no meaning for a question: it has none of its answers`)];
  }
  return [
    kind === 'stale-read' &&
      calls !== undefined &&
      !calls.some(isReading) &&
      say(`stale-read is for verbs that look: ${readingVerbs.join(', ')}`),
    kind === 'fail-later' &&
      isReading(verb ?? '') &&
      say(`fail-later is for verbs that change something: ${verb} only looks`),
    kind === 'wrong-result' &&
      effect.set === undefined &&
      (asks || isReading(verb ?? '')) &&
      say(
        'wrong-result of a question changes nothing without `set`, such as { set: { power: off } }',
      ),
    kind === 'parameter' &&
      effect.args === undefined &&
      effect.target === undefined &&
      say('parameter changes nothing without `args` or `target`, such as { target: { id: x } }'),
  ];
};

const checks: readonly Check[] = [nowhere, strange, noRun, never, nothing];

/** Everything about it that can never be. */
export const senselessIn = (rule: CallRule): readonly Senseless[] => {
  const step = rule.step === undefined ? undefined : steps.get(rule.step);
  const found = checks.flatMap((check) => check(rule, step).filter((one) => one !== false));
  return found.length > 0 ? found : uncalled(rule, step).filter((one) => one !== false);
};
