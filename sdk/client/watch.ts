/**
 * A watch that outlives its connection: when the daemon restarts, cuts a slow watcher or the
 * connection breaks, it goes on from the last event it has handed out, without gap or duplicate.
 */
import { setTimeout as delay } from 'node:timers/promises';
import {
  RunServiceService,
  WatchRunRequest,
  type WatchRunResponse,
} from '../../proto/gen/siteswap/v1/run.ts';
import type { CallOptions, Channel } from './channel.ts';
import { CallError, callErrorOf } from './errors.ts';
import { resumeDelayMsMax, resumeDelayMsMin, resumeMsMax } from './limits.ts';

/** What a watch takes. */
export interface WatchOptions extends CallOptions {
  /** Of the last event that the caller has: the watch goes on behind it. Default: the start. */
  readonly cursor?: number;
  /** Fails when nothing could be received for this long, over all tries. Default: two minutes. */
  readonly resumeMsMax?: number;
}

const resumable = (error: unknown): boolean =>
  error instanceof CallError &&
  (error.code === 'UNAVAILABLE' ||
    error.reason === 'WATCHER_TOO_SLOW' ||
    error.reason === 'TOO_MANY_WATCHERS');

/** Drops what was handed out already; a gap is a defect of the daemon and must not pass unseen. */
const after = (page: WatchRunResponse, cursor: number): WatchRunResponse => {
  const events = page.events.filter((event) => event.cursor > cursor);
  const first = events[0];
  if (first !== undefined && first.cursor !== cursor + 1) {
    const text = `events ${cursor + 1} to ${first.cursor - 1} are missing from the watch`;
    throw callErrorOf({ code: 13, details: text }, false);
  }
  return { ...page, events };
};

export async function* watchPages(
  channel: Channel,
  runId: string,
  options: WatchOptions = {},
): AsyncGenerator<WatchRunResponse, void> {
  let cursor = options.cursor ?? 0;
  let tries = 0;
  let heardAtMs = Date.now();
  const endAtMs = options.deadlineMs === undefined ? Infinity : heardAtMs + options.deadlineMs;
  for (;;) {
    let broken = callErrorOf({ code: 14, details: 'the watch ended before the run' }, false);
    try {
      const request = WatchRunRequest.fromPartial({ runId, cursor });
      const call =
        endAtMs === Infinity ? options : { ...options, deadlineMs: endAtMs - Date.now() };
      for await (const answer of channel.stream(RunServiceService.watchRun, request, call)) {
        const page = after(answer, cursor);
        cursor = page.events.at(-1)?.cursor ?? cursor;
        tries = 0;
        heardAtMs = Date.now();
        yield page;
        heardAtMs = Date.now();
        if (page.last) return;
      }
    } catch (error) {
      if (!resumable(error)) throw error;
      broken = error as CallError;
    }
    if (Date.now() - heardAtMs >= (options.resumeMsMax ?? resumeMsMax)) throw broken;
    const waitMs = Math.min(resumeDelayMsMin * 2 ** tries++, resumeDelayMsMax);
    // An abort during the wait is reported by the next try, as any abort.
    const pause = options.signal === undefined ? {} : { signal: options.signal };
    await delay(Math.min(waitMs, Math.max(0, endAtMs - Date.now())), undefined, pause).catch(
      () => {},
    );
  }
}
