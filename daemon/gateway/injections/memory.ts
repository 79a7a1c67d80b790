/** What questions were answered the last time, for reads that are to be stale. Bounded. */
import type { Said } from './scene.ts';

/** Answers that are remembered: a rehearsal is of a few hundred devices and VMs. */
const answersMax = 10_000;

export class Memory {
  readonly #answers = new Map<string, Said>();

  earlier(question: string): Said | undefined {
    return this.#answers.get(question);
  }

  keep(question: string, answer: Said): void {
    this.#answers.delete(question);
    this.#answers.set(question, answer);
    const [oldest] = this.#answers.keys();
    if (this.#answers.size > answersMax && oldest !== undefined) this.#answers.delete(oldest);
  }
}

export const questionOf = (remoteId: string, verb: string, id: string): string =>
  `${remoteId}\n${verb}\n${id}`;
