/**
 * Some threads of one plugin, with one task queue (a Piscina) and one board. The group ends a
 * thread whose event loop no longer turns, and can tell of every thread that ended how it did.
 *
 * Piscina's own way to cancel (`signal`) is not used: it ends the thread with all that runs on it.
 */
import type { Worker } from 'node:worker_threads';
import { FixedQueue, Piscina } from 'piscina';
import { Board, newBoard } from './board.ts';
import { closeMsMax, jobsPerThreadMax, threadYoungMbMax } from './limits.ts';
import type { ThreadMessage, ThreadSetup } from './messages.ts';

export interface GroupOptions {
  readonly threads: number;
  readonly heapMbMax: number;
  readonly silentMsMax: number;
  readonly setup: Omit<ThreadSetup, 'board' | 'beatMs'>;
}

/** A thread that ended. */
export interface Death {
  /** Words that go on from "plugin so-and-so …". */
  readonly how: string;
  /** Not the plugin's doing: an injection, or the end of the pool. */
  readonly onPurpose: boolean;
}

/** A thread looked at so often without having beaten is silent. */
const looksMax = 4;

/** Threads that end faster than they are reaped hold a slot for a moment. */
const slotsPerThread = 4;

export class ThreadGroup {
  readonly #start: () => Piscina<ThreadMessage, string>;
  #piscina: Piscina<ThreadMessage, string> | undefined;
  readonly #board: Board;
  /** Thread id → the beats last seen, and how often they were the same. */
  readonly #looks = new Map<number, { beats: number; same: number }>();
  readonly #silent = new Set<number>();
  readonly #silentMsMax: number;
  /** Messages under way or waiting. */
  inFlight = 0;
  /** Of the thread that ended last: what died with it was taken by this. */
  lastDeath: Death = { how: 'ended its thread', onPurpose: false };

  constructor({ threads, heapMbMax, silentMsMax, setup }: GroupOptions) {
    this.#silentMsMax = silentMsMax;
    this.#board = new Board(newBoard(threads * slotsPerThread));
    const workerData: ThreadSetup = {
      ...setup,
      board: this.#board.shape,
      beatMs: silentMsMax / (looksMax * 2),
    };
    this.#start = () => startThreads(threads, heapMbMax, workerData);
  }

  /** None before the first message: where every plugin has its own thread, nobody needs these. */
  get threads(): number {
    return this.#living.length;
  }

  get #living(): readonly Worker[] {
    return this.#piscina?.threads ?? [];
  }

  /** Rejects when the thread ends; `reap` then tells why. */
  async run(message: ThreadMessage): Promise<string> {
    this.inFlight++;
    try {
      this.#piscina ??= this.#start();
      return await this.#piscina.run(message);
    } finally {
      this.inFlight--;
    }
  }

  /** Looks at the threads' beats; ends those that have been silent too long. */
  look(): void {
    const threads = new Map(this.#living.map((thread) => [thread.threadId, thread]));
    for (const [threadId, beats] of this.#board.beats()) {
      const before = this.#looks.get(threadId);
      const same = before?.beats === beats ? before.same + 1 : 0;
      this.#looks.set(threadId, { beats, same });
      if (same < looksMax) continue;
      this.#silent.add(threadId);
      threads.get(threadId)?.terminate();
    }
  }

  /** The threads that have ended since it was last asked; `words` say how, if nothing better. */
  reap(words: string): readonly Death[] {
    const living = new Set(this.#living.map((thread) => thread.threadId));
    return this.#board.reap(living).map(({ threadId, onPurpose }) => {
      this.#looks.delete(threadId);
      const silent = this.#silent.delete(threadId);
      const how = silent ? `held its thread for ${this.#silentMsMax} ms without an end` : words;
      this.lastDeath = { how, onPurpose };
      return this.lastDeath;
    });
  }

  /** Sessions take their leave, as far as they do so in time; then the threads end. */
  async close(): Promise<void> {
    await this.#board.close(closeMsMax);
    await this.#piscina?.destroy();
  }
}

const startThreads = (
  threads: number,
  heapMbMax: number,
  workerData: ThreadSetup,
): Piscina<ThreadMessage, string> => {
  const piscina = new Piscina<ThreadMessage, string>({
    filename: new URL('./thread.js', import.meta.url).href,
    name: 'handle',
    minThreads: threads,
    maxThreads: threads,
    concurrentTasksPerWorker: jobsPerThreadMax,
    atomics: 'disabled',
    taskQueue: new FixedQueue(),
    recordTiming: false,
    resourceLimits: {
      maxOldGenerationSizeMb: heapMbMax,
      maxYoungGenerationSizeMb: threadYoungMbMax,
    },
    workerData,
  });
  // A thread that ends with no task on it: it is reaped at the next look.
  piscina.on('error', () => {});
  return piscina;
};

/** How often `look` must be called for a thread to be found silent in time. */
export const lookEveryMs = (silentMsMax: number): number => silentMsMax / looksMax;
