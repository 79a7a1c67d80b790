/** A run of which an entry was changed in the file, as whoever asks for it is told. */
import { join } from 'node:path';
import test from 'ava';
import Database from 'better-sqlite3';
import { EventEncoder } from '../../daemon/api/translate-events.ts';
import { SiteswapError } from '../../daemon/core/errors.ts';
import type { EventPage } from '../../daemon/feed/page.ts';
import { openSqliteJournal } from '../../daemon/journal/sqlite.ts';
import { planFor, rig, untilRest } from '../_support/engine-on-lab.ts';
import { tempDir } from '../_support/temp.ts';

const change = (path: string, sql: string, ...values: readonly string[]): void => {
  const db = new Database(path);
  db.prepare(sql).run(...values);
  db.close();
};

/** Of the run's entries the third says another number in a place where it still parses. */
const flipDigit = `
  UPDATE entry SET body = substr(body, 1, 20) || replace(substr(body, 21), '1', '2')
  WHERE place = (SELECT (id << 32) + 3 FROM stream WHERE name = ?)`;

test('damage: GetRun, a report and a watch over a changed entry → JOURNAL_DAMAGED', async (t) => {
  const path = join(await tempDir(t), 'journal.db');
  const first = await openSqliteJournal({ path });
  const before = await rig({ journal: first });
  await before.engine.createPlan(planFor(2));
  const request = { planId: 'payroll', mode: 'planned', policies: {} } as const;
  const { runId } = await before.engine.startRun({ ...request, requester: 'ann', requestKey: 'k' });
  await untilRest(before.engine, runId);
  await before.close();
  await first.close();
  change(path, flipDigit, runId);

  // As with a journal that is too large to be read whole at the start.
  const journal = await openSqliteJournal({ path, wholeBytesMax: 0 });
  const { engine, close } = await rig({ journal });
  t.teardown(async () => {
    await close();
    await journal.close();
  });
  const watched = async () => {
    const encoder = new EventEncoder((id) => engine.describeRun(id));
    for await (const page of engine.watchRun(runId, 0, new AbortController().signal)) {
      await encoder.encode(page);
    }
  };
  for (const [what, asked] of Object.entries({
    view: () => engine.getRun(runId, 'full'),
    report: () => engine.reportRun(runId),
    replay: () => engine.replayRun(runId),
    watch: watched,
  })) {
    const error = await t.throwsAsync<SiteswapError>(asked, { instanceOf: SiteswapError }, what);
    t.is(error?.reason, 'JOURNAL_DAMAGED', what);
  }
  t.like(engine.listRuns({ openOnly: false }), { 0: { runId, result: 'succeeded' } });
});

test('damage: an entry that is no entry, among events → JOURNAL_DAMAGED', async (t) => {
  const run = { runId: 'r', workgroups: [] };
  const encoder = new EventEncoder(async () => run as never);
  const page: EventPage = { runId: 'r', events: [{ seq: 2, body: '{"type":"ta' }], last: false };
  const error = await t.throwsAsync<SiteswapError>(encoder.encode(page));
  t.is(error?.reason, 'JOURNAL_DAMAGED');
});
