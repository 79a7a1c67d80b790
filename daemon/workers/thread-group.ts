/**
 * Some threads of one plugin (a Piscina), each with a lane, and one board. The group ends a thread
 * whose event loop no longer turns, and can tell of every thread that ended how it did.
 *
 * Piscina keeps the threads: it starts them, bounds their memory, tells when one ends and starts
 * another. To each it gives one task, to serve a lane; jobs travel there, many to a message, which
 * is several times quicker than one of Piscina's tasks for each (decision 0012).
 */
import { MessageChannel, type Worker } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { Board, newBoard } from './board.ts';
import { type Asker, Lane } from './lane.ts';
import { closeMsMax, jobsPerThreadMax, jobsWaitingMax, threadYoungMbMax } from './limits.ts';
import type { Said, ServeTask, ThreadMessage, ThreadSetup } from './messages.ts';

export interface GroupOptions {
  readonly threads: number;
  readonly heapMbMax: number;
  readonly silentMsMax: number;
  readonly setup: Omit<ThreadSetup, 'board' | 'beatMs'>;
  /** Gets what the plugin writes to standard streams. */
  readonly hear: (said: Said) => void;
}

/** Where a message is. */
export interface Place {
  readonly lane: Lane;
  readonly id: number;
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
  readonly #start: () => Piscina<ServeTask, never>;
  #piscina: Piscina<ServeTask, never> | undefined;
  readonly #board: Board;
  /** Thread id → the beats last seen, and how often they were the same. */
  readonly #looks = new Map<number, { beats: number; same: number }>();
  readonly #silent = new Set<number>();
  readonly #silentMsMax: number;
  readonly #threadsMax: number;
  readonly #lanes = new Set<Lane>();
  /** Messages that wait for a lane with room, oldest first. */
  readonly #queue: [ThreadMessage, Asker][] = [];
  /** Of the thread that ended last: what died with it was taken by this. */
  lastDeath: Death = { how: 'ended its thread', onPurpose: false };

  constructor({ threads, heapMbMax, silentMsMax, setup, hear }: GroupOptions) {
    this.#silentMsMax = silentMsMax;
    this.#threadsMax = threads;
    this.#board = new Board(newBoard(threads * slotsPerThread));
    const workerData: ThreadSetup = {
      ...setup,
      board: this.#board.shape,
      beatMs: silentMsMax / (looksMax * 2),
    };
    this.#start = () => startThreads(threads, heapMbMax, workerData, hear);
  }

  /** None before the first message: where every plugin has its own thread, nobody needs these. */
  get threads(): number {
    return this.#living.length;
  }

  /** Messages that can be under way or waiting. */
  get inFlightMax(): number {
    return this.#threadsMax * jobsPerThreadMax + jobsWaitingMax;
  }

  get #living(): readonly Worker[] {
    return this.#piscina?.threads ?? [];
  }

  /**
   * Asks a thread; when it ends before it answers, `reap` tells why. Answers where the message is,
   * if it has a lane already.
   */
  run(message: ThreadMessage, asker: Asker): Place | undefined {
    const lane = this.#queue.length === 0 ? this.#laneWithRoom() : undefined;
    if (lane !== undefined) return { lane, id: lane.ask(message, asker) };
    this.#queue.push([message, asker]);
    return undefined;
  }

  /** Messages under way or waiting. */
  get inFlight(): number {
    let underWay = this.#queue.length;
    for (const lane of this.#lanes) underWay += lane.inFlight;
    return underWay;
  }

  /** Answers have come: there is room for some that wait. */
  #drain(): void {
    while (this.#queue.length > 0) {
      const lane = this.#laneWithRoom();
      if (lane === undefined) return;
      const [message, asker] = this.#queue.shift() as [ThreadMessage, Asker];
      lane.ask(message, asker);
    }
  }

  /** The least busy lane; a new one while there are fewer than threads. */
  #laneWithRoom(): Lane | undefined {
    if (this.#lanes.size < this.#threadsMax) return this.#open();
    let best: Lane | undefined;
    for (const lane of this.#lanes) {
      if (lane.inFlight < (best?.inFlight ?? jobsPerThreadMax)) best = lane;
    }
    return best;
  }

  #open(): Lane {
    this.#piscina ??= this.#start();
    const { port1, port2 } = new MessageChannel();
    const lane = new Lane(port1, () => this.#drain());
    this.#lanes.add(lane);
    const served = this.#piscina.run({ port: port2 }, { transferList: [port2] });
    served.catch((error: unknown) => {
      this.#lanes.delete(lane);
      lane.end(error);
    });
    return lane;
  }

  /** True while one of its threads has not taken this version of what is on at the wire. */
  isBehindWire(version: number): boolean {
    const living = new Set(this.#living.map((thread) => thread.threadId));
    return this.#board.isBehindWire(version, living);
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
  hear: (said: Said) => void,
): Piscina<ServeTask, never> => {
  const piscina = new Piscina<ServeTask, never>({
    filename: new URL('./thread.js', import.meta.url).href,
    name: 'serve',
    minThreads: threads,
    maxThreads: threads,
    atomics: 'disabled',
    recordTiming: false,
    resourceLimits: {
      maxOldGenerationSizeMb: heapMbMax,
      maxYoungGenerationSizeMb: threadYoungMbMax,
    },
    workerData,
  });
  piscina.on('message', (message: Partial<Said>) => {
    if (message.kind === 'said') hear(message as Said);
  });
  // A thread that ends with no task on it: it is reaped at the next look.
  piscina.on('error', () => {});
  return piscina;
};

/** How often `look` must be called for a thread to be found silent in time. */
export const lookEveryMs = (silentMsMax: number): number => silentMsMax / looksMax;
