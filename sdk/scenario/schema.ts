/** The form of rules as people write them: in the daemon's configuration and in scenario files. */
import { z } from 'zod';
import { faultKinds, faultOwners } from '../plugin/fault.ts';
import type { Toxic } from '../plugin/wire/toxic.ts';
import {
  type CallRule,
  distributions,
  type Effect,
  phases,
  type Rule,
  ruleModes,
  rulesMax,
  type ToxicRule,
} from './rule.ts';

const targetsMax = 1_000;

/** As the contract carries whole numbers. */
const numberMax = 2 ** 32 - 1;
export const seedMax = numberMax;

/** Longest time for which injections are on: a year. Who wants more says that it has no end. */
export const onMinutesMax = 366 * 24 * 60;

/** A longer delay is a hang. */
const delayMsMax = 3_600_000;

/** Names and ids, as everywhere. */
const idLengthMax = 256;

const id = z.string().min(1).max(idLengthMax).describe(`text of 1 to ${idLengthMax} characters`);
const text = z.string().min(1).describe('text that is not empty');
const ms = z.int().min(0).max(delayMsMax);
const ordinal = z.int().min(1).max(numberMax);
const amount = z.int().min(0).max(numberMax);
/** Of none, a rule would be for nothing. */
const share = z.number().gt(0).max(1).describe('a number above 0, up to 1');
const facts = z.record(z.string(), z.unknown());

const fault = z.strictObject({
  kind: z.enum(faultKinds),
  owner: z.enum(faultOwners).default('array'),
  message: text.default('injected on purpose'),
  code: text.optional(),
  hint: text.optional(),
  members: z.array(text).max(targetsMax).optional(),
});

const effect = z.discriminatedUnion('effect', [
  z.strictObject({ effect: z.literal('error'), fault, after: z.boolean().optional() }),
  z.strictObject({ effect: z.literal('refuse') }),
  z.strictObject({
    effect: z.literal('delay'),
    delayMs: z.int().min(1).max(delayMsMax),
    jitterMs: ms.optional(),
    distribution: z.enum(distributions).optional(),
  }),
  z.strictObject({ effect: z.literal('hang') }),
  z.strictObject({ effect: z.literal('lost-reply') }),
  z.strictObject({ effect: z.literal('duplicate') }),
  z.strictObject({ effect: z.literal('stale-read') }),
  z.strictObject({ effect: z.literal('wrong-result'), set: facts.optional() }),
  z.strictObject({
    effect: z.literal('parameter'),
    args: facts.optional(),
    target: facts.optional(),
  }),
  z.strictObject({ effect: z.literal('fail-later'), fault }),
  z.strictObject({ effect: z.literal('partial'), done: amount, fault }),
  z.strictObject({ effect: z.literal('worker-crash'), after: z.boolean().default(false) }),
  z.strictObject({ effect: z.literal('worker-out-of-memory') }),
]);

const toxic = z.discriminatedUnion('toxic', [
  z.strictObject({ toxic: z.literal('latency'), latencyMs: ms, jitterMs: ms.optional() }),
  z.strictObject({ toxic: z.literal('bandwidth'), bytesPerSecond: ordinal }),
  z.strictObject({ toxic: z.literal('down') }),
  z.strictObject({ toxic: z.literal('timeout'), timeoutMs: ms }),
  z.strictObject({ toxic: z.literal('reset-peer'), timeoutMs: ms }),
  z.strictObject({ toxic: z.literal('slow-close'), delayMs: ms }),
  z.strictObject({
    toxic: z.literal('slicer'),
    averageBytes: ordinal,
    variationBytes: amount.optional(),
    delayMs: ms.optional(),
  }),
  z.strictObject({ toxic: z.literal('limit-data'), bytes: amount }),
]);

const until = z.iso
  .datetime()
  .transform((written) => Date.parse(written))
  .optional()
  .describe('a moment such as 2026-11-27T10:00:00Z');

/** Fields that are not given are left out, as the engine's types want them. */
const without = <T>(given: T): T => {
  if (Array.isArray(given)) return given.map(without) as T;
  if (typeof given !== 'object' || given === null) return given;
  const left = Object.entries(given).filter(([, value]) => value !== undefined);
  return Object.fromEntries(left.map(([name, value]) => [name, without(value)])) as T;
};

export const callRuleSchema = z
  .strictObject({
    name: id,
    site: id.optional(),
    remote: id.optional(),
    plan: id.optional(),
    run: id.optional(),
    mode: z.enum(ruleModes).optional(),
    step: text.optional(),
    workgroup: text.optional(),
    direction: z.enum(['run', 'undo']).optional(),
    attempt: ordinal.optional(),
    phase: z.enum(phases).optional(),
    verb: text.optional(),
    call: ordinal.optional(),
    targets: z.array(text).min(1).max(targetsMax).optional(),
    nth: ordinal.optional(),
    probability: share.optional(),
    budget: ordinal.optional(),
    until,
    effect: effect.describe(
      'a mapping such as { effect: lost-reply }; effects: error (with fault, after), refuse, ' +
        'delay (delayMs, jitterMs, distribution), hang, lost-reply, duplicate, stale-read, ' +
        'wrong-result (set), parameter (args, target), fail-later (fault), partial (done, ' +
        'fault), worker-crash (after), worker-out-of-memory',
    ),
  })
  .transform(({ site, remote, plan, run, until: untilMs, effect: wanted, ...rule }) => {
    const ids = { siteId: site, remoteId: remote, planId: plan, runId: run, untilMs };
    return without({ ...rule, ...ids, effect: wanted as Effect }) as CallRule;
  });

export const toxicRuleSchema = z
  .strictObject({
    name: id,
    site: id.optional(),
    remote: id.optional(),
    until,
    stream: z.enum(['upstream', 'downstream']).default('downstream'),
    toxicity: share.default(1),
    toxic: toxic.describe('a mapping such as { toxic: latency, latencyMs: 100 }'),
  })
  .transform(({ site, remote, until: untilMs, toxic: wanted, ...rule }) => {
    const ids = { siteId: site, remoteId: remote, untilMs };
    return without({ ...rule, ...ids, toxic: wanted as Toxic }) as ToxicRule;
  });

/** Which of the two it is shows by the field that only one of them has. */
export const ruleSchema = z.union([callRuleSchema, toxicRuleSchema]);

export interface Scenario {
  readonly name: string;
  readonly about: string;
  readonly seed: number;
  readonly rules: readonly Rule[];
}

export const scenarioSchema = z.strictObject({
  name: id,
  about: z.string().default(''),
  seed: z.int().min(0).max(seedMax).default(1),
  rules: z.array(ruleSchema).min(1).max(rulesMax),
});
