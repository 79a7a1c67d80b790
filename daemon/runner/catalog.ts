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

  private constructor(journal: Journal) {
    this.#journal = journal;
  }

  /** Reads the whole system stream. */
  static async open(journal: Journal): Promise<Catalog> {
    const catalog = new Catalog(journal);
    for (;;) {
      const page = await journal.read(systemStream, catalog.#nextSeq, entriesPerReadMax);
      for (const { body } of page) foldSystem(catalog.state, decode<SystemEntry>(body));
      catalog.#nextSeq += page.length;
      if (page.length < entriesPerReadMax) return catalog;
    }
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
    const seq = this.#nextSeq;
    this.#nextSeq += entries.length;
    await this.#journal.append([
      { stream: systemStream, seq, bodies: entries.map(encode) },
      ...alongside,
    ]);
    for (const entry of entries) foldSystem(this.state, entry);
  }
}
