/**
 * The journal's tables and their prepared statements: everything that knows SQL. Synchronous; it
 * lives in the journal's thread.
 */
import type Database from 'better-sqlite3';
import { JournalError } from './journal.ts';
import type { Call, Conflict } from './messages.ts';
import { openDatabase } from './open.ts';
import { conflictOf } from './sequence.ts';

/** An entry's place: its stream's id above, its sequence number below (see open.ts). */
const places = 'place BETWEEN id << 32 AND (id << 32) + 0xFFFFFFFF';
const nextSeq = `coalesce((SELECT max(place) FROM entry WHERE ${places}) - (id << 32), 0) + 1`;

const readSql = `
  SELECT place - (id << 32), body FROM stream CROSS JOIN entry ON ${places}
  WHERE name = ? AND place >= (id << 32) + ? ORDER BY place LIMIT ?`;

export class SqliteStore {
  readonly #path: string;
  readonly #db: Database.Database;
  readonly #begin: Database.Statement<[string]>;
  readonly #id: Database.Statement<[string], number>;
  readonly #insert: Database.Statement<[number, number, string]>;
  readonly #next: Database.Statement<[string], number>;
  readonly #read: Database.Statement<[string, number, number], [number, string]>;
  readonly #streams: Database.Statement<[], [string, number]>;
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
    this.#read = db.prepare<[string, number, number], [number, string]>(readSql).raw();
    this.#streams = db
      .prepare<[], [string, number]>(`SELECT name, ${nextSeq} FROM stream ORDER BY name`)
      .raw();
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
