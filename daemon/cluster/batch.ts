/** Gathers what is asked for within a moment into one question, of a bounded size. */
import { setTimeout as delay } from 'node:timers/promises';

/** More than this travels in questions of its own. */
const bytesMax = 8 * 1024 * 1024;
const countMax = 500;

interface Waiting<T, A> {
  readonly item: T;
  readonly resolve: (answer: A) => void;
  readonly reject: (error: unknown) => void;
}

export class Batch<T, A> {
  readonly #gatherMs: number;
  readonly #sizeOf: (item: T) => number;
  readonly #ask: (items: readonly T[]) => Promise<readonly A[]>;
  readonly #waiting: Waiting<T, A>[] = [];
  #running: Promise<void> | undefined;

  /** `ask` answers for each item, in order; when it rejects, it does so for all of them. */
  constructor(
    gatherMs: number,
    sizeOf: (item: T) => number,
    ask: (items: readonly T[]) => Promise<readonly A[]>,
  ) {
    this.#gatherMs = gatherMs;
    this.#sizeOf = sizeOf;
    this.#ask = ask;
  }

  add(item: T): Promise<A> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    await delay(this.#gatherMs);
    while (this.#waiting.length > 0) {
      const taken = this.#take();
      try {
        const answers = await this.#ask(taken.map(({ item }) => item));
        for (const [at, { resolve }] of taken.entries()) resolve(answers[at] as A);
      } catch (error) {
        for (const { reject } of taken) reject(error);
      }
    }
    this.#running = undefined;
  }

  #take(): readonly Waiting<T, A>[] {
    let bytes = 0;
    let count = 0;
    for (const { item } of this.#waiting) {
      bytes += this.#sizeOf(item);
      if (count > 0 && (bytes > bytesMax || count === countMax)) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }
}
