/** Opens the journal that the configuration names: a file of its own, or a database. */
import { join } from 'node:path';
import type { DaemonConfig } from './config.ts';
import type { Journal } from './journal/journal.ts';
import { type JournalThread, openSqliteJournal } from './journal/sqlite.ts';

interface StoreOptions {
  /** Started ahead of everything else; not needed for a database. */
  readonly thread?: JournalThread;
  /** Tests: see the stores. */
  readonly exitAfterEntries?: number;
}

/** Rejects with JournalError when it is refused. */
export const openJournal = async (
  { state, postgres }: Pick<DaemonConfig, 'state' | 'postgres'>,
  { thread, ...options }: StoreOptions = {},
): Promise<Journal> => {
  if (postgres === undefined) {
    return openSqliteJournal({ path: join(state, 'journal.db'), ...options }, thread);
  }
  await thread?.worker.terminate();
  // Loaded only by those who use it.
  const { openPgJournal } = await import('./journal/pg.ts');
  return openPgJournal({ url: postgres.reveal(), ...options });
};
