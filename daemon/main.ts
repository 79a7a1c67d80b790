/**
 * The process `siteswap daemon`. What takes longest to be there, the journal's thread, is started
 * before anything else is even loaded.
 */
import { startJournalThread } from './journal/sqlite.ts';

const thread = startJournalThread();
const { runProcess } = await import('./process.ts');
await runProcess(thread);
