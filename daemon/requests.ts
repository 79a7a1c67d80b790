/**
 * This daemon's ends of the queues: it answers as one member, and asks the others. One that is
 * alone has them in memory, and is the only member in them.
 */
import type { PassOn } from './api/passing.ts';
import { queuedAnswers } from './api/queued.ts';
import { Asker } from './cluster/asker.ts';
import { ExecutedRuns } from './cluster/executed.ts';
import type { Queues } from './cluster/queues.ts';
import { Responder } from './cluster/responder.ts';
import type { Clock } from './core/clock.ts';
import type { DaemonLog } from './log.ts';
import type { RunningEngine } from './runner/engine.ts';
import { version } from './version.ts';

interface RequestsParts {
  readonly queues: Queues;
  readonly clock: Clock;
  readonly memberId: string;
  readonly log: DaemonLog;
}

export interface Requests {
  readonly executed: ExecutedRuns;
  readonly passOn: PassOn;
  /** Takes requests from now on. */
  serve(engine: RunningEngine): Promise<void>;
  /** Takes none any more; resolves when those in hand are done, or after a bounded time. */
  stop(): Promise<void>;
  close(): Promise<void>;
}

export const openRequests = async (parts: RequestsParts): Promise<Requests> => {
  const { queues, memberId, log } = parts;
  const asker = new Asker(parts);
  const executed = new ExecutedRuns(queues, memberId);
  await executed.open();
  return {
    executed,
    passOn: (passed) => asker.one({ ...passed, forDriver: true }),
    serve: async (engine) => {
      const answer = queuedAnswers(engine, { log: log.logger, version });
      const responder = new Responder(queues, {
        memberId,
        draining: () => engine.leaving(),
        drives: (runId) => engine.isOpen(runId),
        executes: (runId) => engine.executes(runId),
        answer,
      });
      await responder.open();
    },
    stop: () => queues.stop(),
    close: async () => {
      await executed.close();
      await asker.close();
      await queues.close();
    },
  };
};
