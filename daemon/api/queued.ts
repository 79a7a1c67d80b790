/** What a member does of requests that reach it by a queue: the same as of those by gRPC. */

import { Elsewhere, type Work } from '../cluster/responder.ts';
import { SiteswapError } from '../core/errors.ts';
import { RunElsewhere } from '../runner/elsewhere.ts';
import type { Engine } from '../runner/service.ts';
import { Calls, type CallsParts } from './calls.ts';
import { siteswapErrorOf } from './errors.ts';
import { services } from './services.ts';

/** Said by a member that begins nothing any more: another one does it. */
const leaving: ReadonlySet<string> = new Set(['MEMBER_DRAINING', 'SHUTTING_DOWN']);

export type QueuedAnswer = Work['answer'];

/** The parts of an answer, encoded. They throw SiteswapError or Elsewhere. */
export const queuedAnswers = (
  engine: Engine,
  { log, version }: Pick<CallsParts, 'log' | 'version'>,
): QueuedAnswer => {
  const calls = new Calls({ log, version });
  for (const make of services) make(engine, calls);
  return async function* answer({ id, method, body, waitMs }, signal, began) {
    const deadlineMs = Date.now() + waitMs;
    try {
      yield* calls.answer({ requestId: id, method, body, deadlineMs, signal, began });
    } catch (thrown) {
      if (thrown instanceof RunElsewhere) throw new Elsewhere(thrown.runId);
      const error = siteswapErrorOf(thrown);
      if (leaving.has(error.reason)) throw new Elsewhere('');
      if (!(thrown instanceof SiteswapError)) {
        log.error({ method, requestId: id, err: thrown }, 'request failed by a defect');
      }
      throw error;
    }
  };
};
