/**
 * How long something is waited for: until its deadline, or until its site is declared lost. The
 * signal tells the plugin; `race` frees whoever waits, whether or not the plugin listens.
 *
 * Every call has one and hardly any is reached, so what only a cut needs is made when it is asked
 * for: a signal alone costs more than the rest of a small call.
 */
import type { Clock } from '../core/clock.ts';

export type Reached = 'deadline' | 'lost';

const causeOf = (how: Reached): Error =>
  new Error(how === 'lost' ? 'the site is declared lost' : 'deadline');

export class Limit {
  readonly deadlineMs: number;
  readonly #clock: Clock;
  #how: Reached | undefined;
  #controller: AbortController | undefined;
  #parts: Set<Limit> | undefined;
  #sleepers: Set<() => void> | undefined;
  /** Those who wait; few, and no longer than the limit lives. */
  readonly #racing: ((how: Reached) => void)[] = [];
  readonly #cancel: () => void;

  constructor(clock: Clock, deadlineMs: number) {
    this.#clock = clock;
    this.deadlineMs = deadlineMs;
    this.#cancel = clock.wakeAt(deadlineMs, () => this.cut('deadline'));
  }

  /** Aborted when the limit is reached. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#how !== undefined) this.#controller.abort(causeOf(this.#how));
    return this.#controller.signal;
  }

  get isReached(): boolean {
    return this.#how !== undefined;
  }

  /** What the work comes to, or how the limit was reached before. */
  race<T>(work: Promise<T>): Promise<T | Reached> {
    return new Promise((resolve, reject) => {
      if (this.#how !== undefined) resolve(this.#how);
      this.#racing.push(resolve);
      work.then(resolve, reject);
    });
  }

  /** A share of what is left; the caller ends it. */
  part(timeoutMs: number): Limit {
    const until = Math.min(this.deadlineMs, this.#clock.now() + timeoutMs);
    const part = new Limit(this.#clock, until);
    this.#parts ??= new Set();
    this.#parts.add(part);
    if (this.isReached) part.cut('deadline');
    return part;
  }

  /** Waits so long, or until the limit is reached. */
  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.isReached) return resolve();
      const cancel = this.#clock.wakeAt(this.#clock.now() + delayMs, () => wake());
      const wake = () => {
        cancel();
        this.#sleepers?.delete(wake);
        resolve();
      };
      this.#sleepers ??= new Set();
      this.#sleepers.add(wake);
    });
  }

  cut(how: Reached): void {
    this.end();
    this.#how ??= how;
    for (const resolve of this.#racing) resolve(how);
    this.#controller?.abort(causeOf(how));
    for (const part of this.#parts ?? []) part.cut(how);
    for (const wake of this.#sleepers ?? []) wake();
  }

  /** It is over in time: the deadline will not come. */
  end(): void {
    this.#cancel();
  }
}
