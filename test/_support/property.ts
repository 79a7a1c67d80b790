/**
 * Claims about any value of a kind. The seed is told first; `SEED=n` tries the same values again,
 * and what once was found is kept beside the claim as an example that is always tried.
 */
import type { ExecutionContext } from 'ava';
import fc from 'fast-check';

/** One for all claims of a process: any 31 bits. */
const drawn = Number(process.env.SEED ?? Date.now() % 2 ** 31);

export interface Trial<T> {
  readonly examples?: readonly T[];
  /** How many values are tried; fast-check's usual number otherwise. */
  readonly numRuns?: number;
  /** Values that once were found to break the claim. */
  readonly seed?: number;
}

export const holds = <T>(
  t: ExecutionContext,
  given: fc.Arbitrary<T>,
  claim: (value: T) => void,
  { examples = [], numRuns = 100, seed = drawn }: Trial<T> = {},
): void => {
  t.log(`seed ${seed}`);
  const property = fc.property(given, claim);
  fc.assert(property, { seed, numRuns, examples: examples.map((example) => [example]) });
};
