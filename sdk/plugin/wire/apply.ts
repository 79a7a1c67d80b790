/** From the toxics of a direction to what becomes of a piece. */
import { bandwidth } from './bandwidth.ts';
import { down } from './down.ts';
import { latency } from './latency.ts';
import { limitData } from './limit-data.ts';
import { resetPeer } from './reset-peer.ts';
import { slicer } from './slicer.ts';
import { slowClose } from './slow-close.ts';
import { timeout } from './timeout.ts';
import type { Flow, Piece, Toxic } from './toxic.ts';

export const applyToxic = (toxic: Toxic, piece: Piece, flow: Flow): Promise<void> => {
  switch (toxic.toxic) {
    case 'latency':
      return latency(toxic, piece, flow);
    case 'bandwidth':
      return bandwidth(toxic, piece, flow);
    case 'down':
      return down(toxic, piece, flow);
    case 'timeout':
      return timeout(toxic, piece, flow);
    case 'reset-peer':
      return resetPeer(toxic, piece, flow);
    case 'slow-close':
      return slowClose(toxic, piece, flow);
    case 'slicer':
      return slicer(toxic, piece, flow);
    case 'limit-data':
      return limitData(toxic, piece, flow);
  }
};
