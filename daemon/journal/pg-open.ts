/**
 * Opens the journal in PostgreSQL: makes its tables where there are none, and refuses a schema that
 * is newer than this program, and a server that does not keep what it acknowledges.
 */
import { JournalError } from './journal.ts';
import type { Line } from './pg-line.ts';
import { formatNewest, schemaSql } from './pg-schema.ts';

/** Throws JournalError, also when the server is not to be had. */
export const openDatabase = async (line: Line, writer: string, place: string): Promise<void> => {
  try {
    await line.ask(schemaSql);
    const [format] = await line.ask('SELECT version FROM siteswap.format');
    if ((format?.version as number) > formatNewest) throw newer(place, format?.version as number);
    const [fsync] = await line.ask("SELECT current_setting('fsync') AS fsync");
    if (fsync?.fsync !== 'on') throw notDurable(place);
    await line.ask('INSERT INTO siteswap.writer (id) VALUES ($1)', [writer]);
  } catch (error) {
    throw error instanceof JournalError ? error : unreachable(place, error);
  }
};

/** What went wrong with a question: the server's code and words, or those of the connection. */
export const said = (error: unknown): string => {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : '';
  const what = error instanceof Error ? error.message : String(error);
  return code ? `${code}: ${what}` : what;
};

const unreachable = (place: string, error: unknown): JournalError =>
  new JournalError(
    'unreachable',
    `The journal at PostgreSQL ${place} cannot be opened (${said(error)}). Check that the server ` +
      'runs, and that the user may connect and create a schema in this database.',
  );

const newer = (place: string, format: number): JournalError =>
  new JournalError(
    'newer-format',
    `The journal at PostgreSQL ${place} has format ${format}; this version knows formats up to ` +
      `${formatNewest}. It was left untouched: start the newer version that wrote it.`,
  );

const notDurable = (place: string): JournalError =>
  new JournalError(
    'not-durable',
    `PostgreSQL ${place} runs with fsync = off: it acknowledges what it can lose. Turn it on.`,
  );
