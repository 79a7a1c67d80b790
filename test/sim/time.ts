/**
 * The one time of a simulation. It stands while anything is runnable and then jumps to the next
 * moment that somebody waits for: ten virtual hours cost what happens in them, and no more.
 */
import { Heap } from '../../daemon/core/engine/heap.ts';

interface Sleeper {
  readonly atMs: number;
  wake: (() => void) | undefined;
}

/**
 * Turns of the event loop without a word from anybody until all is quiet: an agent's own turn is
 * one, and one more for what that turn has set off.
 */
const quietTurns = 2;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export type RanUntil = 'done' | 'idle' | 'late';

export class SimTime {
  #nowMs = 0;
  #activity = 0;
  readonly #sleepers = new Heap<Sleeper>();

  /** Virtual milliseconds since the beginning. */
  now(): number {
    return this.#nowMs;
  }

  /** Something happened: whoever it concerns runs before time goes on. */
  stir(): void {
    this.#activity++;
  }

  at(atMs: number, wake: () => void): () => void {
    const sleeper: Sleeper = { atMs: Math.max(atMs, this.#nowMs), wake };
    this.#sleepers.push({ rank: sleeper.atMs, value: sleeper });
    this.stir();
    return () => {
      sleeper.wake = undefined;
    };
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.at(this.#nowMs + ms, resolve);
    });
  }

  /** Lets time pass until `done` (asked when all is quiet), until nobody waits, or `untilMs`. */
  async run(done: () => boolean, untilMs: number): Promise<RanUntil> {
    for (;;) {
      await this.#quiet();
      if (done()) return 'done';
      const next = this.#next();
      if (next === undefined) return 'idle';
      if (next.atMs > untilMs) return 'late';
      this.#nowMs = next.atMs;
      const { wake } = next;
      this.stir();
      next.wake = undefined;
      wake?.();
    }
  }

  #next(): Sleeper | undefined {
    for (;;) {
      const sleeper = this.#sleepers.pop()?.value;
      if (sleeper === undefined || sleeper.wake !== undefined) return sleeper;
    }
  }

  async #quiet(): Promise<void> {
    for (let quiet = 0; quiet < quietTurns; quiet++) {
      const seen = this.#activity;
      await turn();
      if (seen !== this.#activity) quiet = -1;
    }
  }
}
