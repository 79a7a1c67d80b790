/**
 * What a rule makes of a task attempt: a pure function of the rule, its seed and the attempt's
 * coordinates. How often a rule was used is counted elsewhere, in the order of dispatch.
 */
import type { CallRule, Effect, Phase } from '../../sdk/scenario/rule.ts';
import type { Injection, InjectionEffect } from './injection.ts';
import { fractionOf } from './prints.ts';

/** Where an attempt stands; a call outside runs has its request's id for a run. */
export interface Coordinates {
  readonly runId: string;
  readonly planId: string;
  readonly mode: string;
  readonly step: string;
  readonly workgroup: string;
  readonly direction: 'run' | 'undo';
  readonly attempt: number;
  readonly remoteId: string;
  readonly siteId: string;
  /** Phase → verbs that the attempt may call in it; absent: nobody knows. */
  readonly calls?: Readonly<Partial<Record<Phase, readonly string[]>>>;
  /** The targets that it would call, each with the names that a rule may give it. */
  readonly targets?: () => readonly { readonly id: string; readonly names: readonly string[] }[];
  /** It belongs to no run: it has a remote and verbs, and no place in any plan. */
  readonly outside?: true;
}

const scoped = [
  'runId',
  'planId',
  'mode',
  'step',
  'workgroup',
  'direction',
  'attempt',
  'remoteId',
  'siteId',
] as const satisfies readonly (keyof Coordinates & keyof CallRule)[];

/** What only tasks of runs have. */
const ofTasks = ['direction', 'attempt', 'phase', 'workgroup'] as const;

/** Phases that a rule is for that names none: the change; by a verb also the look ahead of it. */
export const phasesOf = ({ phase, verb }: CallRule): readonly Phase[] => {
  if (phase !== undefined) return [phase];
  return verb === undefined ? ['run', 'undo'] : ['before', 'run', 'undo'];
};

/** In one of the rule's phases it may call what the rule is for. */
const mayCall = (rule: CallRule, { calls }: Coordinates): boolean =>
  calls === undefined ||
  phasesOf(rule).some((phase) => {
    const verbs = calls[phase] ?? [];
    return rule.verb === undefined ? verbs.length > 0 : verbs.includes(rule.verb);
  });

/** Of the rule's targets those that the attempt would call, by the ids of its calls. */
const targetsOf = ({ targets }: CallRule, at: Coordinates): readonly string[] | undefined => {
  if (targets === undefined || at.targets === undefined) return targets;
  const wanted = new Set(targets);
  return at.targets().flatMap(({ id, names }) => (names.some((one) => wanted.has(one)) ? id : []));
};

export const inScope = (rule: CallRule, at: Coordinates): boolean =>
  scoped.every((field) => rule[field] === undefined || rule[field] === at[field]) &&
  (at.outside !== true || ofTasks.every((field) => rule[field] === undefined)) &&
  mayCall(rule, at) &&
  targetsOf(rule, at)?.length !== 0;

/** Uniform in [0, 1): of the rule's seed, the coordinates, the verb and the ordinal of its call. */
const chance = (seed: number, rule: CallRule, at: Coordinates, what: string): number => {
  const { runId, step, workgroup, direction, attempt } = at;
  const { name, verb = '', call = 0 } = rule;
  const coordinates = [name, runId, step, workgroup, direction, attempt, verb, call, what];
  return fractionOf(seed, coordinates.join('\n'));
};

/** Whether chance lets the rule be used for this attempt. */
export const isDrawn = (seed: number, rule: CallRule, at: Coordinates): boolean =>
  rule.probability === undefined || chance(seed, rule, at, 'draw') < rule.probability;

type Delay = Extract<Effect, { effect: 'delay' }>;

/** `fraction` twice, because a normal deviate takes two. */
const delayMsOf = (rule: Delay, fraction: (what: string) => number): number => {
  const { delayMs, jitterMs = 0, distribution = 'uniform' } = rule;
  const first = fraction('delay');
  if (distribution === 'exponential') return -Math.log(1 - first) * delayMs;
  if (distribution === 'uniform') return delayMs + jitterMs * (2 * first - 1);
  const radius = Math.sqrt(-2 * Math.log(1 - first));
  return delayMs + jitterMs * radius * Math.cos(2 * Math.PI * fraction('delay again'));
};

const effectOf = (effect: Effect, fraction: (what: string) => number): InjectionEffect =>
  effect.effect === 'delay'
    ? { effect: 'delay', delayMs: Math.max(0, Math.round(delayMsOf(effect, fraction))) }
    : effect;

/** The injection as it travels, with what chance had to say said. */
export const injectionFrom = (seed: number, rule: CallRule, at: Coordinates): Injection => {
  const { name, phase, verb, call } = rule;
  const targets = targetsOf(rule, at);
  return {
    ...effectOf(rule.effect, (what) => chance(seed, rule, at, what)),
    rule: name,
    ...(phase !== undefined && { phase }),
    ...(verb !== undefined && { verb }),
    ...(call !== undefined && { call }),
    ...(targets !== undefined && { targets }),
  };
};
