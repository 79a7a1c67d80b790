/**
 * The computer's time. Set by the wall clock once and then moved by the monotonic one, which all
 * threads share: a corrected wall clock neither stretches nor ends a deadline.
 */
import type { Clock } from '../core/clock.ts';

/** setTimeout fires at once beyond this: longer waits are made of several. */
const timeoutMsMax = 2 ** 31 - 1;

/** A thread's own clock begins with the thread; to read it costs half of the one that all share. */
const threadBeganMs = Number(process.hrtime.bigint() / 1_000n) / 1_000 - performance.now();

const monotonicMs = (): number => threadBeganMs + performance.now();

/** Wall-clock time minus monotonic time, now: threads of one process must use the same. */
export const clockOffsetMs = (): number => Date.now() - monotonicMs();

export const systemClock = (offsetMs = clockOffsetMs()): Clock => {
  const now = (): number => offsetMs + monotonicMs();
  const wakeAt: Clock['wakeAt'] = (atMs, wake) => {
    let timer: NodeJS.Timeout;
    const wait = (): void => {
      const leftMs = Math.min(Math.ceil(atMs - now()), timeoutMsMax);
      timer = setTimeout(() => (now() >= atMs ? wake() : wait()), Math.max(0, leftMs));
    };
    wait();
    return () => clearTimeout(timer);
  };
  return { now: () => Math.floor(now()), wakeAt, soon: setImmediate };
};
