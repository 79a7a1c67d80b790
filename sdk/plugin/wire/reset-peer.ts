/** The connection is torn: nobody knows what became of what was asked and not answered. */
import type { Apply } from './toxic.ts';

export const resetPeer: Apply<'reset-peer'> = async ({ timeoutMs }, piece, flow) => {
  if (await flow.sleep(timeoutMs)) flow.reset();
  else await flow.next(piece);
};
