/** Brings a journal of an older format, or a new file, to the newest one: all of it, or nothing. */
import type Database from 'better-sqlite3';
import { applicationId, formatNewest } from './header.ts';
import { makeMark } from './mark.ts';
import { findExtents, reachSum, sumOfExtents } from './reader.ts';
import { damaged } from './refusal.ts';
import { entrySum, seedOf } from './sums.ts';

/**
 * Step n brings a file of format n to format n + 1; a new file has format 0.
 *
 * An entry's place is its stream's number and its own in one integer. Keys of text would need a
 * tree whose inner nodes hold whole entries: a search that met a run's first one, of megabytes,
 * would read all of it. Streams are found by name in memory: an index of names in the file would be
 * one more thing to be damaged.
 */
const migrations: readonly string[] = [
  `CREATE TABLE stream (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
   CREATE TABLE entry (place INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT`,
  `ALTER TABLE stream RENAME TO stream_1;
   ALTER TABLE entry RENAME TO entry_1;
   CREATE TABLE stream (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;
   CREATE TABLE entry (place INTEGER PRIMARY KEY, sum INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
   CREATE TABLE reach (commits INTEGER NOT NULL, sum INTEGER NOT NULL) STRICT;
   INSERT INTO stream SELECT id, name FROM stream_1
     WHERE id IN (SELECT DISTINCT place >> 32 FROM entry_1);
   INSERT INTO entry SELECT place,
     entry_sum((SELECT name FROM stream WHERE id = place >> 32), place & 0xFFFFFFFF, body), body
     FROM entry_1;
   DROP TABLE entry_1;
   DROP TABLE stream_1`,
];

/** Throws JournalError `damaged`, or SQLite's error; the file is what it was then. */
export const migrate = (db: Database.Database, path: string): void => {
  const format = Number(db.pragma('user_version', { simple: true }));
  if (format === formatNewest) return;
  makeMark(path, { format: formatNewest, commits: 0 });
  db.pragma('journal_mode = DELETE');
  db.function('entry_sum', { directOnly: true }, summing(path));
  db.transaction(() => {
    for (const step of migrations.slice(format)) db.exec(step);
    const sum = reachSum(0, sumOfExtents(findExtents(db)));
    db.prepare('INSERT INTO reach (commits, sum) VALUES (0, ?)').run(sum);
    db.pragma(`application_id = ${applicationId}`);
    db.pragma(`user_version = ${formatNewest}`);
  }).exclusive();
};

/** Asked in the order of places: an entry that is missing is noticed. */
const summing = (path: string) => {
  let before = { stream: '', seq: 0 };
  return (stream: unknown, seq: unknown, body: unknown): number => {
    if (typeof stream !== 'string' || typeof seq !== 'number' || typeof body !== 'string') {
      throw damaged(path, 'it has entries of no stream');
    }
    if (before.stream === stream && before.seq + 1 !== seq) {
      throw damaged(path, `entry ${before.seq + 1} of stream ${stream} is missing`);
    }
    before = { stream, seq };
    return entrySum(seedOf(stream), seq, body);
  };
};
