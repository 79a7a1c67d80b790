/**
 * The journal's table and its prepared statements: everything that knows SQL. Synchronous; it lives
 * in the journal's thread.
 */
import type Database from 'better-sqlite3';
import { JournalError } from './journal.ts';
import type { Call, Conflict } from './messages.ts';
import { openDatabase } from './open.ts';
import { conflictOf } from './sequence.ts';

/** Every stream by hopping from name to name: costs one look-up a stream, not one an entry. */
const streamsSql = `
  WITH RECURSIVE name(stream) AS (
    SELECT min(stream) FROM entry
    UNION ALL
    SELECT (SELECT min(stream) FROM entry WHERE stream > name.stream) FROM name
    WHERE name.stream IS NOT NULL
  )
  SELECT stream, (SELECT max(seq) + 1 FROM entry WHERE entry.stream = name.stream)
  FROM name WHERE stream IS NOT NULL`;

export class SqliteStore {
  readonly #path: string;
  readonly #db: Database.Database;
  readonly #insert: Database.Statement<[string, number, string]>;
  readonly #last: Database.Statement<[string], number | null>;
  readonly #read: Database.Statement<[string, number, number], [number, string]>;
  readonly #streams: Database.Statement<[], [string, number]>;
  readonly #landAll: Database.Transaction<(calls: readonly Call[]) => Conflict[]>;

  /** Throws JournalError when the file is refused. */
  constructor(path: string) {
    this.#path = path;
    const db = openDatabase(path);
    this.#db = db;
    this.#insert = db.prepare('INSERT INTO entry (stream, seq, body) VALUES (?, ?, ?)');
    this.#last = db
      .prepare<[string], number | null>('SELECT max(seq) FROM entry WHERE stream = ?')
      .pluck();
    this.#read = db
      .prepare<[string, number, number], [number, string]>(
        'SELECT seq, body FROM entry WHERE stream = ? AND seq >= ? ORDER BY seq LIMIT ?',
      )
      .raw();
    this.#streams = db.prepare<[], [string, number]>(streamsSql).raw();
    this.#landAll = db.transaction((calls) => this.#insertAll(calls));
  }

  /**
   * One transaction, one sync. Answers the calls that were refused; all others are durable. Throws
   * SQLite's error when nothing could be written: then none is.
   */
  land(calls: readonly Call[]): readonly Conflict[] {
    return this.#landAll.immediate(calls);
  }

  /** Bodies of consecutive entries from `fromSeq` on. */
  read(stream: string, fromSeq: number, limit: number): readonly string[] {
    return this.#read.all(stream, fromSeq, limit).map(([seq, body], index) => {
      if (seq === fromSeq + index) return body;
      const hole = `entry ${fromSeq + index} of stream ${stream} is missing`;
      throw new JournalError('damaged', `The journal ${this.#path} is damaged (${hole}).`);
    });
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

  #insertAll(calls: readonly Call[]): Conflict[] {
    const conflicts: Conflict[] = [];
    const nextSeqOf = (stream: string): number => (this.#last.get(stream) ?? 0) + 1;
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
      for (let index = 0; index < bodies.length; index++) {
        this.#insert.run(stream, seq + index, bodies[index] as string);
      }
    }
  }
}
