/**
 * The journal's tables and their prepared statements: everything that knows SQL. Synchronous; it
 * lives in the journal's thread.
 */
import type Database from 'better-sqlite3';
import { JournalError } from './journal.ts';
import type { Call, Conflict, Question } from './messages.ts';
import { openDatabase } from './open.ts';
import { conflictOf } from './sequence.ts';

/** An entry's place: its stream's id above, its sequence number below (see open.ts). */
const places = 'place BETWEEN id << 32 AND (id << 32) + 0xFFFFFFFF';
const nextSeq = `coalesce((SELECT max(place) FROM entry WHERE ${places}) - (id << 32), 0) + 1`;

/** One lower bound, not two: SQLite would begin at the first and walk to the second. */
const readSql = `
  SELECT place - (id << 32), body FROM stream
  CROSS JOIN entry ON place BETWEEN (id << 32) + ? AND (id << 32) + 0xFFFFFFFF
  WHERE name = ? ORDER BY place LIMIT ?`;

const oldestSql = `
  SELECT (SELECT min(place) FROM entry WHERE ${places}) - (id << 32) FROM stream WHERE name = ?`;
const trimSql = 'DELETE FROM entry WHERE place >= ? << 32 AND place < (? << 32) + ?';

type Asked<Kind> = Omit<Extract<Question, { kind: Kind }>, 'kind' | 'id'>;

export class SqliteStore {
  readonly #path: string;
  readonly #db: Database.Database;
  readonly #begin: Database.Statement<[string]>;
  readonly #id: Database.Statement<[string], number>;
  readonly #insert: Database.Statement<[number, number, string]>;
  readonly #next: Database.Statement<[string], number>;
  readonly #read: Database.Statement<[number, string, number], [number, string]>;
  readonly #streams: Database.Statement<[], [string, number]>;
  readonly #oldest: Database.Statement<[string], number | null>;
  readonly #trim: Database.Statement<[number, number, number]>;
  readonly #forget: Database.Statement<[string]>;
  readonly #trimOne: Database.Transaction<(asked: Asked<'trim'>) => boolean>;
  readonly #landAll: Database.Transaction<(calls: readonly Call[]) => Conflict[]>;

  /** Throws JournalError when the file is refused. */
  constructor(path: string) {
    this.#path = path;
    const db = openDatabase(path);
    this.#db = db;
    this.#begin = db.prepare('INSERT OR IGNORE INTO stream (name) VALUES (?)');
    this.#id = db.prepare<[string], number>('SELECT id FROM stream WHERE name = ?').pluck();
    this.#insert = db.prepare('INSERT INTO entry (place, body) VALUES ((? << 32) + ?, ?)');
    this.#next = db
      .prepare<[string], number>(`SELECT ${nextSeq} FROM stream WHERE name = ?`)
      .pluck();
    this.#read = db.prepare<[number, string, number], [number, string]>(readSql).raw();
    this.#streams = db
      .prepare<[], [string, number]>(`SELECT name, ${nextSeq} FROM stream ORDER BY name`)
      .raw();
    this.#oldest = db.prepare<[string], number | null>(oldestSql).pluck();
    this.#trim = db.prepare(trimSql);
    this.#forget = db.prepare('DELETE FROM stream WHERE name = ?');
    this.#trimOne = db.transaction((asked) => this.#trimSlice(asked));
    this.#landAll = db.transaction((calls) => this.#insertAll(calls));
  }

  /**
   * One transaction, one sync. Answers the calls that were refused; all others are durable. Throws
   * SQLite's error when nothing could be written: then none is.
   */
  land(calls: readonly Call[]): readonly Conflict[] {
    return this.#landAll.immediate(calls);
  }

  /** Bodies of consecutive entries; only at a stream's beginning may some be missing. */
  read({ stream, fromSeq, limit }: Asked<'read'>): { fromSeq: number; bodies: string[] } {
    const found = this.#read.all(fromSeq, stream, limit);
    const [first] = found[0] ?? [fromSeq];
    if (first !== fromSeq && first !== this.#oldest.get(stream)) throw this.#hole(stream, fromSeq);
    const bodies = found.map(([seq, body], index) => {
      if (seq === first + index) return body;
      throw this.#hole(stream, first + index);
    });
    return { fromSeq: first, bodies };
  }

  /**
   * One transaction, as far as `entriesMax` goes; true: none is left before `beforeSeq`. It waits
   * for no sync: what a crash brings back is only asked for again, and the next group's sync
   * comprises it.
   */
  trim(asked: Asked<'trim'>): boolean {
    this.#db.pragma('synchronous = NORMAL');
    try {
      return this.#trimOne.immediate(asked);
    } finally {
      this.#db.pragma('synchronous = FULL');
    }
  }

  /** Names and next sequence numbers, by name. */
  streams(): readonly (readonly [string, number])[] {
    return this.#streams.all();
  }

  /** Bounds the file's size in pages: what a full disk does, at will. */
  limitPages(pagesMax: number): void {
    this.#db.pragma(`max_page_count = ${pagesMax}`);
  }

  close(): void {
    this.#db.close();
  }

  #trimSlice({ stream, beforeSeq, entriesMax }: Asked<'trim'>): boolean {
    const id = this.#id.get(stream);
    if (id === undefined) return true;
    const next = this.#next.get(stream) as number;
    const last = Math.min(beforeSeq, next);
    const end = Math.min(last, (this.#oldest.get(stream) ?? last) + entriesMax);
    this.#trim.run(id, id, end);
    if (end === next) this.#forget.run(stream);
    return end === last;
  }

  #hole(stream: string, seq: number): JournalError {
    const hole = `entry ${seq} of stream ${stream} is missing`;
    return new JournalError('damaged', `The journal ${this.#path} is damaged (${hole}).`);
  }

  #insertAll(calls: readonly Call[]): Conflict[] {
    const conflicts: Conflict[] = [];
    const nextSeqOf = (stream: string): number => this.#next.get(stream) ?? 1;
    for (let index = 0; index < calls.length; index++) {
      const call = calls[index] as Call;
      const message = conflictOf(call, nextSeqOf);
      if (message === undefined) this.#insertOne(call);
      else conflicts.push({ call: index, message });
    }
    return conflicts;
  }

  #insertOne(call: Call): void {
    for (const { stream, seq, bodies } of call) {
      if (seq === 1) this.#begin.run(stream);
      const id = this.#id.get(stream) as number;
      for (let index = 0; index < bodies.length; index++) {
        this.#insert.run(id, seq + index, bodies[index] as string);
      }
    }
  }
}
