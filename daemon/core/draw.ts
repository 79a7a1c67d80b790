/**
 * What a rule makes of a task attempt: a pure function of the rule, its seed and the attempt's
 * coordinates. How often a rule was used is counted elsewhere, in the order of dispatch.
 */
import type { CallRule, Effect } from '../../sdk/scenario/rule.ts';
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
  /** What the attempt may call; absent: nobody knows. */
  readonly verbs?: readonly string[];
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

export const inScope = (rule: CallRule, at: Coordinates): boolean =>
  (rule.verb === undefined || at.verbs === undefined || at.verbs.includes(rule.verb)) &&
  scoped.every((field) => rule[field] === undefined || rule[field] === at[field]);

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
  const { name, phase, verb, call, targets } = rule;
  return {
    ...effectOf(rule.effect, (what) => chance(seed, rule, at, what)),
    rule: name,
    ...(phase !== undefined && { phase }),
    ...(verb !== undefined && { verb }),
    ...(call !== undefined && { call }),
    ...(targets !== undefined && { targets }),
  };
};
