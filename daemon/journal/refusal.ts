/**
 * Translates what the file system and SQLite say into why a journal is refused, naming the path and
 * the way out. Apart from the rest, so that the main thread can use it without loading SQLite.
 */
import { dirname } from 'node:path';
import { JournalError } from './journal.ts';

/** What SQLite's error means for the file at `path`. */
export const refusalOf = (error: unknown, path: string): JournalError => {
  if (error instanceof JournalError) return error;
  const code = codeOf(error);
  const said = `${code}: ${error instanceof Error ? error.message : String(error)}`;
  if (code === 'SQLITE_BUSY' || code === 'SQLITE_LOCKED') {
    return inUse(path, said);
  }
  if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB') return damaged(path, said);
  return new JournalError(
    'read-only',
    `The journal ${path} cannot be written (${said}). Check that ${dirname(path)} ` +
      'is writable for this user and has room, or name another state directory.',
  );
};

export const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'UNKNOWN';

/** The file is not what it should be; it was not touched. */
export const damaged = (path: string, what: string): JournalError =>
  new JournalError(
    'damaged',
    `The journal ${path} is damaged (${what}). It was left untouched: keep it for rescue, and ` +
      'name another state directory; or restore a copy, if no run went on since it was made.',
  );

/** Somebody else holds the file. */
export const inUse = (path: string, said: string): JournalError =>
  new JournalError(
    'in-use',
    `The journal ${path} is in use by another daemon (${said}). ` +
      'Stop that one, or give this one a state directory of its own.',
  );
