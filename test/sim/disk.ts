/**
 * A journal on a simulated disk. What was synced outlives the daemon; what was being written when
 * it died may have landed in part, call by call, and nobody was told. A full disk takes nothing
 * until it is freed.
 */
import type { Entry } from '../../daemon/core/entries.ts';
import type { SystemEntry } from '../../daemon/core/system.ts';
import {
  type Append,
  type Journal,
  JournalError,
  type JournalHealth,
  type StoredEntry,
} from '../../daemon/journal/journal.ts';
import { MemoryJournal, type MemoryStore } from '../../daemon/journal/memory.ts';
import { conflictOf } from '../../daemon/journal/sequence.ts';
import type { Chance } from './chance.ts';
import type { History } from './history.ts';
import { type Mortal, never } from './mortal.ts';
import type { SimTime } from './time.ts';

interface Waiting {
  readonly appends: readonly Append[];
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export interface DiskParts {
  readonly time: SimTime;
  readonly chance: Chance;
  readonly history: History;
  /** Longest sync in virtual milliseconds. */
  readonly syncMsMax: number;
}

export class Disk {
  readonly streams: MemoryStore = new Map();
  readonly #parts: DiskParts;
  #freed: PromiseWithResolvers<void> | undefined;

  constructor(parts: DiskParts) {
    this.#parts = parts;
  }

  get full(): boolean {
    return this.#freed !== undefined;
  }

  /** It is full. */
  goAway(): void {
    this.#freed ??= Promise.withResolvers<void>();
  }

  comeBack(): void {
    this.#freed?.resolve();
    this.#freed = undefined;
  }

  get freed(): Promise<void> | undefined {
    return this.#freed?.promise;
  }

  sync(): Promise<void> {
    const { time, chance, syncMsMax } = this.#parts;
    return time.sleep(chance.spread(1, syncMsMax));
  }

  /** Of so many calls in a group that was being written, how many had landed. */
  torn(count: number): number {
    return this.#parts.chance.between(0, count);
  }

  /** All of one call, or an error and nothing. */
  land(appends: readonly Append[]): JournalError | undefined {
    const conflict = conflictOf(appends, (name) => (this.streams.get(name)?.length ?? 0) + 1);
    if (conflict !== undefined) return new JournalError('conflict', conflict);
    for (const { stream, bodies } of appends) {
      const stored = this.streams.get(stream) ?? [];
      this.streams.set(stream, stored);
      stored.push(...bodies);
    }
    for (const { stream, bodies } of appends) {
      for (const body of bodies) {
        const entry = JSON.parse(body) as Entry | SystemEntry;
        this.#parts.history.note({ kind: 'landed', stream, entry });
      }
    }
    return undefined;
  }
}

/** One daemon's view of the disk. */
export class DiskJournal implements Journal {
  readonly #disk: Disk;
  readonly #life: Mortal;
  readonly #landed: MemoryJournal;
  #waiting: Waiting[] = [];
  #landing = false;

  constructor(disk: Disk, life: Mortal) {
    this.#disk = disk;
    this.#life = life;
    this.#landed = new MemoryJournal({ store: disk.streams });
  }

  append(appends: readonly Append[]): Promise<void> {
    if (this.#life.dead) return never();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ appends, resolve, reject });
      if (!this.#landing) void this.#landGroups();
    });
  }

  read(stream: string, fromSeq: number, limit: number): Promise<readonly StoredEntry[]> {
    return this.#landed.read(stream, fromSeq, limit);
  }

  streams(): Promise<readonly { readonly stream: string; readonly nextSeq: number }[]> {
    return this.#landed.streams();
  }

  async check(): Promise<void> {}

  async trim(stream: string, beforeSeq: number, entriesMax: number): Promise<boolean> {
    return this.#life.dead ? never() : this.#landed.trim(stream, beforeSeq, entriesMax);
  }

  health(): JournalHealth {
    return this.#disk.full ? { held: true, reason: 'the disk is full' } : { held: false };
  }

  async close(): Promise<void> {}

  async #landGroups(): Promise<void> {
    this.#landing = true;
    // Everything of this turn of the loop is one group, as in the real journal.
    await undefined;
    while (this.#waiting.length > 0 && !this.#life.dead) {
      const size = this.#waiting.length;
      await Promise.race([this.#disk.sync(), this.#life.died]);
      if (this.#life.dead) this.#landTorn(size);
      else if (this.#disk.full) await this.#disk.freed;
      else this.#landGroup(size);
    }
    this.#landing = false;
  }

  #landGroup(size: number): void {
    for (const { appends, resolve, reject } of this.#waiting.splice(0, size)) {
      const refused = this.#disk.land(appends);
      // The daemon may have died of this very entry: then nobody hears of it.
      if (this.#life.dead) return;
      if (refused === undefined) resolve();
      else reject(refused);
    }
  }

  #landTorn(size: number): void {
    if (this.#disk.full) return;
    for (const { appends } of this.#waiting.splice(0, this.#disk.torn(size))) {
      this.#disk.land(appends);
    }
  }
}
