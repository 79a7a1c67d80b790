/**
 * Translates what the file system and SQLite say into why a journal is refused, naming the path and
 * the way out. Apart from the rest, so that the main thread can use it without loading SQLite.
 */
import { basename, dirname } from 'node:path';
import { JournalError } from './journal.ts';

/** What SQLite's error means for the file at `path`. */
export const refusalOf = (error: unknown, path: string): JournalError => {
  if (error instanceof JournalError) return error;
  const code = codeOf(error);
  const words = error instanceof Error ? error.message : String(error);
  // The file system's own begin with it.
  const said = words.startsWith(code) ? words : `${code}: ${words}`;
  if (code === 'SQLITE_BUSY' || code === 'SQLITE_LOCKED') {
    return inUse(path, said);
  }
  if (isDamage(code)) return damaged(path, said);
  return new JournalError(
    'read-only',
    `The journal ${path} cannot be written (${said}). Check that ${dirname(path)} ` +
      'is writable for this user and has room, or name another state directory.',
  );
};

/**
 * Codes of what only damage leads to, since the statements are ours: a file that is no database, a
 * schema that is not the one we made, a sector that cannot be read.
 */
const damageCodes = new Set([
  'SQLITE_ERROR',
  'SQLITE_FORMAT',
  'SQLITE_IOERR_CORRUPTFS',
  'SQLITE_IOERR_READ',
  'SQLITE_IOERR_SHORT_READ',
  'SQLITE_MISMATCH',
  'SQLITE_NOTADB',
  'SQLITE_TOOBIG',
]);

export const isDamage = (code: string): boolean =>
  code.startsWith('SQLITE_CORRUPT') || damageCodes.has(code);

export const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'UNKNOWN';

/** The file is not what it should be; it was not touched. */
export const damaged = (path: string, what: string): JournalError =>
  new JournalError(
    'damaged',
    `JOURNAL_DAMAGED: The journal ${path} is damaged (${what}). It was left untouched: keep it ` +
      'for rescue, and name another state directory; or restore a copy, if no run went on since ' +
      'it was made.',
  );

/** What was acknowledged last is not there; it may still be had. */
export const cutShort = (path: string, what: string): JournalError => {
  const [name, directory] = [basename(path), dirname(path)];
  return new JournalError(
    'damaged',
    `JOURNAL_DAMAGED: The journal ${path} lacks what was acknowledged last (${what}). ` +
      `It was left untouched: bring ${name}, ${name}-wal and ${name}-mark back to ${directory} ` +
      'as they stood together. Only if that cannot be done, `siteswap journal accept` gives up ' +
      'what is missing.',
  );
};

/** Found while it is read: by a daemon that is starting, or one that goes on with the rest. */
export const damagedEntry = (path: string, what: string): JournalError =>
  new JournalError('damaged', `The journal ${path} is damaged (${what}).`);

/** Somebody else holds the file. */
export const inUse = (path: string, said: string): JournalError =>
  new JournalError(
    'in-use',
    `The journal ${path} is in use by another daemon (${said}). ` +
      'Stop that one, or give this one a state directory of its own.',
  );
