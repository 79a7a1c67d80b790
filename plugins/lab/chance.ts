/**
 * Chance without a generator: a draw is a pure function of what it is for, so that a second run of
 * the same seed meets the same latencies and faults whatever the order of the calls.
 */

const begin = (seed: number): number => (seed ^ 0x811c9dc5) >>> 0;

/** FNV-1a, one more text. */
const take = (value: number, text: string): number => {
  let next = value;
  for (let at = 0; at < text.length; at++) next = Math.imul(next ^ text.charCodeAt(at), 0x01000193);
  return next;
};

/** The final mix of MurmurHash3; with it FNV is good enough to spread ids evenly. */
const end = (value: number): number => {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
};

const hash = (text: string, seed: number): number => end(take(begin(seed), text));

/** Draws of one verb: a number in [0, 1) for the nth call on a target. */
export const drawer = (seed: number, verb: string) => {
  const begun = take(begin(seed), `${verb}\n`);
  return (targetId: string, ordinal: number): number =>
    end(take(take(begun, targetId), `\n${ordinal}`)) / 0x1_0000_0000;
};

/** A short stable name, such as a boot id or a host identity, made of what it is for. */
export const nameOf = (seed: number, ...parts: readonly (string | number)[]): string => {
  const text = parts.join('\n');
  const hex = (value: number): string => value.toString(16).padStart(8, '0');
  return hex(hash(text, seed)) + hex(hash(text, seed + 1));
};
