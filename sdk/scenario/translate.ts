/**
 * Rules between their three forms: as the contract carries them, as people write them, and as the
 * engine knows them. What comes from outside is checked by the schema, whichever way it came.
 */
import { Fault as FaultMessage } from '../../proto/gen/siteswap/v1/common.ts';
import { InjectionRule as RuleMessage } from '../../proto/gen/siteswap/v1/injection.ts';
import type { Fault } from '../plugin/fault.ts';
import type { Toxic } from '../plugin/wire/toxic.ts';
import { pathText, toldOf } from '../yaml/issues.ts';
import { type CallRule, type Effect, isToxicRule, type Rule, type ToxicRule } from './rule.ts';
import { callRuleSchema, toxicRuleSchema } from './schema.ts';

type Form = Record<string, unknown>;

/** An enum's value as a word; undefined for "unspecified". A number that is none has no prefix. */
const word = (prefix: string, value: string): string | undefined => {
  if (value === `${prefix}_UNSPECIFIED`) return undefined;
  const name = value.startsWith(`${prefix}_`) ? value.slice(prefix.length + 1) : value;
  return name.toLowerCase().replaceAll('_', '-');
};

const enumOf = (prefix: string, said: string | undefined): string =>
  `${prefix}_${(said ?? 'unspecified').toUpperCase().replaceAll('-', '_')}`;

const text = (value: string): string | undefined => (value === '' ? undefined : value);
const count = (value: number): number | undefined => (value === 0 ? undefined : value);
const list = <T>(values: readonly T[]): readonly T[] | undefined =>
  values.length === 0 ? undefined : values;

const faultForm = (fault: FaultMessage | undefined): Form | undefined =>
  fault && {
    kind: word('FAULT_KIND', fault.kind),
    owner: word('FAULT_OWNER', fault.owner),
    message: text(fault.message),
    code: text(fault.code),
    hint: text(fault.hint),
    members: list(fault.members),
  };

/** Effect or toxic → the fields that are its own, of all that a message has. */
const fieldsOf: Readonly<Record<string, readonly string[]>> = {
  error: ['fault', 'after'],
  delay: ['delayMs', 'jitterMs', 'distribution'],
  'wrong-result': ['set'],
  parameter: ['args', 'target'],
  'fail-later': ['fault'],
  partial: ['done', 'fault'],
  'worker-crash': ['after'],
  latency: ['latencyMs', 'jitterMs'],
  bandwidth: ['bytesPerSecond'],
  timeout: ['timeoutMs'],
  'reset-peer': ['timeoutMs'],
  'slow-close': ['delayMs'],
  slicer: ['averageBytes', 'variationBytes', 'delayMs'],
  'limit-data': ['bytes'],
};

const own = (name: string | undefined, all: Form): Form =>
  Object.fromEntries((fieldsOf[name ?? ''] ?? []).map((field) => [field, all[field]]));

const effectForm = (effect: NonNullable<RuleMessage['effect']>): Form => {
  const name = word('INJECTION_EFFECT_TYPE', effect.type);
  const all = {
    ...effect,
    fault: faultForm(effect.fault),
    after: effect.after || undefined,
    jitterMs: count(effect.jitterMs),
    distribution: word('DELAY_DISTRIBUTION', effect.distribution),
  };
  return { effect: name, ...own(name, all) };
};

const toxicForm = (toxic: NonNullable<RuleMessage['toxic']>): Form => {
  const name = word('TOXIC_TYPE', toxic.type);
  const all = {
    ...toxic,
    jitterMs: count(toxic.jitterMs),
    bytesPerSecond: toxic.bytes,
    averageBytes: toxic.bytes,
    variationBytes: count(toxic.variationBytes),
  };
  return { toxic: name, ...own(name, all) };
};

/** What a message says, in the form in which people write it; not checked. */
const formOfMessage = (rule: RuleMessage): Form => ({
  name: rule.name,
  site: text(rule.siteId),
  remote: text(rule.remoteId),
  plan: text(rule.planId),
  run: text(rule.runId),
  mode: word('MODE', rule.mode),
  step: text(rule.step),
  workgroup: text(rule.workgroup),
  direction: word('TASK_DIRECTION', rule.direction),
  attempt: count(rule.attempt),
  phase: word('INJECTION_PHASE', rule.phase),
  verb: text(rule.verb),
  call: count(rule.call),
  targets: list(rule.targets),
  nth: count(rule.nth),
  probability: rule.probability,
  budget: count(rule.budget),
  until: rule.until?.toISOString(),
  ...(rule.effect && { effect: effectForm(rule.effect) }),
  ...(rule.toxic && {
    toxic: toxicForm(rule.toxic),
    stream: word('WIRE_STREAM', rule.toxic.stream),
    toxicity: rule.toxic.toxicity,
  }),
});

const left = <T>(given: T): T => JSON.parse(JSON.stringify(given)) as T;

export interface Problem {
  /** A path into the rule. */
  readonly field: string;
  readonly message: string;
}

/** The rule that a form or a message says, or everything that is wrong with it. */
const checked = (form: Form): { readonly rule: Rule } | { readonly problems: Problem[] } => {
  const schema = 'toxic' in form ? toxicRuleSchema : callRuleSchema;
  const root = left(form);
  const read = schema.safeParse(root);
  if (read.success) return { rule: read.data };
  const problems = read.error.issues
    .flatMap((issue) => toldOf(issue, { schema, root }))
    .map(({ path, key, message, expected }) => ({
      field: pathText(key === undefined ? path : [...path, key]),
      message: expected === '' ? message : `${message}: expected ${expected}`,
    }));
  return { problems };
};

export const ruleFrom = (message: RuleMessage) => checked(formOfMessage(message));

const faultMessage = (fault: Fault): FaultMessage =>
  FaultMessage.fromPartial({
    ...fault,
    kind: enumOf('FAULT_KIND', fault.kind) as FaultMessage['kind'],
    owner: enumOf('FAULT_OWNER', fault.owner) as FaultMessage['owner'],
    members: [...(fault.members ?? [])],
  });

const effectMessage = (effect: Effect): Form => {
  const { effect: name, ...fields } = effect as Effect & {
    readonly fault?: Fault;
    readonly distribution?: string;
  };
  return {
    ...fields,
    type: enumOf('INJECTION_EFFECT_TYPE', name),
    ...(fields.fault && { fault: faultMessage(fields.fault) }),
    distribution: enumOf('DELAY_DISTRIBUTION', fields.distribution),
  };
};

const toxicMessage = ({ toxic, stream, toxicity }: ToxicRule): Form => {
  const fields = toxic as Toxic & {
    readonly bytes?: number;
    readonly bytesPerSecond?: number;
    readonly averageBytes?: number;
  };
  return {
    ...fields,
    type: enumOf('TOXIC_TYPE', toxic.toxic),
    bytes: fields.bytes ?? fields.bytesPerSecond ?? fields.averageBytes ?? 0,
    stream: enumOf('WIRE_STREAM', stream),
    toxicity,
  };
};

export const ruleMessage = (rule: Rule): RuleMessage => {
  const until = rule.untilMs === undefined ? undefined : new Date(rule.untilMs);
  if (isToxicRule(rule)) {
    const { name, siteId = '', remoteId = '' } = rule;
    return RuleMessage.fromPartial({ name, siteId, remoteId, until, toxic: toxicMessage(rule) });
  }
  return RuleMessage.fromPartial({
    ...rule,
    until,
    mode: enumOf('MODE', rule.mode) as RuleMessage['mode'],
    direction: enumOf('TASK_DIRECTION', rule.direction) as RuleMessage['direction'],
    phase: enumOf('INJECTION_PHASE', rule.phase) as RuleMessage['phase'],
    targets: [...(rule.targets ?? [])],
    effect: effectMessage(rule.effect),
  });
};

/** A rule as people write it. */
export const formOf = (rule: CallRule | ToxicRule): Form => {
  const { name, siteId, remoteId, untilMs, ...more } = rule;
  const { planId, runId, ...rest } = more as Partial<CallRule>;
  const until = untilMs === undefined ? undefined : new Date(untilMs).toISOString();
  return left({ name, site: siteId, remote: remoteId, plan: planId, run: runId, until, ...rest });
};
