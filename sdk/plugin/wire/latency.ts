/** Each piece arrives later than it came; pieces keep their order and do not add up. */
import type { Apply } from './toxic.ts';

export const latency: Apply<'latency'> = async ({ latencyMs, jitterMs = 0 }, piece, flow) => {
  const delayMs = latencyMs + jitterMs * (2 * flow.fraction() - 1);
  await flow.sleep(piece.atMs + delayMs - flow.now());
  return flow.next(piece);
};
