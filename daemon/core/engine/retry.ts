/**
 * When to try again: exponential growth with full jitter over the upper half, so that many items
 * that failed together do not come back together. The jitter is a pure function of the task's
 * coordinates: replaying a run gives the same delays.
 */

/** FNV-1a over text, as a fraction in [0, 1). */
export const fractionOf = (text: string): number => {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  return (hash >>> 0) / 2 ** 32;
};

/** Doublings after which any delay of 1 ms is beyond the largest that a policy may have (a day). */
const doublingsMax = 30;

/** Delay before try `tries + 1`, in milliseconds, within [delayMsMin, delayMsMax]. */
export const retryDelayMs = (
  tries: number,
  bounds: { readonly delayMsMin: number; readonly delayMsMax: number },
  coordinates: string,
): number => {
  const doublings = Math.min(Math.max(0, tries - 1), doublingsMax);
  const ceiling = Math.min(bounds.delayMsMax, bounds.delayMsMin * 2 ** doublings);
  const jittered = ceiling * (0.5 + 0.5 * fractionOf(`${coordinates}/${tries}`));
  return Math.round(Math.max(bounds.delayMsMin, jittered));
};
