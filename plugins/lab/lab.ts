/** A world with its time: what sessions, the world's own process and tests talk to. */
import { FaultError, fault } from '@siteswap/sdk/plugin';
import { buildWorld } from './build.ts';
import { callList, callPoll, callSettle, callVerb } from './calls.ts';
import { latencyOf, silence } from './failures.ts';
import { bookOf, markUnderWay } from './ledger.ts';
import type { World } from './model.ts';
import type { RemoteRequest } from './requests.ts';
import type { LabSpec } from './spec.ts';
import type { DrivenTime, Time } from './time.ts';

export interface Lab {
  /** Replaced by a reset. */
  world: World;
  readonly time: Time | DrivenTime;
}

/** A world of its own, beginning now. */
export const newLab = (spec: LabSpec, time: Time): Lab => ({
  world: buildWorld(spec, time.now()),
  time,
});

/** The call was given up by its caller. Whether it had its effect is for `settle` to say. */
export const givenUp = (): FaultError =>
  new FaultError(fault('timeout', 'no answer before the call was given up', { code: 'NO_ANSWER' }));

/** Waits for ever, or until the caller gives up. */
const never = (signal: AbortSignal | undefined): Promise<never> =>
  new Promise((_, reject) => {
    if (signal?.aborted) reject(givenUp());
    signal?.addEventListener('abort', () => reject(givenUp()), { once: true });
  });

const answerNow = (lab: Lab, request: RemoteRequest, signal: AbortSignal | undefined): unknown => {
  const { world, time } = lab;
  const now = time.now();
  switch (request.kind) {
    case 'verb': {
      const answers = callVerb(world, now, request);
      return answers === silence ? never(signal) : answers;
    }
    case 'settle':
      return callSettle(world, now, request);
    case 'poll':
      return callPoll(world, now, request);
    case 'list':
      return callList(world, now, request);
  }
};

/** The effect comes at the end of the wait: a call that is given up before leaves nothing. */
const answerLate = async (
  lab: Lab,
  request: RemoteRequest,
  ms: number,
  signal: AbortSignal | undefined,
): Promise<unknown> => {
  const { ledger } = lab.world;
  const book =
    request.kind === 'verb' ? bookOf(request.remoteId, request.verb, request.key) : undefined;
  if (book !== undefined) markUnderWay(ledger, book, 1);
  await lab.time.sleep(ms, signal);
  if (book !== undefined) markUnderWay(ledger, book, -1);
  if (signal?.aborted) throw givenUp();
  return answerNow(lab, request, signal);
};

/**
 * Answers a request: at once when nothing makes it slow, without a timer or a promise.
 * Throws (or rejects with) FaultError.
 */
export const ask = (lab: Lab, request: RemoteRequest, signal?: AbortSignal): unknown => {
  if (lab.world.ledger.latencies.length > 0) {
    const ms = latencyOf(lab.world, request);
    if (ms > 0) return answerLate(lab, request, ms, signal);
  }
  return answerNow(lab, request, signal);
};
