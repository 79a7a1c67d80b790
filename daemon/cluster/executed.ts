/** Which runs this member has executed, kept beside the queues: it goes on answering for them. */
import { setTimeout as delay } from 'node:timers/promises';
import { executedRunsMax } from '../core/limits.ts';
import type { Queues } from './queues.ts';

/** What could not be kept is tried again after this. */
const retryMs = 1_000;

export class ExecutedRuns {
  readonly #queues: Queues;
  readonly #memberId: string;
  readonly #known = new Set<string>();
  #unkept: string[] = [];
  #keeping: Promise<void> | undefined;
  readonly #closing = new AbortController();

  constructor(queues: Queues, memberId: string) {
    this.#queues = queues;
    this.#memberId = memberId;
  }

  /** What it has executed before it was started this time. */
  async open(): Promise<void> {
    for (const runId of await this.#queues.executed(this.#memberId)) this.#known.add(runId);
  }

  has(runId: string): boolean {
    return this.#known.has(runId);
  }

  note(runId: string): void {
    if (this.#known.has(runId)) return;
    this.#known.add(runId);
    this.#dropOldest();
    this.#unkept.push(runId);
    this.#keeping ??= this.#keepAll();
  }

  /** Of a run that is not known any more any member tells: it stands in the journal. */
  #dropOldest(): void {
    if (this.#known.size <= executedRunsMax) return;
    for (const oldest of this.#known) {
      this.#known.delete(oldest);
      return;
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#keeping;
  }

  /** Runs of one moment are kept by one question. */
  async #keepAll(): Promise<void> {
    const { signal } = this.#closing;
    await undefined;
    while (this.#unkept.length > 0) {
      const runIds = this.#unkept.splice(0);
      try {
        await this.#queues.keepExecuted(this.#memberId, runIds);
      } catch {
        if (signal.aborted) break;
        this.#unkept.push(...runIds);
        await delay(retryMs, undefined, { signal, ref: false }).catch(() => {});
      }
    }
    this.#keeping = undefined;
  }
}
