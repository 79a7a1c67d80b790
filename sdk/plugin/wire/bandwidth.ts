/** Bytes go through in pieces of at most a tenth of a second, each paid for in time. */
import type { Apply } from './toxic.ts';

export const bandwidth: Apply<'bandwidth'> = async ({ bytesPerSecond }, { chunk, atMs }, flow) => {
  if (chunk === undefined) return flow.next({ atMs });
  const size = Math.max(1, Math.floor(bytesPerSecond / 10));
  for (let at = 0; at < chunk.length; at += size) {
    const part = chunk.subarray(at, at + size);
    await flow.sleep((part.length / bytesPerSecond) * 1_000);
    await flow.next({ chunk: part, atMs: flow.now() });
  }
};
