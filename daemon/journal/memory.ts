/**
 * The journal in memory, for tests and simulation: the same promises as the real one, with handles
 * to hold it, to make it slow, to refuse, and to crash it at will. Hand the same `store` to the
 * next journal and it is a restart.
 */
import {
  type Append,
  type Journal,
  JournalError,
  type JournalHealth,
  type StoredEntry,
} from './journal.ts';
import { conflictOf } from './sequence.ts';

/** Stream name → bodies; the entry with sequence number n stands at n - 1, or was trimmed. */
export type MemoryStore = Map<string, string[]>;

export interface MemoryJournalOptions {
  /** Where entries land; absent: a new, empty one. */
  readonly store?: MemoryStore;
  /** Awaited before each group lands: a sync to disk of any length, by any clock. */
  readonly sync?: () => Promise<void>;
  /** Asked for each append call; an error refuses that call and no other. */
  readonly refuse?: (appends: readonly Append[]) => Error | undefined;
}

interface Waiting {
  readonly appends: readonly Append[];
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

const noSync = async (): Promise<void> => {};

export class MemoryJournal implements Journal {
  readonly store: MemoryStore;
  readonly #sync: () => Promise<void>;
  readonly #refuse: (appends: readonly Append[]) => Error | undefined;
  #waiting: Waiting[] = [];
  #landing: Promise<void> | undefined;
  #heldReason: string | undefined;
  #state: 'open' | 'closed' | 'crashed' = 'open';

  constructor(options: MemoryJournalOptions = {}) {
    this.store = options.store ?? new Map();
    this.#sync = options.sync ?? noSync;
    this.#refuse = options.refuse ?? (() => undefined);
  }

  append(appends: readonly Append[]): Promise<void> {
    if (this.#state !== 'open') return Promise.reject(closedError());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ appends, resolve, reject });
      this.#land();
    });
  }

  async read(stream: string, fromSeq: number, limit: number): Promise<readonly StoredEntry[]> {
    if (this.#state !== 'open') throw closedError();
    const bodies = this.store.get(stream) ?? [];
    const first = Math.max(fromSeq, oldestOf(bodies));
    const found = bodies.slice(first - 1, first - 1 + Math.max(limit, 0));
    return found.map((body, index) => ({ seq: first + index, body }));
  }

  async streams(): Promise<readonly { readonly stream: string; readonly nextSeq: number }[]> {
    if (this.#state !== 'open') throw closedError();
    return [...this.store]
      .map(([stream, bodies]) => ({ stream, nextSeq: bodies.length + 1 }))
      .sort((a, b) => (a.stream < b.stream ? -1 : 1));
  }

  async check(): Promise<void> {}

  async trim(stream: string, beforeSeq: number, entriesMax: number): Promise<boolean> {
    if (this.#state !== 'open') throw closedError();
    const bodies = this.store.get(stream) ?? [];
    const last = Math.min(beforeSeq - 1, bodies.length);
    const oldest = oldestOf(bodies);
    const end = Math.min(last, oldest - 1 + entriesMax);
    for (let seq = oldest; seq <= end; seq++) delete bodies[seq - 1];
    if (end === bodies.length) this.store.delete(stream);
    return end === last;
  }

  health(): JournalHealth {
    if (this.#heldReason === undefined) return { held: false };
    return { held: true, reason: this.#heldReason };
  }

  /** From here on no entry is taken, as with a full disk; appends wait in order. */
  hold(reason: string): void {
    this.#heldReason = reason;
  }

  release(): void {
    this.#heldReason = undefined;
    this.#land();
  }

  /** As `kill -9` would: what is not acknowledged is gone, and nobody is told. */
  crash(): void {
    this.#state = 'crashed';
    this.#waiting = [];
  }

  async close(): Promise<void> {
    if (this.#state === 'open') this.#state = 'closed';
    await this.#landing;
    for (const { reject } of this.#waiting.splice(0)) reject(closedError());
  }

  #land(): void {
    this.#landing ??= this.#landGroups();
  }

  async #landGroups(): Promise<void> {
    // Everything of this turn of the loop is one group, as in the real journal.
    await undefined;
    while (this.#waiting.length > 0 && this.#heldReason === undefined) {
      const size = this.#waiting.length;
      await this.#sync();
      // Held in the middle of the sync: the group stays where it is and lands later.
      if (this.#state === 'crashed' || this.#heldReason !== undefined) break;
      for (const waiting of this.#waiting.splice(0, size)) this.#landOne(waiting);
    }
    this.#landing = undefined;
  }

  #landOne({ appends, resolve, reject }: Waiting): void {
    const conflict = conflictOf(appends, (stream) => (this.store.get(stream)?.length ?? 0) + 1);
    const refused =
      conflict === undefined ? this.#refuse(appends) : new JournalError('conflict', conflict);
    if (refused !== undefined) {
      reject(refused);
      return;
    }
    for (const { stream, bodies } of appends) {
      const landed = this.store.get(stream);
      if (landed) landed.push(...bodies);
      else if (bodies.length > 0) this.store.set(stream, [...bodies]);
    }
    resolve();
  }
}

/** The number of the first entry that was not trimmed. */
const oldestOf = (bodies: readonly string[]): number => {
  const at = bodies.findIndex((_, index) => index in bodies);
  return at < 0 ? bodies.length + 1 : at + 1;
};

const closedError = (): JournalError => new JournalError('closed', 'The journal is closed.');
