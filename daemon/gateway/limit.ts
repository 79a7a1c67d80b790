/**
 * How long something is waited for: until its deadline, or until its site is declared lost. The
 * signal tells the plugin; `reached` frees whoever waits, whether or not the plugin listens.
 */
import type { Clock } from '../core/clock.ts';

export type Reached = 'deadline' | 'lost';

export class Limit {
  readonly deadlineMs: number;
  readonly reached: Promise<Reached>;
  readonly #clock: Clock;
  readonly #controller = new AbortController();
  readonly #parts = new Set<Limit>();
  readonly #sleepers = new Set<() => void>();
  readonly #cancel: () => void;
  readonly #resolve: (how: Reached) => void;

  constructor(clock: Clock, deadlineMs: number) {
    this.#clock = clock;
    this.deadlineMs = deadlineMs;
    const { promise, resolve } = Promise.withResolvers<Reached>();
    this.reached = promise;
    this.#resolve = resolve;
    this.#cancel = clock.wakeAt(deadlineMs, () => this.cut('deadline'));
  }

  /** Aborted when the limit is reached. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** A share of what is left; the caller ends it. */
  part(timeoutMs: number): Limit {
    const until = Math.min(this.deadlineMs, this.#clock.now() + timeoutMs);
    const part = new Limit(this.#clock, until);
    this.#parts.add(part);
    if (this.signal.aborted) part.cut('deadline');
    return part;
  }

  /** Waits so long, or until the limit is reached. */
  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.signal.aborted) return resolve();
      const cancel = this.#clock.wakeAt(this.#clock.now() + delayMs, () => wake());
      const wake = () => {
        cancel();
        this.#sleepers.delete(wake);
        resolve();
      };
      this.#sleepers.add(wake);
    });
  }

  cut(how: Reached): void {
    this.end();
    this.#resolve(how);
    this.#controller.abort(new Error(how === 'lost' ? 'the site is declared lost' : 'deadline'));
    for (const part of this.#parts) part.cut(how);
    for (const wake of this.#sleepers) wake();
  }

  /** It is over in time: the deadline will not come. */
  end(): void {
    this.#cancel();
  }
}
