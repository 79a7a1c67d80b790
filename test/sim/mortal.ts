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
  #thawed: PromiseWithResolvers<void> | undefined;

  /** A thread dies with its daemon. */
  constructor(name: string, within?: Mortal) {
    this.name = name;
    this.#within = within;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.died = promise;
    this.#resolve = resolve;
    void within?.died.then(resolve);
  }

  /** Name of what it is a part of, or its own. */
  get root(): string {
    return this.#within?.root ?? this.name;
  }

  get dead(): boolean {
    return this.#dead || this.#within?.dead === true;
  }

  die(): void {
    this.#dead = true;
    this.#resolve();
  }

  /** As SIGSTOP: it neither says nor hears anything, and no timer of it fires. */
  freeze(): void {
    this.#thawed ??= Promise.withResolvers();
  }

  thaw(): void {
    this.#thawed?.resolve();
    this.#thawed = undefined;
  }

  get frozen(): boolean {
    return this.#thawed !== undefined || this.#within?.frozen === true;
  }

  /** Resolves when it is not frozen. */
  async awake(): Promise<void> {
    while (this.frozen) await (this.#thawed?.promise ?? this.#within?.awake());
  }

  /** The same promise while it lives; silence once it is dead. */
  async hears<T>(promise: Promise<T>): Promise<T> {
    try {
      const value = await promise;
      if (this.frozen) await this.awake();
      return this.dead ? await never() : value;
    } catch (error) {
      if (this.frozen) await this.awake();
      if (this.dead) await never();
      throw error;
    }
  }

  /** A clock that stands `offsetMs` from the simulation's time, as the wall clock of a computer. */
  clock(time: SimTime, offsetMs: number): Clock {
    return {
      now: () => Math.floor(time.now() + offsetMs),
      wakeAt: (atMs, wake) => {
        let wanted = true;
        const cancel = time.at(atMs - offsetMs, async () => {
          if (this.frozen) await this.awake();
          if (wanted && !this.dead) wake();
        });
        return () => {
          wanted = false;
          cancel();
        };
      },
      soon: (act) => time.soon(act),
    };
  }
}

/** Nobody is there any more to answer, or to hear it. */
export const never = (): Promise<never> => new Promise(() => {});
