/**
 * Says in plain words what a schema expects, and which schema stands at a path: a reader of a plan
 * or configuration file must learn the right form from the message alone.
 */
import type { z } from 'zod';

type Schema = z.core.$ZodType;
type Definition = {
  readonly type: string;
  readonly innerType?: Schema;
  readonly in?: Schema;
  readonly getter?: () => Schema;
  readonly shape?: Readonly<Record<string, Schema>>;
  readonly element?: Schema;
  readonly valueType?: Schema;
  readonly keyType?: Schema;
  readonly options?: readonly Schema[];
  readonly discriminator?: string;
  readonly entries?: Readonly<Record<string, string | number>>;
  readonly values?: readonly unknown[];
};

const definitionOf = (schema: Schema): Definition => schema._zod.def as unknown as Definition;
const describedAs = (schema: Schema): string | undefined =>
  (schema as Partial<z.ZodType>).description;

/** Through optional, default, pipe and lazy, down to what an author writes. */
const unwrap = (schema: Schema): Schema => {
  const { innerType, in: input, getter } = definitionOf(schema);
  const inner = innerType ?? input ?? getter?.();
  return inner === undefined || describedAs(schema) !== undefined ? schema : unwrap(inner);
};

const through = (schema: Schema): Schema => {
  const { innerType, in: input, getter } = definitionOf(schema);
  const inner = innerType ?? input ?? getter?.();
  return inner === undefined ? schema : through(inner);
};

const numberWords = (schema: Schema): string => {
  const { minValue, maxValue, format } = schema as Partial<z.ZodNumber>;
  const kind = format === 'safeint' ? 'a whole number' : 'a number';
  const bounded = (bound: number | null | undefined): bound is number =>
    typeof bound === 'number' && Math.abs(bound) < Number.MAX_SAFE_INTEGER;
  if (bounded(minValue) && bounded(maxValue)) return `${kind} from ${minValue} to ${maxValue}`;
  if (bounded(minValue)) return `${kind} of at least ${minValue}`;
  return bounded(maxValue) ? `${kind} of at most ${maxValue}` : kind;
};

/** One phrase for what `schema` takes; its own `.describe('…')` wins. */
export const expectedOf = (given: Schema): string => {
  const schema = unwrap(given);
  const described = describedAs(schema);
  if (described !== undefined) return described;
  const definition = definitionOf(schema);
  switch (definition.type) {
    case 'string':
      return 'text';
    case 'number':
      return numberWords(schema);
    case 'boolean':
      return 'true or false';
    case 'enum':
      return `one of ${Object.values(definition.entries ?? {}).join(', ')}`;
    case 'literal':
      return (definition.values ?? []).map(String).join(' or ');
    case 'array':
      return `a list, each ${definition.element ? expectedOf(definition.element) : 'value'}`;
    case 'record':
      return 'a mapping';
    case 'object':
      return `a mapping with ${Object.keys(definition.shape ?? {}).join(', ')}`;
    case 'union':
      return [...new Set((definition.options ?? []).map(expectedOf))].join('; or ');
    default:
      return definition.type;
  }
};

type Key = PropertyKey;

const step = (given: Schema, key: Key): readonly Schema[] => {
  const definition = definitionOf(through(given));
  switch (definition.type) {
    case 'object': {
      const child = definition.shape?.[String(key)];
      return child === undefined ? [] : [child];
    }
    case 'array':
      return definition.element === undefined ? [] : [definition.element];
    case 'record':
      return definition.valueType === undefined ? [] : [definition.valueType];
    case 'union':
      return (definition.options ?? []).flatMap((option) => step(option, key));
    default:
      return [];
  }
};

/** The schemas that may stand at `path` (several below a union). */
export const schemasAt = (schema: Schema, path: readonly Key[]): readonly Schema[] =>
  path.reduce<readonly Schema[]>(
    (found, key) => found.flatMap((candidate) => step(candidate, key)),
    [schema],
  );

const keysOf = (definition: Definition): readonly string[] => {
  if (definition.type === 'record' && definition.keyType !== undefined) {
    const { entries } = definitionOf(through(definition.keyType));
    return Object.values(entries ?? {}).map(String);
  }
  return Object.keys(definition.shape ?? {});
};

/** The keys that a mapping at this schema may have, form by form. */
export const formsOf = (given: Schema): readonly (readonly string[])[] => {
  const definition = definitionOf(through(given));
  return definition.type === 'union'
    ? (definition.options ?? []).flatMap(formsOf)
    : [keysOf(definition)];
};

/** The words that a value at this schema may be. */
export const wordsOf = (given: Schema): readonly string[] => {
  const definition = definitionOf(through(given));
  if (definition.type === 'union') return (definition.options ?? []).flatMap(wordsOf);
  return [...Object.values(definition.entries ?? {}), ...(definition.values ?? [])].map(String);
};

/** A form of a mapping that is said by a word at one key. */
interface FormByWord {
  readonly key: string;
  readonly word: string;
  readonly keys: readonly string[];
}

/** Of a mapping whose forms differ by what stands at one key, the form that `value` says. */
export const formByWord = (given: Schema, value: unknown): FormByWord | undefined => {
  const { discriminator: key, options = [] } = definitionOf(through(given));
  if (key === undefined || typeof value !== 'object' || value === null) return undefined;
  const word = String((value as Record<string, unknown>)[key]);
  const option = options.find((one) => step(one, key).flatMap(wordsOf).includes(word));
  return option && { key, word, keys: formsOf(option).flat() };
};
