/**
 * A request of `call`, read from JSON: what the contract does not have is told with what it has,
 * for on the wire an unknown field or word would only be left out.
 */
import type { PackageDefinition } from '@grpc/proto-loader';
import { nearest } from '../../yaml/nearest.ts';
import { usageError } from '../exit.ts';

interface Field {
  /** As JSON has it. */
  readonly name: string;
  readonly type: string;
  readonly typeName: string;
  readonly label?: string;
}

interface Message {
  readonly name: string;
  readonly field: readonly Field[];
  readonly nestedType: readonly Message[];
  readonly options?: { readonly mapEntry?: boolean } | null;
}

/** A message as proto-loader describes it. */
export interface Described {
  readonly type: { readonly field: readonly Field[]; readonly nestedType: readonly Message[] };
}

type Type = Described['type'];

const parse = (json: string): object => {
  try {
    const value: unknown = JSON.parse(json);
    if (isFields(value)) return value;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw usageError(`the request is not JSON: ${why}`, `Give an object, such as '{}'.`);
  }
  throw usageError('the request is not a JSON object', `Give an object, such as '{}'.`);
};

const isFields = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const ours = 'siteswap.v1.';

class Reader {
  readonly #contract: PackageDefinition;

  constructor(contract: PackageDefinition) {
    this.#contract = contract;
  }

  /** Under the names of JSON; the contract's own names are taken too. */
  message({ field: fields, nestedType }: Type, given: object, path: string): object {
    const known = new Map<string, Field>();
    for (const field of fields) {
      known.set(field.name, field).set(field.name.replace(/[A-Z]/g, '_$&').toLowerCase(), field);
    }
    const read = Object.entries(given).map(([name, value]) => {
      const field = known.get(name);
      if (field === undefined) throw noField(`${path}${name}`, name, fields);
      // In JSON of protobuf that is the default.
      if (value === null) return [field.name, undefined] as const;
      return [field.name, this.#field(field, nestedType, value, `${path}${field.name}`)] as const;
    });
    return Object.fromEntries(read);
  }

  #field(field: Field, nested: Type['nestedType'], value: unknown, path: string): unknown {
    const entry = nested.find(({ name, options }) => name === field.typeName && options?.mapEntry);
    const of = entry?.field.find(({ name }) => name === 'value');
    if (of === undefined && field.label === 'LABEL_REPEATED') {
      if (!Array.isArray(value)) throw wrong(path, 'a list');
      return value.map((one, at) => this.#one(field, one, `${path}[${at}]`));
    }
    if (of === undefined) return this.#one(field, value, path);
    if (!isFields(value)) throw wrong(path, 'an object');
    const read = Object.entries(value).map(([key, one]) => [
      key,
      this.#one(of, one, `${path}[${key}]`),
    ]);
    return Object.fromEntries(read);
  }

  #one({ type, typeName }: Field, value: unknown, path: string): unknown {
    expectForm(type, value, path);
    const found = this.#contract[`${ours}${typeName}`] as { readonly type: unknown } | undefined;
    if (found === undefined) return value;
    if (type === 'TYPE_MESSAGE') {
      if (!isFields(value)) throw wrong(path, 'an object');
      return this.message(found.type as Type, value, `${path}.`);
    }
    if (type !== 'TYPE_ENUM' || typeof value !== 'string') return value;
    const words = (found.type as { value: readonly { name: string }[] }).value
      .map(({ name }) => name)
      .filter((name) => !name.endsWith('_UNSPECIFIED'));
    if (words.includes(value) || value.endsWith('_UNSPECIFIED')) return value;
    const meant = nearest(value, words);
    const hint = meant === undefined ? '' : `Did you mean ${meant}? `;
    throw usageError(`${path} cannot be ${value}`, `${hint}It is one of ${words.join(', ')}.`);
  }
}

const wrong = (path: string, form: string): Error =>
  usageError(`${path} must be ${form}`, 'Correct it in the request.');

/** Where protobufjs would make a number of a word, or wrap one that is negative. */
const expectForm = (type: string, value: unknown, path: string): void => {
  if (type === 'TYPE_STRING' && typeof value !== 'string') throw wrong(path, 'a text');
  if (type === 'TYPE_BOOL' && typeof value !== 'boolean') throw wrong(path, 'true or false');
  const isNumber = typeof value === 'number' && Number.isFinite(value);
  if (/DOUBLE|FLOAT/.test(type) && !isNumber) throw wrong(path, 'a number');
  // JSON of protobuf has integers of 64 bits as texts.
  if (!/INT/.test(type) || (/INT64/.test(type) && /^\d+$/.test(String(value)))) return;
  if (!isNumber || !Number.isInteger(value)) throw wrong(path, 'a whole number');
  if (/UINT/.test(type) && value < 0) throw wrong(path, 'a whole number of at least 0');
};

const noField = (path: string, name: string, fields: readonly Field[]): Error => {
  const names = fields.map((field) => field.name);
  const meant = nearest(name, names);
  const what = `the request has no field ${path}`;
  return usageError(
    what,
    meant === undefined ? `It has: ${names.join(', ')}.` : `Did you mean ${meant}?`,
  );
};

/** The request that a person wrote; throws with what is wrong in it. */
export const requestOf = (contract: PackageDefinition, { type }: Described, json: string): object =>
  new Reader(contract).message(type, parse(json), '');
