/** Claims on one daemon, over the stores that need nothing to be installed. */
import { join } from 'node:path';
import { MemoryJournal } from '../../daemon/journal/memory.ts';
import { openSqliteJournal } from '../../daemon/journal/sqlite.ts';
import { tempDir } from '../_support/temp.ts';
import { claimsSuite } from './_claims-suite.ts';

/** Of each race; a tenth as many with 64 callers. */
const rounds = Number(process.env.SITESWAP_TEST_CLAIM_ROUNDS ?? 200);

claimsSuite('memory', async () => ({ journals: [new MemoryJournal()], rounds }));

claimsSuite('sqlite', async (t) => {
  const path = join(await tempDir(t), 'state', 'journal.db');
  const journal = await openSqliteJournal({ path });
  t.teardown(() => journal.close());
  return { journals: [journal], rounds: rounds / 2 };
});
