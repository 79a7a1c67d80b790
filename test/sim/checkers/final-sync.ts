/** The last bytes are copied only when nobody writes any more. */
import type { Checker } from './checker.ts';
import { keyOf } from './runs.ts';

export const noWriterAtFinalSync: Checker =
  ({ lab }) =>
  (moment) => {
    if (moment.kind !== 'call' || moment.verb !== 'sync') return undefined;
    if (keyOf(moment.key).step !== 'final-sync') return undefined;
    const storage = lab.world.storages.get(moment.remoteId);
    for (const groupId of moment.targetIds) {
      for (const device of storage?.groups.get(groupId) ?? []) {
        const [vmId] = device.held?.writers ?? [];
        if (vmId !== undefined) return `${vmId} writes to ${device.id} of ${groupId}`;
      }
    }
    return undefined;
  };
