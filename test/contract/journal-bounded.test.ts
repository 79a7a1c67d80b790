/** Runs come and go for ever; the journal's file does not grow with them. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { RunOpened } from '../../daemon/core/system-entries.ts';
import type { Append } from '../../daemon/journal/journal.ts';
import { openSqliteJournal } from '../../daemon/journal/sqlite.ts';
import { Catalog } from '../../daemon/runner/catalog.ts';
import { EndedRuns } from '../../daemon/runner/ended.ts';
import { silentLog } from '../../daemon/runner/log.ts';
import { Keeper } from '../../daemon/runner/retention.ts';
import { tempDir } from '../_support/temp.ts';

const runs = 10_000;
const kept = 200;
/** Runs that end at the same moment. */
const together = 100;
const entriesPerRun = 20;
const charsPerEntry = 250;

/** Room for the runs that are kept and for the catalog, not for a quarter of what was written. */
const bytesMax = 12 * 1024 * 1024;

const opened = (runId: string, at: number): RunOpened => ({
  type: 'run-opened',
  at,
  runId,
  planId: '',
  mode: 'device',
  requester: 'ann',
  requestKey: `key of ${runId}`,
  request: 'x'.repeat(200),
});

test(`journal sqlite: ${runs} runs, ${kept} kept → the file stays bounded`, async (t) => {
  const path = join(await tempDir(t), 'journal.db');
  const bytes = () => statSync(path).size + statSync(`${path}-wal`).size;
  const journal = await openSqliteJournal({ path });
  t.teardown(() => journal.close());
  const catalog = await Catalog.open(journal);
  let now = 0;
  const keeper = new Keeper({
    catalog,
    journal,
    clock: { now: () => now },
    ended: new EndedRuns(),
    retention: { runsMax: kept, ageMsMax: runs },
    log: silentLog,
  });
  const body = 'x'.repeat(charsPerEntry);
  const entries = Array.from({ length: entriesPerRun }, () => body);
  const sizes: number[] = [];
  for (let first = 0; first < runs; first += together) {
    const runIds = Array.from({ length: together }, (_, at) => `run ${first + at}`);
    const streams = runIds.map((stream): Append => ({ stream, seq: 1, bodies: entries }));
    now++;
    await catalog.append(
      runIds.map((runId) => opened(runId, now)),
      streams,
    );
    await catalog.append(
      runIds.map((runId) => ({ type: 'run-closed', at: now, runId, result: 'succeeded' })),
    );
    keeper.wake();
    await keeper.idle();
    sizes.push(bytes());
  }
  t.is(catalog.state.runs.size, kept);
  t.is((await journal.streams()).length, kept + 1);
  t.is(catalog.state.forgotten.size, 2 * (runs - kept));
  const largest = Math.max(...sizes);
  t.log(`${largest} bytes at the most; ${runs * entriesPerRun * charsPerEntry} were written`);
  t.true(largest < bytesMax, `${largest} bytes`);
  const half = sizes.length / 2;
  t.true(Math.max(...sizes.slice(half)) < 1.2 * Math.max(...sizes.slice(0, half)));
});
