/** Bytes pass; the end of the stream is heard of later. */
import type { Apply } from './toxic.ts';

export const slowClose: Apply<'slow-close'> = async ({ delayMs }, piece, flow) => {
  if (piece.chunk === undefined) await flow.sleep(delayMs);
  return flow.next(piece);
};
