/** Nothing goes through, and nobody says so; after a while the connection is closed, or never. */
import type { Apply } from './toxic.ts';

/** Longer than any call is waited for: 24 days, the most that a timer takes. */
const foreverMs = 2 ** 31 - 1;

export const timeout: Apply<'timeout'> = async ({ timeoutMs }, piece, flow) => {
  if (await flow.sleep(timeoutMs === 0 ? foreverMs : timeoutMs)) flow.close();
  else await flow.next(piece);
};
