/**
 * The journal's tables and their prepared statements: everything that writes SQL. Synchronous; it
 * lives in the journal's thread.
 */
import { renameSync } from 'node:fs';
import type Database from 'better-sqlite3';
import { formatNewest } from './header.ts';
import type { JournalError } from './journal.ts';
import { Mark } from './mark.ts';
import type { Call, Conflict, Question } from './messages.ts';
import { type OpenOptions, openDatabase } from './open.ts';
import { EntryReader, type Extent, type Reach, reachSum } from './reader.ts';
import { codeOf, damagedEntry, isDamage } from './refusal.ts';
import { conflictOf } from './sequence.ts';
import { entrySum, extentSum, seedOf } from './sums.ts';

/** An entry's place: its stream's id above, its sequence number below (see migrations.ts). */
const insertSql = 'INSERT INTO entry (place, sum, body) VALUES ((? << 32) + ?, ?, ?)';
const trimSql = 'DELETE FROM entry WHERE place >= ? << 32 AND place < (? << 32) + ?';

type Asked<Kind> = Omit<Extract<Question, { kind: Kind }>, 'kind' | 'id'>;

/** What a transaction makes of streams; undefined: nothing is left of one. */
type Grown = Map<string, Extent | undefined>;

export class SqliteStore {
  readonly #path: string;
  readonly #db: Database.Database;
  readonly #mark: Mark;
  readonly #reader: EntryReader;
  readonly #begin: Database.Statement<[string]>;
  readonly #insert: Database.Statement<[number, number, number, string]>;
  readonly #trim: Database.Statement<[number, number, number]>;
  readonly #forget: Database.Statement<[number]>;
  readonly #reachTo: Database.Statement<[number, number]>;
  readonly #trimOne: Database.Transaction<(asked: Asked<'trim'>, grown: Grown) => boolean>;
  readonly #landAll: Database.Transaction<(calls: readonly Call[], grown: Grown) => Conflict[]>;
  /** As the file has it: changed once a transaction is through. */
  #reach: Reach;
  readonly #logged: boolean;
  /** Up to where each stream was read since the opening, until all of them are. */
  #read: Map<string, number> | undefined;
  #written = false;
  #damaged = false;

  /** Throws JournalError when the file is refused. */
  constructor(path: string, options: OpenOptions = {}) {
    this.#path = path;
    const { db, reach, logged, small } = openDatabase(path, options);
    this.#db = db;
    this.#reach = reach;
    this.#logged = logged;
    if (small) this.#read = new Map();
    this.#mark = new Mark(path, formatNewest);
    this.#reader = new EntryReader(db, (what) => this.#damage(what));
    this.#begin = db.prepare('INSERT INTO stream (name) VALUES (?)');
    this.#insert = db.prepare(insertSql);
    this.#trim = db.prepare(trimSql);
    this.#forget = db.prepare('DELETE FROM stream WHERE id = ?');
    this.#reachTo = db.prepare('UPDATE reach SET commits = ?, sum = ?');
    this.#trimOne = db.transaction((asked, grown) => this.#trimSlice(asked, grown));
    this.#landAll = db.transaction((calls, grown) => this.#insertAll(calls, grown));
  }

  /**
   * One transaction, one sync. Answers the calls that were refused; all others are durable. Throws
   * SQLite's error when nothing could be written: then none is.
   */
  land(calls: readonly Call[]): readonly Conflict[] {
    const grown: Grown = new Map();
    const conflicts = this.#landAll.immediate(calls, grown);
    if (grown.size === 0) return conflicts;
    this.#grow(grown, this.#reach.commits + 1);
    this.#mark.write(this.#reach.commits);
    return conflicts;
  }

  /** Bodies of consecutive entries; only at a stream's beginning may some be missing. */
  read({ stream, fromSeq, limit }: Asked<'read'>): { fromSeq: number; bodies: string[] } {
    const extent = this.#reach.extents.get(stream);
    const first = Math.max(fromSeq, extent?.oldest ?? fromSeq);
    if (extent === undefined || first >= extent.next) return { fromSeq: first, bodies: [] };
    const bodies = this.#looking(() => this.#reader.read(stream, extent, first, limit));
    if (first === (this.#read?.get(stream) ?? extent.oldest)) {
      this.#read?.set(stream, first + bodies.length);
    }
    return { fromSeq: first, bodies };
  }

  /** Reads what nobody has read since the opening, unless the file is too large for that. */
  check(): void {
    const read = this.#read;
    this.#read = undefined;
    if (read === undefined) return;
    for (const [stream, extent] of this.#reach.extents) {
      const from = Math.max(read.get(stream) ?? 0, extent.oldest);
      this.#looking(() => this.#reader.check(stream, extent, from));
    }
  }

  /**
   * One transaction, as far as `entriesMax` goes; true: none is left before `beforeSeq`. It waits
   * for no sync: what a crash brings back is only asked for again, and the next group's sync
   * comprises it. So it is no commit that the mark may know of.
   */
  trim(asked: Asked<'trim'>): boolean {
    const grown: Grown = new Map();
    this.#db.pragma('synchronous = NORMAL');
    try {
      const done = this.#trimOne.immediate(asked, grown);
      this.#grow(grown, this.#reach.commits);
      return done;
    } finally {
      this.#db.pragma('synchronous = FULL');
    }
  }

  /** Names and next sequence numbers, by name. */
  streams(): readonly (readonly [string, number])[] {
    const found = [...this.#reach.extents].map(([name, { next }]) => [name, next] as const);
    return found.sort(([one], [other]) => (one < other ? -1 : 1));
  }

  /** Bounds the file's size in pages: what a full disk does, at will. */
  limitPages(pagesMax: number): void {
    this.#db.pragma(`max_page_count = ${pagesMax}`);
  }

  /** A file in which damage was found before anything was written stays what it was. */
  close(): void {
    this.#mark.close();
    if (this.#logged && this.#damaged && !this.#written) closeUntouched(this.#db, this.#path);
    else this.#db.close();
  }

  #looking<T>(look: () => T): T {
    try {
      return look();
    } catch (error) {
      const code = codeOf(error);
      throw isDamage(code) ? this.#damage(`${code}: ${(error as Error).message}`) : error;
    }
  }

  #damage(what: string): JournalError {
    this.#damaged = true;
    return damagedEntry(this.#path, what);
  }

  #grow(grown: Grown, commits: number): void {
    const { extents, sum } = this.#reach;
    this.#reach = { commits, extents, sum: this.#sumWith(grown, sum) };
    for (const [stream, extent] of grown) {
      if (extent === undefined) extents.delete(stream);
      else extents.set(stream, extent);
    }
    this.#written = true;
  }

  /** The streams' part in the journal's sum, with what they are to become. */
  #sumWith(grown: Grown, before: number): number {
    let sum = before;
    for (const [stream, extent] of grown) {
      const known = this.#reach.extents.get(stream);
      if (known !== undefined) sum -= extentSum(stream, known.oldest, known.next);
      if (extent !== undefined) sum += extentSum(stream, extent.oldest, extent.next);
      sum |= 0;
    }
    return sum;
  }

  #writeReach(grown: Grown, commits: number): void {
    this.#reachTo.run(commits, reachSum(commits, this.#sumWith(grown, this.#reach.sum)));
  }

  #trimSlice({ stream, beforeSeq, entriesMax }: Asked<'trim'>, grown: Grown): boolean {
    const extent = this.#reach.extents.get(stream);
    if (extent === undefined) return true;
    const { id, oldest, next } = extent;
    const last = Math.min(beforeSeq, next);
    const end = Math.min(last, oldest + entriesMax);
    if (end <= oldest) return end === last;
    this.#trim.run(id, id, end);
    if (end === next) this.#forget.run(id);
    grown.set(stream, end === next ? undefined : { ...extent, oldest: end });
    this.#writeReach(grown, this.#reach.commits);
    return end === last;
  }

  #insertAll(calls: readonly Call[], grown: Grown): Conflict[] {
    const conflicts: Conflict[] = [];
    const nextSeqOf = (stream: string): number => this.#known(stream, grown)?.next ?? 1;
    for (let index = 0; index < calls.length; index++) {
      const call = calls[index] as Call;
      const message = conflictOf(call, nextSeqOf);
      if (message === undefined) this.#insertOne(call, grown);
      else conflicts.push({ call: index, message });
    }
    if (grown.size > 0) this.#writeReach(grown, this.#reach.commits + 1);
    return conflicts;
  }

  #insertOne(call: Call, grown: Grown): void {
    for (const { stream, seq, bodies } of call) {
      if (bodies.length === 0) continue;
      const extent = this.#known(stream, grown) ?? this.#beginning(stream);
      const { id, seed } = extent;
      for (let index = 0; index < bodies.length; index++) {
        const body = bodies[index] as string;
        this.#insert.run(id, seq + index, entrySum(seed, seq + index, body), body);
      }
      grown.set(stream, { ...extent, next: seq + bodies.length });
    }
  }

  #known(stream: string, grown: Grown): Extent | undefined {
    return grown.get(stream) ?? this.#reach.extents.get(stream);
  }

  #beginning(stream: string): Extent {
    const id = Number(this.#begin.run(stream).lastInsertRowid);
    return { id, seed: seedOf(stream), oldest: 1, next: 1 };
  }
}

/**
 * Closing writes the log back into the file, and SQLite has no way to be told not to, but for one:
 * of a file that stands elsewhere it keeps its hands off.
 */
const closeUntouched = (db: Database.Database, path: string): void => {
  const elsewhere = `${path}-closing`;
  renameSync(path, elsewhere);
  try {
    db.close();
  } finally {
    renameSync(elsewhere, path);
  }
};
