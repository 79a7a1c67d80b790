/** The computer's clock and timers. */
import type { Clock } from '../core/clock.ts';

/** setTimeout fires at once beyond this: longer waits are made of several. */
const timeoutMsMax = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  wakeAt: (atMs, wake) => {
    let timer: NodeJS.Timeout;
    const wait = (): void => {
      const leftMs = atMs - Date.now();
      timer = setTimeout(leftMs > 0 ? wait : wake, Math.max(0, Math.min(leftMs, timeoutMsMax)));
    };
    const leftMs = atMs - Date.now();
    timer = setTimeout(
      () => (Date.now() >= atMs ? wake() : wait()),
      Math.max(0, Math.min(leftMs, timeoutMsMax)),
    );
    return () => clearTimeout(timer);
  },
};
