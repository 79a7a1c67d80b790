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
import { accessSync, constants, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { formatNewest, newer, otherFormat, refuseByHeader, sizeOf } from './header.ts';
import { makeMark, markPathOf, readMark } from './mark.ts';
import { migrate } from './migrations.ts';
import { type Reach, readReach } from './reader.ts';
import { cutShort, damaged, refusalOf } from './refusal.ts';

/** Files up to this size are looked at whole at every start (some 200 ms at most). */
const wholeBytesMax = 16 * 1024 * 1024;

export interface OpenOptions {
  /** What the mark knows of and the journal does not hold is given up: a person said so. */
  readonly accept?: boolean;
  /** Tests: files up to this size are looked at whole. */
  readonly wholeBytesMax?: number;
}

export interface OpenedDatabase {
  readonly db: Database.Database;
  readonly reach: Reach;
  /** There was a log beside the file, which closing writes back. */
  readonly logged: boolean;
  /** It is small enough to be read whole before it is used. */
  readonly small: boolean;
}

/** Opens or creates; holds the file alone until it is closed. Throws JournalError. */
export const openDatabase = (path: string, options: OpenOptions = {}): OpenedDatabase => {
  refuseReadOnly(path);
  refuseByHeader(path);
  const logged = isThere(`${path}-wal`);
  if (logged) probe(path, options);
  const db = connect(path, false);
  try {
    db.pragma('locking_mode = EXCLUSIVE');
    if (!logged) inspect(db, path, options);
    migrate(db, path);
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = FULL');
    // Takes the lock now, so that a second daemon is refused from the start and not at a write.
    db.exec('BEGIN IMMEDIATE; COMMIT');
    const reach = readReach(db, path);
    if (options.accept) makeMark(path, { format: formatNewest, commits: reach.commits });
    else compare(reach, path);
    return { db, reach, logged, small: isSmall(path, options) };
  } catch (error) {
    db.close();
    throw refusalOf(error, path);
  }
};

const connect = (path: string, readonly: boolean): Database.Database => {
  try {
    return new Database(path, { timeout: 0, readonly });
  } catch (error) {
    throw refusalOf(error, path);
  }
};

const isThere = (path: string): boolean => statSync(path, { throwIfNoEntry: false }) !== undefined;

const refuseReadOnly = (path: string): void => {
  try {
    accessSync(dirname(path), constants.W_OK);
    for (const file of [path, markPathOf(path)]) {
      if (isThere(file)) accessSync(file, constants.R_OK | constants.W_OK);
    }
  } catch (error) {
    throw refusalOf(error, path);
  }
};

/** Looks at a file that has a log, without the means to change either. */
const probe = (path: string, options: OpenOptions): void => {
  const shared = isThere(`${path}-shm`);
  const db = connect(path, true);
  try {
    inspect(db, path, options);
  } catch (error) {
    throw refusalOf(error, path);
  } finally {
    db.close();
    // We made it; connections that hold the file alone keep this index in memory.
    if (!shared) rmSync(`${path}-shm`, { force: true });
  }
};

const inspect = (db: Database.Database, path: string, options: OpenOptions): void => {
  const format = Number(db.pragma('user_version', { simple: true }));
  if (format > formatNewest) throw newer(path, format);
  const marked = options.accept ? undefined : readMark(path);
  if (marked !== undefined && marked.commits > 0 && marked.format !== format) {
    throw otherFormat(path, format, marked);
  }
  if (format === 0) {
    const tables = db.prepare('SELECT count(*) FROM sqlite_schema').pluck().get();
    if (tables !== 0) throw damaged(path, 'it holds tables, but no format');
    return;
  }
  // What is migrated has no sums yet, and must not get them for what is damaged.
  if (isSmall(path, options) || format < formatNewest) {
    const verdict = String(db.pragma('quick_check(1)', { simple: true }));
    if (verdict !== 'ok') throw damaged(path, verdict.replaceAll('\n', ' '));
  }
  if (format < formatNewest) return;
  const reach = readReach(db, path);
  if (!options.accept) compare(reach, path);
};

const isSmall = (path: string, options: OpenOptions): boolean =>
  sizeOf(path) + sizeOf(`${path}-wal`) <= (options.wholeBytesMax ?? wholeBytesMax);

const compare = ({ commits }: Reach, path: string): void => {
  const marked = readMark(path);
  if (marked === undefined) throw cutShort(path, `its mark ${markPathOf(path)} is missing`);
  if (commits >= marked.commits) return;
  throw cutShort(path, `it ends with commit ${commits}, its mark knows of ${marked.commits}`);
};
