/**
 * Where a lab's time comes from. Real time by default; a simulation hands in its own; a test may
 * drive a world's time by hand.
 */

export interface Time {
  /** Milliseconds; of the Unix epoch unless it is driven. */
  now(): number;
  /** Resolves after `ms`, or at once when the signal is aborted. Never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const realTime: Time = {
  now: Date.now,
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      signal?.addEventListener('abort', end, { once: true });
      if (signal?.aborted) end();
    }),
};

/** Time that stands until it is told to pass. */
export interface DrivenTime extends Time {
  /** Lets `ms` pass; who sleeps is woken in order, and runs before the next one is. */
  advance(ms: number): Promise<void>;
}

interface Sleeper {
  readonly atMs: number;
  readonly wake: () => void;
}

export const drivenTime = (startMs: number): DrivenTime => {
  let now = startMs;
  const sleepers = new Set<Sleeper>();
  const next = (untilMs: number): Sleeper | undefined => {
    let first: Sleeper | undefined;
    for (const sleeper of sleepers) {
      if (sleeper.atMs > untilMs) continue;
      if (first === undefined || sleeper.atMs < first.atMs) first = sleeper;
    }
    return first;
  };
  return {
    now: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        const wake = (): void => {
          sleepers.delete(sleeper);
          signal?.removeEventListener('abort', wake);
          resolve();
        };
        const sleeper = { atMs: now + ms, wake };
        sleepers.add(sleeper);
        signal?.addEventListener('abort', wake, { once: true });
        if (signal?.aborted) wake();
      }),
    advance: async (ms) => {
      const untilMs = now + ms;
      for (let first = next(untilMs); first !== undefined; first = next(untilMs)) {
        now = first.atMs;
        first.wake();
        await new Promise((resolve) => setImmediate(resolve));
      }
      now = untilMs;
    },
  };
};
