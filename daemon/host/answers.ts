/**
 * Believes a plugin's answers only after checking them: one for each target, by its id, in shape.
 * What is nonsense becomes a fault of exactly the targets concerned; their neighbours keep theirs.
 */
import type { Page, PageRequest } from '../../sdk/plugin/model.ts';
import type {
  Answer,
  Evidence,
  ListingVerb,
  OperationStatus,
  Settlement,
  TargetVerb,
  ValueAnswer,
} from '../../sdk/plugin/verbs.ts';
import { badAnswer, parseFault } from './faults.ts';
import { evidenceFactsMax, evidenceTextMax, operationTextMax, revisionTextMax } from './limits.ts';
import type { PackedDevices } from './packed.ts';
import { plainDatastore, plainDevice, plainVm, plainVmStatus } from './plain.ts';
import type { Scrubber } from './scrub.ts';
import { firstProblem, itemShapes, valueShapes } from './shapes.ts';

/** Answers with a value stand beside the plain ones: which of them is right depends on the verb. */
export type AnyAnswer = Answer | ValueAnswer<unknown>;

interface Named {
  readonly id: string;
}
type Fields = Readonly<Record<string, unknown>>;

/** A checked answer, or in words what is wrong with it. */
type Parsed<T> = T | string;

interface Rules<T> {
  readonly parse: (id: string, raw: Fields) => Parsed<T>;
  /** What a target gets whose answer is nonsense. */
  readonly bad: (id: string, why: string) => T;
}

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null;
const idOf = (raw: unknown): unknown => (isFields(raw) ? raw.id : undefined);

const one = <T>(rules: Rules<T>, id: string, raw: unknown): T => {
  if (!isFields(raw)) return rules.bad(id, 'gave no answer for it');
  const parsed = rules.parse(id, raw);
  return typeof parsed === 'string' ? rules.bad(id, `answered ${parsed}`) : parsed;
};

/** One checked answer for each target, in the order of the targets. */
const each = <T>(targets: readonly Named[], raw: unknown, rules: Rules<T>): readonly T[] => {
  if (!Array.isArray(raw)) {
    const why = `answered ${raw === null ? 'null' : typeof raw} instead of a list`;
    return targets.map(({ id }) => rules.bad(id, why));
  }
  const inOrder =
    raw.length === targets.length && targets.every(({ id }, at) => idOf(raw[at]) === id);
  if (inOrder) return targets.map(({ id }, at) => one(rules, id, raw[at]));
  const byId = new Map<unknown, unknown>();
  const twice = new Set<unknown>();
  for (const answer of raw) {
    const id = idOf(answer);
    if (byId.has(id)) twice.add(id);
    byId.set(id, answer);
  }
  return targets.map(({ id }) =>
    twice.has(id) ? rules.bad(id, 'answered it twice') : one(rules, id, byId.get(id)),
  );
};

const isFlat = (fact: unknown): fact is boolean | string | number =>
  typeof fact === 'boolean' || typeof fact === 'string' || Number.isFinite(fact);

/** Small flat facts, scrubbed; a text when they are not. */
const parseEvidence = (raw: unknown, scrub: Scrubber): Parsed<{ evidence?: Evidence }> => {
  if (raw === undefined) return {};
  if (!isFields(raw) || Array.isArray(raw)) return 'evidence that is not an object';
  const facts: Record<string, boolean | string | number> = {};
  let count = 0;
  for (const name of Object.keys(raw)) {
    const fact = raw[name];
    if (fact === undefined) continue;
    count += 1;
    if (count > evidenceFactsMax) return `more than ${evidenceFactsMax} facts of evidence`;
    if (!isFlat(fact)) return `evidence '${name}' that is not a text, a finite number or a boolean`;
    if (typeof fact === 'string' && fact.length > evidenceTextMax) {
      return `evidence '${name}' of more than ${evidenceTextMax} characters`;
    }
    facts[name] = fact;
  }
  return count === 0 ? {} : { evidence: scrub.evidence(facts) };
};

const parseValue = (
  verb: TargetVerb,
  id: string,
  raw: unknown,
  scrub: Scrubber,
): Parsed<AnyAnswer> => {
  const plain = verb === 'vmStatus' ? plainVmStatus(raw) : undefined;
  if (plain !== undefined) return { id, value: plain };
  const shape = valueShapes[verb];
  if (shape === undefined) return 'a value, where success or a fault was expected';
  const read = shape.safeParse(raw);
  return read.success
    ? { id, value: scrub.value(read.data) }
    : `a value of a wrong shape: ${firstProblem(read.error)}`;
};

const forms = ['ok', 'fault', 'accepted', 'value'] as const;

/** Undefined: none of them, or several. */
const formOf = (raw: Fields): (typeof forms)[number] | undefined => {
  let found: (typeof forms)[number] | undefined;
  for (const form of forms) {
    if (raw[form] === undefined) continue;
    if (found !== undefined) return undefined;
    found = form;
  }
  return found;
};

/** One answer of a verb: exactly one of its forms, and the right one for the verb. */
const parseAnswer =
  (verb: TargetVerb, scrub: Scrubber, polls: boolean) =>
  (id: string, raw: Fields): Parsed<AnyAnswer> => {
    const form = formOf(raw);
    if (form === undefined) {
      const given = forms.filter((one) => raw[one] !== undefined);
      return `${given.join(' and ') || 'none'} of ${forms.join(', ')}, where one was expected`;
    }
    if (form === 'fault') {
      const fault = parseFault(raw.fault);
      return fault === undefined ? 'a malformed fault' : { id, fault: scrub.fault(fault) };
    }
    if (form === 'value') return parseValue(verb, id, raw.value, scrub);
    if (valueShapes[verb] !== undefined) return `${form}, where a value or a fault was expected`;
    if (form === 'accepted') {
      const operation = isFields(raw.accepted) ? raw.accepted.operation : undefined;
      if (typeof operation !== 'string' || operation === '') return 'accepted without an operation';
      if (operation.length > operationTextMax) return 'accepted with an oversized operation';
      if (scrub.text(operation) !== operation) return 'accepted with a secret in the operation';
      if (!polls) return 'accepted, but the plugin has no operationStatus';
      return { id, accepted: { operation } };
    }
    if (raw.ok !== true) return 'ok that is not true';
    const evidence = parseEvidence(raw.evidence, scrub);
    return typeof evidence === 'string' ? evidence : { id, ok: true, ...evidence };
  };

export const checkAnswers = (
  verb: TargetVerb,
  targets: readonly Named[],
  raw: unknown,
  scrub: Scrubber,
  polls: boolean,
): readonly AnyAnswer[] =>
  each<AnyAnswer>(targets, raw, {
    parse: parseAnswer(verb, scrub, polls),
    bad: (id, why) => ({ id, fault: badAnswer(`${verb} of ${id}: the plugin ${why}`) }),
  });

export const checkSettlements = (
  verb: TargetVerb,
  targets: readonly Named[],
  raw: unknown,
  scrub: Scrubber,
): readonly Settlement[] =>
  each<Settlement>(targets, raw, {
    parse: (id, settlement) => {
      const { verdict, why } = settlement;
      if (verdict === 'absent' || verdict === 'running') return { id, verdict };
      if (verdict === 'unknowable') {
        return typeof why === 'string'
          ? { id, verdict, why: scrub.text(why) }
          : 'unknowable without saying why';
      }
      if (verdict !== 'done') return 'a verdict that is none';
      const evidence = parseEvidence(settlement.evidence, scrub);
      return typeof evidence === 'string' ? evidence : { id, verdict, ...evidence };
    },
    bad: (id, why) => ({
      id,
      verdict: 'unknowable',
      why: `asked what became of ${verb} of ${id}, the plugin ${why}`,
    }),
  });

export const checkStatuses = (
  verb: TargetVerb,
  targets: readonly Named[],
  raw: unknown,
  scrub: Scrubber,
): readonly OperationStatus[] =>
  each<OperationStatus>(targets, raw, {
    parse: (id, status) => {
      const { state, progress } = status;
      if (state === 'running') {
        const known = typeof progress === 'number' && progress >= 0 && progress <= 1;
        return known ? { id, state, progress } : { id, state };
      }
      if (state === 'failed') {
        const fault = parseFault(status.fault);
        return fault === undefined ? 'a malformed fault' : { id, state, fault: scrub.fault(fault) };
      }
      if (state !== 'done') return 'a state that is none';
      const evidence = parseEvidence(status.evidence, scrub);
      return typeof evidence === 'string' ? evidence : { id, state, ...evidence };
    },
    bad: (id, why) => ({
      id,
      state: 'failed',
      fault: badAnswer(`polling ${verb} of ${id}: the plugin ${why}`),
    }),
  });

/** Verb → a quick way to a clean copy of an item that is surely well-formed. */
const plainItems: { readonly [V in ListingVerb]?: (raw: unknown) => unknown } = {
  discoverDevices: plainDevice,
  listVms: plainVm,
  listDatastores: plainDatastore,
};

/** What a page says of the whole list. */
const parseRevision = (
  raw: Fields,
  { token, since }: PageRequest,
): Parsed<Partial<Page<never>>> => {
  const { revision, unchanged } = raw;
  if (unchanged !== undefined && (unchanged !== true || since === undefined)) {
    return 'unchanged, which it was not asked';
  }
  if (revision === undefined || token !== undefined) return unchanged ? { unchanged } : {};
  if (typeof revision !== 'string' || revision === '') return 'a malformed revision';
  if (revision.length > revisionTextMax) return 'an oversized revision';
  return unchanged ? { unchanged } : { revision };
};

/** One page of a listing; of devices that are wanted as bytes, these and no items. */
export interface CheckedPage extends Page<unknown> {
  readonly packed?: PackedDevices;
}

/** One page of a listing, or in words what is wrong with it: a page is believed whole or not. */
export const checkPage = (
  verb: ListingVerb,
  raw: unknown,
  page: PageRequest,
  pack?: (items: readonly unknown[]) => PackedDevices | undefined,
): CheckedPage | string => {
  const { sizeMax } = page;
  if (!isFields(raw) || !Array.isArray(raw.items)) return 'a page without a list of items';
  if (raw.items.length > sizeMax) return `${raw.items.length} items where ${sizeMax} were asked`;
  const told = parseRevision(raw, page);
  if (typeof told === 'string') return told;
  const { next } = raw;
  if (next !== undefined && (typeof next !== 'string' || next === '')) return 'a malformed next';
  if (told.unchanged) {
    const more = raw.items.length > 0 || next !== undefined;
    return more ? 'unchanged, and items' : { items: [], unchanged: true };
  }
  const further = next === undefined ? told : { ...told, next };
  const packed = pack?.(raw.items);
  if (packed !== undefined) return { items: [], packed, ...further };
  const items: unknown[] = [];
  const plain = plainItems[verb];
  for (const item of raw.items) {
    const clean = plain?.(item);
    if (clean !== undefined) items.push(clean);
    else {
      const read = itemShapes[verb].safeParse(item);
      if (!read.success) return `item ${items.length} wrong: ${firstProblem(read.error)}`;
      items.push(read.data);
    }
  }
  return { items, ...further };
};
