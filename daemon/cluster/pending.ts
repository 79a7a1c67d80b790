/** What an asker has heard of one request, in order, and what waits for more of it. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Report } from './queues.ts';

export class Pending {
  readonly #began: (runId: string) => void;
  readonly #heard: Report[] = [];
  /** Parts that came ahead of an earlier one. */
  readonly #early = new Map<string, Report>();
  #attempt = 0;
  #part = 0;
  #wake = () => {};

  /** `began`: hears at once of the run that is waited for, maybe more than once. */
  constructor(began: (runId: string) => void = () => {}) {
    this.#began = began;
  }

  /** The same report may be heard twice; of two answers, the first to be heard counts. */
  hear(report: Report): void {
    const { attempt, part, began } = report;
    if (began !== undefined) {
      this.#began(began);
      return;
    }
    const begun = this.#part > 0;
    if (begun && (attempt !== this.#attempt || part <= this.#part)) return;
    // Of the request as it was put before, only an answer still means something.
    if (attempt < this.#attempt && report.elsewhere !== undefined) return;
    if (!begun && part === 1) this.#attempt = attempt;
    this.#early.set(`${attempt}/${part}`, report);
    this.#inOrder();
  }

  /** The request was put again: nothing of its answer has been heard. */
  again(attempt: number): void {
    this.#attempt = attempt;
    this.#part = 0;
    this.#heard.splice(0);
    this.#early.clear();
  }

  /** The next part; undefined: none came in time, or `signal` ended it. */
  async next(waitMs: number, signal: AbortSignal): Promise<Report | undefined> {
    if (this.#heard.length === 0 && waitMs > 0) {
      const over = new AbortController();
      this.#wake = () => over.abort();
      const both = AbortSignal.any([signal, over.signal]);
      await delay(waitMs, undefined, { signal: both }).catch(() => {});
    }
    return this.#heard.shift();
  }

  #inOrder(): void {
    for (;;) {
      const key = `${this.#attempt}/${this.#part + 1}`;
      const report = this.#early.get(key);
      if (report === undefined) return;
      this.#early.delete(key);
      this.#part++;
      this.#heard.push(report);
      this.#wake();
    }
  }
}
