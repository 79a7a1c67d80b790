/** A clock that a test drives by hand. */
import type { Clock } from '../../daemon/core/clock.ts';

export class ManualClock implements Clock {
  #now: number;
  #wakes: { readonly atMs: number; readonly wake: () => void }[] = [];

  constructor(now = 1_000_000) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  wakeAt(atMs: number, wake: () => void): () => void {
    const entry = { atMs, wake };
    this.#wakes.push(entry);
    return () => {
      this.#wakes = this.#wakes.filter((other) => other !== entry);
    };
  }

  soon(act: () => void): void {
    setImmediate(act);
  }

  /** Moves on, waking in order all whose moment comes, also those set on the way. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const due = this.#wakes.filter(({ atMs }) => atMs <= end).sort((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.#wakes = this.#wakes.filter((other) => other !== due);
      this.#now = Math.max(this.#now, due.atMs);
      due.wake();
    }
    this.#now = end;
  }
}
