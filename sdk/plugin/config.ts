/**
 * Configuration fields for plugins. Schemas are zod's; only `secret` is ours, because a secret must
 * be impossible to print by accident.
 */
import { isAbsolute } from 'node:path';
import { z } from 'zod';

/** Marks a Secret also when plugin and daemon carry two copies of this kit. */
const brand = Symbol.for('siteswap.secret');

/** Holds a secret so that logs, JSON and string conversion show `[secret]`. */
export class Secret {
  readonly [brand] = true;
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value in clear: pass it to the remote, keep it nowhere. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[secret]';
  }
}

/** True for a Secret of this or of another copy of the kit. */
export const isSecret = (value: unknown): value is Secret =>
  typeof value === 'object' && value !== null && brand in value;

/** A text field. */
export const text = (): z.ZodString => z.string().min(1);

/** The path of a file or directory, whole: a plugin is not told where its configuration stands. */
export const path = (): z.ZodString =>
  text().refine(isAbsolute, 'write the whole path, from / on: it is relative to nothing');

/** A secret field: given as text, arrives as a `Secret`. */
export const secret = () =>
  z
    .string()
    .min(1)
    .transform((value) => new Secret(value))
    .describe('a secret: { env: NAME }, { file: PATH }, or text');

export { z };
