/** What every journal promises, for the stores that need nothing to be installed. */
import { join } from 'node:path';
import { MemoryJournal, type MemoryStore } from '../../daemon/journal/memory.ts';
import { openSqliteJournal } from '../../daemon/journal/sqlite.ts';
import { tempDir } from '../_support/temp.ts';
import { journalSuite } from './_journal-suite.ts';

journalSuite('memory', async () => {
  const store: MemoryStore = new Map();
  return async () => new MemoryJournal({ store });
});

journalSuite('sqlite', async (t) => {
  const path = join(await tempDir(t), 'state', 'journal.db');
  return () => openSqliteJournal({ path });
});
