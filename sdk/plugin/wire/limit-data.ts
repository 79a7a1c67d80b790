/** So many bytes pass, then the connection ends: in the middle of a message, as it comes. */
import type { Apply } from './toxic.ts';

export const limitData: Apply<'limit-data'> = async ({ bytes }, piece, flow) => {
  const left = bytes - flow.passed;
  const { chunk, atMs } = piece;
  if (chunk === undefined || chunk.length <= left) return flow.next(piece);
  if (left > 0) await flow.next({ chunk: chunk.subarray(0, left), atMs });
  flow.close();
};
