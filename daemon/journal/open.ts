/**
 * Opens the journal's file, or refuses it untouched. Everything here is about not making a bad
 * situation worse: a file that is damaged, foreign, newer than this program or in use must be byte
 * for byte what it was, so that a person still has every way to rescue it.
 *
 * Two facts of SQLite shape this code. Closing the last connection writes the log (`-wal`) back
 * into the file, so a file with a log is first looked at through a read-only connection, which
 * never does. And the file's own header lags behind the log, so migrations run without a log: then
 * the header always tells the format, before SQLite is even loaded.
 */
import {
  accessSync,
  closeSync,
  constants,
  fstatSync,
  openSync,
  readSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { JournalError } from './journal.ts';
import { damaged, refusalOf } from './refusal.ts';

/** Marks a SQLite file as a journal of ours: "Site" in ASCII. */
const applicationId = 0x53697465;

/** Files up to this size are checked whole at every start (some 100 ms at most). */
const fullCheckBytesMax = 16 * 1024 * 1024;

/**
 * Step n brings a file of format n to format n + 1; a new file has format 0.
 *
 * An entry's place is its stream's number and its own in one integer. Keys of text would need a
 * tree whose inner nodes hold whole entries: a search that met a run's first one, of megabytes,
 * would read all of it.
 */
const migrations: readonly string[] = [
  `CREATE TABLE stream (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
   CREATE TABLE entry (place INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT`,
];
const formatNewest = migrations.length;

/** Opens or creates; holds the file alone until it is closed. Throws JournalError. */
export const openDatabase = (path: string): Database.Database => {
  refuseReadOnly(path);
  refuseByHeader(path);
  if (sizeOf(`${path}-wal`) > 0) probe(path);
  const db = connect(path, false);
  try {
    db.pragma('locking_mode = EXCLUSIVE');
    inspect(db, path);
    migrate(db);
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = FULL');
    // Takes the lock now, so that a second daemon is refused from the start and not at a write.
    db.exec('BEGIN IMMEDIATE; COMMIT');
    return db;
  } catch (error) {
    db.close();
    throw refusalOf(error, path);
  }
};

const newer = (path: string, format: number): JournalError =>
  new JournalError(
    'newer-format',
    `The journal ${path} has format ${format}; this version knows formats up to ` +
      `${formatNewest}. It was left untouched: start the newer version that wrote it.`,
  );

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

const connect = (path: string, readonly: boolean): Database.Database => {
  try {
    return new Database(path, { timeout: 0, readonly });
  } catch (error) {
    throw refusalOf(error, path);
  }
};

const refuseReadOnly = (path: string): void => {
  try {
    accessSync(dirname(path), constants.W_OK);
    if (statSync(path, { throwIfNoEntry: false })) {
      accessSync(path, constants.R_OK | constants.W_OK);
    }
  } catch (error) {
    throw refusalOf(error, path);
  }
};

/** Reads the first 100 bytes by hand: SQLite might already change something. */
const refuseByHeader = (path: string): void => {
  // Creation or migration was cut short: SQLite's own rollback comes first.
  if (sizeOf(`${path}-journal`) > 0) return;
  const logged = sizeOf(`${path}-wal`) > 0;
  if (sizeOf(path) === 0) {
    if (logged) throw damaged(path, 'it is missing or empty, but its log (-wal) holds entries');
    return;
  }
  const header = Buffer.alloc(100);
  const file = openSync(path, 'r');
  let bytes: number;
  try {
    if (readSync(file, header, 0, 100, 0) < 100) throw damaged(path, 'it is cut short');
    bytes = fstatSync(file).size;
  } finally {
    closeSync(file);
  }
  if (header.toString('latin1', 0, 16) !== 'SQLite format 3\0') {
    throw damaged(path, 'it does not begin as a journal does');
  }
  if (header.readUInt32BE(68) !== applicationId) {
    throw damaged(path, 'it is a database, but not a journal of Siteswap');
  }
  if (header.readUInt32BE(60) > formatNewest) throw newer(path, header.readUInt32BE(60));
  // With a log the file may rightly be shorter: the rest is still in the log.
  const pageBytes = header.readUInt16BE(16) === 1 ? 65_536 : header.readUInt16BE(16);
  const expected = header.readUInt32BE(28) * pageBytes;
  if (!logged && bytes < expected) {
    throw damaged(path, `it should have ${expected} bytes and has ${bytes}`);
  }
};

/** Looks at a file that has a log, without the means to change either. */
const probe = (path: string): void => {
  const shared = statSync(`${path}-shm`, { throwIfNoEntry: false }) !== undefined;
  const db = connect(path, true);
  try {
    inspect(db, path);
  } catch (error) {
    throw refusalOf(error, path);
  } finally {
    db.close();
    // We made it; connections that hold the file alone keep this index in memory.
    if (!shared) rmSync(`${path}-shm`, { force: true });
  }
};

const inspect = (db: Database.Database, path: string): void => {
  const format = Number(db.pragma('user_version', { simple: true }));
  if (format > formatNewest) throw newer(path, format);
  if (format === 0) {
    const tables = db.prepare('SELECT count(*) FROM sqlite_schema').pluck().get();
    if (tables !== 0) throw damaged(path, 'it holds tables, but no format');
    return;
  }
  if (sizeOf(path) + sizeOf(`${path}-wal`) <= fullCheckBytesMax) {
    const verdict = String(db.pragma('quick_check(1)', { simple: true }));
    if (verdict !== 'ok') throw damaged(path, verdict.replaceAll('\n', ' '));
  } else {
    // Two questions: asked as one, SQLite would read everything.
    db.prepare('SELECT min(place) FROM entry').get();
    db.prepare('SELECT max(place) FROM entry').get();
  }
};

const migrate = (db: Database.Database): void => {
  const format = Number(db.pragma('user_version', { simple: true }));
  if (format === formatNewest) return;
  db.pragma('journal_mode = DELETE');
  db.transaction(() => {
    for (const step of migrations.slice(format)) db.exec(step);
    db.pragma(`application_id = ${applicationId}`);
    db.pragma(`user_version = ${formatNewest}`);
  }).exclusive();
};
