/**
 * Time that stands while anything is going on, and then jumps to the next moment that somebody
 * waits for: a call that hangs until its deadline in two minutes costs no two minutes.
 */
import type { Time } from '../../plugins/lab/time.ts';

interface Sleeper {
  readonly atMs: number;
  readonly wake: () => void;
}

/** Turns of the event loop in which everything that can go on has gone on. */
const turnsMin = 30;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export class JumpingTime implements Time {
  #nowMs = Date.UTC(2026, 0, 1);
  readonly #sleepers = new Set<Sleeper>();

  now = (): number => this.#nowMs;

  wakeAt = (atMs: number, wake: () => void): (() => void) => {
    const sleeper = { atMs, wake };
    this.#sleepers.add(sleeper);
    return () => this.#sleepers.delete(sleeper);
  };

  soon = (act: () => void): void => {
    setImmediate(act);
  };

  sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const cancel = this.wakeAt(this.#nowMs + ms, () => resolve());
      signal?.addEventListener('abort', () => {
        cancel();
        resolve();
      });
    });

  /** Lets time pass until the work is done. */
  async through<T>(work: Promise<T>): Promise<T> {
    let over = false;
    const ended = work.finally(() => {
      over = true;
    });
    ended.catch(() => {});
    while (!over) {
      for (let turns = 0; turns < turnsMin && !over; turns++) await turn();
      if (!over) this.#jump();
    }
    return ended;
  }

  #jump(): void {
    let next: Sleeper | undefined;
    for (const one of this.#sleepers) if (next === undefined || one.atMs < next.atMs) next = one;
    if (next === undefined) return;
    this.#sleepers.delete(next);
    this.#nowMs = Math.max(this.#nowMs, next.atMs);
    next.wake();
  }
}
