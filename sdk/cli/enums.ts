/**
 * The contract's enum names as the words of the glossary, and back: `RUN_STATUS_ROLLING_BACK` is
 * `rolling-back` wherever a person reads or types it.
 */

/** An enum of the generated code. */
export interface EnumObject {
  readonly UNSPECIFIED: string;
  readonly UNRECOGNIZED: string;
  readonly [name: string]: string;
}

const prefixOf = (names: EnumObject): string => names.UNSPECIFIED.slice(0, -'UNSPECIFIED'.length);

/** The word for a value; empty for "unspecified". */
export const wordOf = (names: EnumObject, value: string): string =>
  value === names.UNSPECIFIED
    ? ''
    : value.slice(prefixOf(names).length).toLowerCase().replaceAll('_', '-');

/** Whose a failure is: the contract's `array` stands for a compute too (decision 0055). */
export const ownerWords = (word: string): string => (word === 'array' ? 'array or compute' : word);

/** Every word of an enum, in the contract's order. */
export const wordsOf = (names: EnumObject): readonly string[] =>
  Object.values(names)
    .filter((value) => value !== names.UNSPECIFIED && value !== names.UNRECOGNIZED)
    .map((value) => wordOf(names, value));

/** The value for a word, or undefined when it is none of this enum's. */
export const fromWord = <E extends EnumObject>(names: E, word: string): E[keyof E] | undefined => {
  const value = `${prefixOf(names)}${word.toUpperCase().replaceAll('-', '_')}`;
  return wordsOf(names).includes(word) ? (value as E[keyof E]) : undefined;
};
