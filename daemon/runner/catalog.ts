/**
 * The catalog: the system stream in memory, and the only way to append to it. Entries of a run may
 * land together with it, so that a run and the record of it are never apart.
 */
import { SiteswapError } from '../core/errors.ts';
import { emptySystem, foldSystem, type SystemEntry, type SystemState } from '../core/system.ts';
import type { Append, Journal } from '../journal/journal.ts';
import { decode, encode, entriesPerReadMax, systemStream } from './streams.ts';

export class Catalog {
  readonly state: SystemState = emptySystem();
  readonly #journal: Journal;
  #nextSeq = 1;
  #chars = 0;
  /** Appends that are not folded yet. */
  readonly #landing = new Set<Promise<void>>();

  private constructor(journal: Journal) {
    this.#journal = journal;
  }

  /** Reads the whole system stream. */
  static async open(journal: Journal): Promise<Catalog> {
    const catalog = new Catalog(journal);
    for (;;) {
      const page = await journal.read(systemStream, catalog.#nextSeq, entriesPerReadMax);
      for (const { seq, body } of page) {
        foldSystem(catalog.state, decode<SystemEntry>(body));
        catalog.#chars += body.length;
        catalog.#nextSeq = seq + 1;
      }
      if (page.length < entriesPerReadMax) return catalog;
    }
  }

  /** Number of the next entry. */
  get nextSeq(): number {
    return this.#nextSeq;
  }

  /** Characters of the entries that the stream holds, about. */
  get chars(): number {
    return this.#chars;
  }

  /** No entry can be taken now: what can wait should not be offered. */
  get held(): boolean {
    return this.#journal.health().held;
  }

  /** Throws JOURNAL_HELD: who asks for something new is told at once, and not kept waiting. */
  expectNotHeld(): void {
    const { held, reason } = this.#journal.health();
    if (held) throw new SiteswapError('JOURNAL_HELD', reason ?? 'the journal is held');
  }

  /** Durable (with `alongside`) when it resolves; only then does the state know. */
  async append(entries: readonly SystemEntry[], alongside: readonly Append[] = []): Promise<void> {
    const landing = this.#land(entries, entries.map(encode), alongside);
    this.#landing.add(landing);
    try {
      await landing;
    } finally {
      this.#landing.delete(landing);
    }
  }

  /**
   * Appends what holds, as `make` tells it from a state that lacks no entry; answers how many
   * characters it took.
   */
  async restate(make: (state: SystemState) => readonly SystemEntry[]): Promise<number> {
    while (this.#landing.size > 0) await Promise.allSettled(this.#landing);
    const before = this.#chars;
    const landing = this.append(make(this.state));
    const chars = this.#chars - before;
    await landing;
    return chars;
  }

  /** Nothing is left but what was stated anew, in so many characters. */
  trimmed(chars: number): void {
    this.#chars = chars;
  }

  async #land(
    entries: readonly SystemEntry[],
    bodies: readonly string[],
    alongside: readonly Append[],
  ): Promise<void> {
    const seq = this.#nextSeq;
    this.#nextSeq += bodies.length;
    for (const body of bodies) this.#chars += body.length;
    await this.#journal.append([{ stream: systemStream, seq, bodies }, ...alongside]);
    for (const entry of entries) foldSystem(this.state, entry);
  }
}
