/**
 * Writes the golden journals of a release (see CONTRIBUTING.md): run once, when it is made, and
 * what stands there is never written again.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqliteJournal } from '../../daemon/journal/sqlite.ts';
import { type Rig, rig } from '../_support/engine-on-lab.ts';
import { repoRoot } from '../_support/root.ts';
import { dumpOf } from './_dump.ts';
import { groups, playDisaster, playRuns, toldOf, vms } from './_scenes.ts';

const version = process.argv[2] ?? '';
const folder = join(repoRoot, 'test/golden', version);
if (!/^\d+\.\d+\.\d+$/.test(version) || existsSync(folder)) {
  process.stderr.write('golden: needs the version of a release that has no journals yet\n');
  process.exit(2);
}

const scratch = mkdtempSync(join(tmpdir(), 'siteswap-golden-'));
mkdirSync(folder);
for (const [name, play] of Object.entries({ runs: playRuns, disaster: playDisaster })) {
  const path = join(scratch, `${name}.db`);
  const journal = await openSqliteJournal({ path });
  const made: Rig = await rig({ groups, vms, journal });
  await play(made);
  const told = await toldOf(made);
  made.engine.close();
  await journal.close();
  writeFileSync(join(folder, `${name}.sql`), dumpOf(path));
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(told, undefined, 1)}\n`);
}
rmSync(scratch, { recursive: true });
// A call hangs for ever, as it was told to.
process.exit(0);
