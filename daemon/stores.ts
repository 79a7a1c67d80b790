/** Opens the journal that the configuration names: a file of its own, or a database. */
import { join } from 'node:path';
import { MemoryQueues } from './cluster/memory-queues.ts';
import type { Queues } from './cluster/queues.ts';
import type { DaemonConfig } from './config.ts';
import type { Journal } from './journal/journal.ts';
import { type JournalThread, openSqliteJournal } from './journal/sqlite.ts';

interface StoreOptions {
  /** Started ahead of everything else; not needed for a database. */
  readonly thread?: JournalThread;
  /** Tests: see the stores. */
  readonly exitAfterEntries?: number;
  /** A file is taken as it is, whatever its mark knows of. */
  readonly accept?: boolean;
}

/** The journal's file in a state directory. */
export const fileIn = ({ state }: Pick<DaemonConfig, 'state'>): string => join(state, 'journal.db');

/** The queues beside a journal: in its database, or of this daemon alone. */
export const openQueues = async (
  { postgres }: Pick<DaemonConfig, 'postgres'>,
  { shared }: Journal,
  trouble: (message: string) => void,
): Promise<Queues> => {
  if (postgres === undefined || shared === undefined) return new MemoryQueues();
  const { openPgQueues } = await import('./cluster/pg-queues.ts');
  return openPgQueues({ url: postgres.reveal(), writer: shared.writer, trouble });
};

/** Rejects with JournalError when it is refused. */
export const openJournal = async (
  { state, postgres }: Pick<DaemonConfig, 'state' | 'postgres'>,
  { thread, ...options }: StoreOptions = {},
): Promise<Journal> => {
  if (postgres === undefined) {
    return openSqliteJournal({ path: fileIn({ state }), ...options }, thread);
  }
  await thread?.worker.terminate();
  // Loaded only by those who use it.
  const { openPgJournal } = await import('./journal/pg.ts');
  return openPgJournal({ url: postgres.reveal(), ...options });
};
