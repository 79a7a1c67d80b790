/**
 * Fingerprints: what is left of ids and keys once everything else about them is forgotten. They
 * only have to tell, for ever and in a few bytes, that a text was there before.
 */

/** 53 bits of a text: all that a number of JSON holds. (cyrb53, public domain.) */
export const printOf = (text: string): number => {
  let low = 0xdeadbeef;
  let high = 0x41c6ce57;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    low = Math.imul(low ^ unit, 2_654_435_761);
    high = Math.imul(high ^ unit, 1_597_334_677);
  }
  low =
    Math.imul(low ^ (low >>> 16), 2_246_822_507) ^ Math.imul(high ^ (high >>> 13), 3_266_489_909);
  high =
    Math.imul(high ^ (high >>> 16), 2_246_822_507) ^ Math.imul(low ^ (low >>> 13), 3_266_489_909);
  return (high & 0x1fffff) * 2 ** 32 + (low >>> 0);
};

export const runPrint = (runId: string): number => printOf(`run\n${runId}`);
export const requestPrint = (request: string): number => printOf(`request\n${request}`);

/** Uniform in [0, 1): the same seed and coordinates, the same number, in any thread. */
export const fractionOf = (seed: number, coordinates: string): number =>
  printOf(`${seed}\n${coordinates}`) / 2 ** 53;
