/** What requests may rely on, with queues in memory. */
import { MemoryQueues } from '../../daemon/cluster/memory-queues.ts';
import { queuesSuite } from './_queues-suite.ts';

queuesSuite('memory', async () => {
  const queues = new MemoryQueues();
  const owners = new Map<string, string>();
  return {
    seat: async (memberId) => ({ queues, die: async () => queues.leave(memberId) }),
    own: async (runId, memberId) => {
      if (memberId === undefined) owners.delete(runId);
      else owners.set(runId, memberId);
    },
    drives: (memberId) => (runId) => owners.get(runId) === memberId,
  };
});
