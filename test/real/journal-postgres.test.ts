/** The journal in a real PostgreSQL: every store's suite, and what only a server can do to it. */
import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import pg from 'pg';
import { copyJournal } from '../../daemon/journal/copy.ts';
import { type Journal, JournalError } from '../../daemon/journal/journal.ts';
import { MemoryJournal } from '../../daemon/journal/memory.ts';
import { openPgJournal } from '../../daemon/journal/pg.ts';
import { contentOf, copyOptions, fillJournal } from '../_support/journal-content.ts';
import { type PostgresServer, startPostgres } from '../_support/postgres.ts';
import { journalSuite } from '../contract/_journal-suite.ts';

let server: PostgresServer;

test.before(async () => {
  server = await startPostgres();
});
test.after.always(() => server?.stop());

journalSuite('postgres', async () => {
  const url = await server.database();
  return () => openPgJournal({ url });
});

const opened = async (t: ExecutionContext): Promise<{ url: string; journal: Journal }> => {
  const url = await server.database();
  const journal = await openPgJournal({ url });
  t.teardown(() => journal.close());
  return { url, journal };
};

const ask = async (url: string, sql: string) => {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  return client.query(sql).finally(() => client.end());
};

const bodiesOf = async (journal: Journal, stream: string) =>
  (await journal.read(stream, 1, 100_000)).map(({ body }) => body);

test('journal postgres: opened by many at once → each number is taken by one', async (t) => {
  const { url, journal } = await opened(t);
  const others = await Promise.all([1, 2, 3].map(() => openPgJournal({ url })));
  t.teardown(() => Promise.all(others.map((other) => other.close())));
  const journals = [journal, ...others];
  for (let seq = 1; seq <= 50; seq++) {
    const takes = journals.map((one, n) =>
      one.append([{ stream: 'a', seq, bodies: [`${n}`] }]).then(
        () => 1,
        () => 0,
      ),
    );
    t.is(
      (await Promise.all(takes)).reduce<number>((sum, took) => sum + took, 0),
      1,
    );
  }
  t.is((await bodiesOf(journal, 'a')).length, 50);
});

test('journal postgres: a newer format → refused', async (t) => {
  const url = await server.database();
  await (await openPgJournal({ url })).close();
  await ask(url, 'UPDATE siteswap.format SET version = 99');
  const error = await t.throwsAsync(openPgJournal({ url }), { instanceOf: JournalError });
  t.is(error?.refusal, 'newer-format');
  t.regex(error?.message ?? '', /format 99/);
});

test('journal postgres: a server that is not there → refused, without the password', async (t) => {
  const url = 'postgres://ann:s3cret-word@127.0.0.1:1/none';
  const error = await t.throwsAsync(openPgJournal({ url }), { instanceOf: JournalError });
  t.is(error?.refusal, 'unreachable');
  t.regex(error?.message ?? '', /127\.0\.0\.1:1\/none/);
  t.notRegex(error?.message ?? '', /s3cret/);
});

test('journal postgres: an older epoch → fenced, and nothing lands', async (t) => {
  const { url, journal } = await opened(t);
  const append = (seq: number, epoch: number) =>
    journal.append([
      { stream: 'run', seq, bodies: ['x'], epoch },
      { stream: 'other', seq: 1, bodies: ['y'] },
    ]);
  await journal.append([{ stream: 'run', seq: 1, bodies: ['x'], epoch: 1 }]);
  await ask(url, "UPDATE siteswap.stream SET epoch = 2 WHERE name = 'run'");
  const error = await t.throwsAsync(append(2, 1), { instanceOf: JournalError });
  t.is(error?.refusal, 'fenced');
  t.deepEqual(await bodiesOf(journal, 'other'), []);
  await append(2, 2);
  t.deepEqual(await bodiesOf(journal, 'other'), ['y']);
});

/** Appends one by one until told to stop; answers how many were acknowledged. */
const appendOneByOne = (journal: Journal, stream: string) => {
  let stopped = false;
  const acknowledged = (async () => {
    let seq = 0;
    while (!stopped) {
      await journal.append([{ stream, seq: seq + 1, bodies: [`${seq + 1}`] }]);
      seq++;
    }
    return seq;
  })();
  return { acknowledged, stop: () => (stopped = true) };
};

test('journal postgres: connections cut under load → each entry once, in order', async (t) => {
  const { url, journal } = await opened(t);
  const writers = ['a', 'b', 'c'].map((stream) => ({ stream, ...appendOneByOne(journal, stream) }));
  for (let cut = 0; cut < 30; cut++) {
    await delay(10 + (cut % 7));
    await ask(
      url,
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'siteswap%'" +
        ' AND datname = current_database()',
    );
  }
  for (const { stop } of writers) stop();
  for (const { stream, acknowledged } of writers) {
    const count = await acknowledged;
    t.true(count > 0);
    const expected = Array.from({ length: count }, (_, n) => `${n + 1}`);
    t.deepEqual(await bodiesOf(journal, stream), expected);
  }
  t.deepEqual(journal.health(), { held: false });
});

test('journal postgres: an answer lost in mid-append → settled, lands exactly once', async (t) => {
  const { url, journal } = await opened(t);
  await journal.append([{ stream: 'a', seq: 1, bodies: ['1'] }]);
  // The commit waits behind another's lock; the connection is cut while it waits, then let go.
  const other = new pg.Client({ connectionString: url });
  other.on('error', () => {});
  await other.connect();
  await other.query("BEGIN; SELECT 1 FROM siteswap.stream WHERE name = 'a' FOR UPDATE");
  const append = journal.append([{ stream: 'a', seq: 2, bodies: ['2'] }]);
  const cut =
    'SELECT count(pg_terminate_backend(pid))::int AS cut FROM pg_stat_activity ' +
    "WHERE wait_event_type = 'Lock' AND datname = current_database()";
  while ((await ask(url, cut)).rows[0]?.cut === 0) await delay(5);
  while (!journal.health().held) await delay(5);
  t.deepEqual(await bodiesOf(journal, 'a'), ['1']);
  await other.query('COMMIT');
  await other.end();
  await append;
  t.deepEqual(await bodiesOf(journal, 'a'), ['1', '2']);
});

test('journal postgres: taken over → fenced, for good', async (t) => {
  const { url, journal } = await opened(t);
  await ask(url, 'DELETE FROM siteswap.writer');
  for (let attempt = 0; attempt < 2; attempt++) {
    const append = journal.append([{ stream: 'a', seq: 1, bodies: ['x'] }]);
    const error = await t.throwsAsync(append, { instanceOf: JournalError });
    t.is(error?.refusal, 'fenced');
  }
  t.true(journal.health().held);
});

test.serial(
  'journal postgres: the server dies and comes back → held, then all lands',
  async (t) => {
    const own = await startPostgres();
    t.teardown(() => own.stop());
    const journal = await openPgJournal({ url: await own.database() });
    t.teardown(() => journal.close());
    const { acknowledged, stop } = appendOneByOne(journal, 'a');
    await delay(50);
    await own.kill();
    while (!journal.health().held) await delay(5);
    t.regex(journal.health().reason ?? '', /goes on by itself/);
    await own.start();
    while (journal.health().held) await delay(5);
    stop();
    const count = await acknowledged;
    const expected = Array.from({ length: count }, (_, n) => `${n + 1}`);
    t.deepEqual(await bodiesOf(journal, 'a'), expected);
  },
);

test.serial(
  'journal postgres: closed while held → refused; what was acknowledged stays',
  async (t) => {
    const own = await startPostgres();
    t.teardown(() => own.stop());
    const url = await own.database();
    const journal = await openPgJournal({ url });
    await journal.append([{ stream: 'a', seq: 1, bodies: ['1'] }]);
    await own.kill();
    const append = journal.append([{ stream: 'a', seq: 2, bodies: ['2'] }]);
    const refused = t.throwsAsync(append, { instanceOf: JournalError });
    while (!journal.health().held) await delay(5);
    await journal.close();
    t.is((await refused)?.refusal, 'closed');
    await own.start();
    const again = await openPgJournal({ url });
    t.teardown(() => again.close());
    t.deepEqual(await bodiesOf(again, 'a'), ['1']);
  },
);

test('journal postgres: copied into it and back → every number and byte', async (t) => {
  const { journal } = await opened(t);
  const [source, back] = [new MemoryJournal(), new MemoryJournal()];
  await fillJournal(source);
  const there = await copyJournal(source, journal, copyOptions);
  t.deepEqual(await copyJournal(journal, back, copyOptions), there);
  t.deepEqual(await contentOf(back), await contentOf(source));
});
