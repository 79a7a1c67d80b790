/** Claims on one daemon, over the stores that need nothing to be installed. */
import { join } from 'node:path';
import { MemoryJournal } from '../../daemon/journal/memory.ts';
import { openSqliteJournal } from '../../daemon/journal/sqlite.ts';
import { tempDir } from '../_support/temp.ts';
import { claimsSuite } from './_claims-suite.ts';

const rounds = Number(process.env.SITESWAP_TEST_CLAIM_ROUNDS ?? 200);

claimsSuite('memory', async () => ({ journals: [new MemoryJournal()], rounds, crowds: rounds }));

claimsSuite('sqlite', async (t) => {
  const path = join(await tempDir(t), 'state', 'journal.db');
  return { journals: [await openSqliteJournal({ path })], rounds: rounds / 2, crowds: rounds / 10 };
});
