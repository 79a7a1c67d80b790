/** Waits by the clock that was handed in; `signal` ends the wait sooner. */
import type { Clock } from '../core/clock.ts';

export const pause = (clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const end = (): void => {
      cancel();
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const cancel = clock.wakeAt(clock.now() + delayMs, end);
    signal?.addEventListener('abort', end, { once: true });
  });
