/**
 * Core words ↔ enum values of the contract. They differ only in spelling (`rolling-back` and
 * `RUN_STATUS_ROLLING_BACK`), and the types hold them together: a word that the contract does not
 * know does not compile.
 */

type Spelled<W extends string> = W extends `${infer Head}-${infer Tail}`
  ? `${Uppercase<Head>}_${Spelled<Tail>}`
  : Uppercase<W>;

export interface Words<P extends string, W extends string> {
  /** Word → enum value. */
  readonly encode: (word: W) => `${P}_${Spelled<W>}`;
  /** Enum value → word; undefined for `UNSPECIFIED` and for values that we do not know. */
  readonly decode: (value: string) => W | undefined;
}

/** `prefix`: the enum's name in capitals. */
export const words = <P extends string, W extends string>(
  prefix: P,
  list: readonly W[],
): Words<P, W> => {
  const values = new Map<W, string>();
  const byValue = new Map<string, W>();
  for (const word of list) {
    const value = `${prefix}_${word.toUpperCase().replaceAll('-', '_')}`;
    values.set(word, value);
    byValue.set(value, word);
  }
  return {
    encode: (word) => values.get(word) as `${P}_${Spelled<W>}`,
    decode: (value) => byValue.get(value),
  };
};
