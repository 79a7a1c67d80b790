/** A piece arrives as several: who takes one read for one message is found out. */
import type { Apply } from './toxic.ts';

export const slicer: Apply<'slicer'> = async (toxic, { chunk, atMs }, flow) => {
  const { averageBytes, variationBytes = 0, delayMs = 0 } = toxic;
  if (chunk === undefined) return flow.next({ atMs });
  for (let at = 0; at < chunk.length; ) {
    const more = Math.round(variationBytes * (2 * flow.fraction() - 1));
    const part = chunk.subarray(at, at + Math.max(1, averageBytes + more));
    if (at > 0) await flow.sleep(delayMs);
    await flow.next({ chunk: part, atMs });
    at += part.length;
  }
};
