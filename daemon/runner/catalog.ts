/**
 * The catalog: the system stream in memory, and the only way to append to it. Entries of a run may
 * land together with it, so that a run and the record of it are never apart.
 */

import { decode, encode } from '../core/entry-text.ts';
import { SiteswapError } from '../core/errors.ts';
import type { RemoteEvidence } from '../core/inventory.ts';
import { judgedMax } from '../core/limits.ts';
import { emptySystem, foldSystem, type SystemEntry, type SystemState } from '../core/system.ts';
import { type Append, type Journal, JournalError } from '../journal/journal.ts';
import { Lines } from './lines.ts';
import { entriesPerReadMax, systemStream } from './streams.ts';

/** Others appended what changes how a request is to be judged. */
export const catalogMoved = (): SiteswapError =>
  new SiteswapError('CATALOG_MOVED', 'other members changed what this request was judged by');

/** What an entry says of the request that it belongs to. */
export const markOf = (requestId: string | undefined): { readonly requestId?: string } =>
  requestId === undefined ? {} : { requestId };

export class Catalog {
  readonly state: SystemState = emptySystem();
  readonly #journal: Journal;
  /** Journals of many members: one append or reading at a time. */
  #line: Promise<unknown> = Promise.resolve();
  readonly #again = new Lines();
  /** By site: whoever opens what goes by its loss, or takes back that it is lost, in turn. */
  readonly losses = new Lines();
  /** Entries of other members, not handed on yet. */
  #foreign: SystemEntry[] = [];
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
    await catalog.#read();
    catalog.#foreign = [];
    return catalog;
  }

  /** Folds whatever others have appended. */
  async refresh(): Promise<void> {
    if (this.#journal.shared !== undefined) await this.#inLine(() => this.#read());
  }

  /**
   * Folds whatever others have appended; answers all of it that was not answered before, and the
   * number of the newest entry that is known then.
   */
  async catchUp(): Promise<{ readonly entries: readonly SystemEntry[]; readonly seq: number }> {
    await this.refresh();
    return { entries: this.#foreign.splice(0), seq: this.#nextSeq - 1 };
  }

  /**
   * Judges a request by a state that lacks nothing, and again when what it was judged by has
   * changed before its entries landed; those who judge again do it one after the other, or each
   * would be in the way of all. Throws CATALOG_MOVED when that goes on.
   */
  async judged<T>(judge: () => Promise<T>): Promise<T> {
    const judgeNow = () => this.#judgeOnce(judge);
    for (let times = 1; ; times++) {
      try {
        return await (times === 1 ? judgeNow() : this.#again.run('', judgeNow));
      } catch (error) {
        const again = error instanceof SiteswapError && error.reason === 'CATALOG_MOVED';
        if (!again || times === judgedMax) throw error;
      }
    }
  }

  /** The same request was here before: a member that did it may have died before it said so. */
  isDone(requestId: string | undefined): boolean {
    return requestId !== undefined && this.state.doneRequests.has(requestId);
  }

  async #judgeOnce<T>(judge: () => Promise<T>): Promise<T> {
    await this.refresh();
    return judge();
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

  /** Others append to the journal too. */
  get isShared(): boolean {
    return this.#journal.shared !== undefined;
  }

  /** Throws JOURNAL_HELD: who asks for something new is told at once, and not kept waiting. */
  expectNotHeld(): void {
    const { held, reason } = this.#journal.health();
    if (held) throw new SiteswapError('JOURNAL_HELD', reason ?? 'the journal is held');
  }

  /**
   * Durable (with `alongside`) when it resolves; only then does the state know. `still`: whether
   * the entries hold in a state with what others have appended meanwhile; else CATALOG_MOVED.
   * `made`: the evidence that `devices-changed` leads to, where it is at hand.
   */
  async append(
    entries: readonly SystemEntry[],
    alongside: readonly Append[] = [],
    still: () => boolean = () => true,
    made?: RemoteEvidence,
  ): Promise<void> {
    if (this.#journal.shared !== undefined) {
      return this.#inLine(() => this.#landAmongOthers(entries, alongside, still));
    }
    const landing = this.#land(entries, entries.map(encode), alongside, made);
    this.#landing.add(landing);
    try {
      await landing;
    } finally {
      this.#landing.delete(landing);
    }
  }

  /** Resolves when everything that is being appended here is folded. */
  async quiet(): Promise<void> {
    while (this.#landing.size > 0) await Promise.allSettled(this.#landing);
  }

  /**
   * Appends what holds, as `make` tells it from a state that lacks no entry; answers how many
   * characters it took.
   */
  async restate(make: (state: SystemState) => readonly SystemEntry[]): Promise<number> {
    await this.quiet();
    const before = this.#chars;
    const landing = this.append(make(this.state));
    const chars = this.#chars - before;
    await landing;
    return chars;
  }

  /** The evidence that is recorded, in another form: it says the same. */
  recast(evidence: RemoteEvidence): void {
    this.state.inventory.set(evidence.remote.id, evidence);
  }

  /** Nothing is left but what was stated anew, in so many characters. */
  trimmed(chars: number): void {
    this.#chars = chars;
  }

  async #inLine<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#line.then(work);
    this.#line = mine.catch(() => {});
    return mine;
  }

  /** Everything from the next number on. */
  async #read(): Promise<number> {
    for (let count = 0; ; ) {
      const page = await this.#journal.read(systemStream, this.#nextSeq, entriesPerReadMax);
      for (const { seq, body } of page) {
        const entry = decode<SystemEntry>(body);
        foldSystem(this.state, entry);
        this.#foreign.push(entry);
        this.#chars += body.length;
        this.#nextSeq = seq + 1;
      }
      count += page.length;
      if (page.length < entriesPerReadMax) return count;
    }
  }

  /** The number that we believe to be the next may be taken: then what took it is read first. */
  async #landAmongOthers(
    entries: readonly SystemEntry[],
    alongside: readonly Append[],
    still: () => boolean,
  ): Promise<void> {
    const bodies = entries.map(encode);
    for (;;) {
      if (!still()) throw catalogMoved();
      try {
        const own = { stream: systemStream, seq: this.#nextSeq, bodies };
        await this.#journal.append([own, ...alongside]);
        break;
      } catch (error) {
        const conflict = error instanceof JournalError && error.refusal === 'conflict';
        if (!conflict || (await this.#read()) === 0) throw error;
      }
    }
    this.#nextSeq += bodies.length;
    for (const body of bodies) this.#chars += body.length;
    for (const entry of entries) foldSystem(this.state, entry);
  }

  async #land(
    entries: readonly SystemEntry[],
    bodies: readonly string[],
    alongside: readonly Append[],
    made: RemoteEvidence | undefined,
  ): Promise<void> {
    const seq = this.#nextSeq;
    this.#nextSeq += bodies.length;
    for (const body of bodies) this.#chars += body.length;
    await this.#journal.append([{ stream: systemStream, seq, bodies }, ...alongside]);
    for (const entry of entries) {
      if (entry.type === 'devices-changed' && made !== undefined) this.recast(made);
      else foldSystem(this.state, entry);
    }
  }
}
