/**
 * A process that appends to a journal until it is killed: `node journal-crash.js '{"path": …}'`.
 * Prints the number of the newest acknowledged entry after each acknowledgement.
 */
import { writeSync } from 'node:fs';
import { openSqliteJournal, type SqliteJournalOptions } from '../../daemon/journal/sqlite.ts';

const options = JSON.parse(process.argv[2] as string) as SqliteJournalOptions & {
  /** Stops acknowledging here and waits to be killed. */
  readonly entries: number;
};
const journal = await openSqliteJournal(options);
for (let seq = 1; seq <= options.entries; seq++) {
  await journal.append([{ stream: `s${seq % 3}`, seq: Math.ceil(seq / 3), bodies: [`${seq}`] }]);
  writeSync(1, `${seq}\n`);
}
process.kill(process.pid, 'SIGKILL');
