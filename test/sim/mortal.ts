/**
 * What can die: a daemon, or one of its threads. Whatever a dead one still computes reaches nobody:
 * its timers do not fire, its calls are not made, and what comes back is not heard by it.
 */
import type { Clock } from '../../daemon/core/clock.ts';
import type { SimTime } from './time.ts';

export class Mortal {
  readonly name: string;
  readonly died: Promise<void>;
  readonly #within: Mortal | undefined;
  readonly #resolve: () => void;
  #dead = false;

  /** A thread dies with its daemon. */
  constructor(name: string, within?: Mortal) {
    this.name = name;
    this.#within = within;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.died = promise;
    this.#resolve = resolve;
    void within?.died.then(resolve);
  }

  get dead(): boolean {
    return this.#dead || this.#within?.dead === true;
  }

  die(): void {
    this.#dead = true;
    this.#resolve();
  }

  /** The same promise while it lives; silence once it is dead. */
  async hears<T>(promise: Promise<T>): Promise<T> {
    try {
      const value = await promise;
      return this.dead ? await never() : value;
    } catch (error) {
      if (this.dead) await never();
      throw error;
    }
  }

  /** A clock that stands `offsetMs` from the simulation's time, as the wall clock of a computer. */
  clock(time: SimTime, offsetMs: number): Clock {
    return {
      now: () => Math.floor(time.now() + offsetMs),
      wakeAt: (atMs, wake) =>
        time.at(atMs - offsetMs, () => {
          if (!this.dead) wake();
        }),
    };
  }
}

/** Nobody is there any more to answer, or to hear it. */
export const never = (): Promise<never> => new Promise(() => {});
