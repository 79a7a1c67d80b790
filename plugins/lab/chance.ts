/**
 * Chance without a generator: a draw is a pure function of what it is for, so that a second run of
 * the same seed meets the same latencies and faults whatever the order of the calls.
 */

/** FNV-1a with a final mix (of MurmurHash3); good enough to spread ids evenly. */
const hash = (text: string, seed: number): number => {
  let value = (seed ^ 0x811c9dc5) >>> 0;
  for (let at = 0; at < text.length; at++) {
    value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  }
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
};

/** A number in [0, 1) for the nth call of a verb on a target. */
export const draw = (seed: number, verb: string, targetId: string, ordinal: number): number =>
  hash(`${verb}\n${targetId}\n${ordinal}`, seed) / 0x1_0000_0000;

/** A short stable name, such as a boot id or a host identity, made of what it is for. */
export const nameOf = (seed: number, ...parts: readonly (string | number)[]): string => {
  const text = parts.join('\n');
  const hex = (value: number): string => value.toString(16).padStart(8, '0');
  return hex(hash(text, seed)) + hex(hash(text, seed + 1));
};
