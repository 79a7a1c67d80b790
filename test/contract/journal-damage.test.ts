/** Damage that SQLite takes for content: found by sums where it is read, and by the mark. */
import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import Database from 'better-sqlite3';
import { SiteswapError } from '../../daemon/core/errors.ts';
import { JournalError } from '../../daemon/journal/journal.ts';
import { openSqliteJournal } from '../../daemon/journal/sqlite.ts';
import { SqliteStore } from '../../daemon/journal/store.ts';
import { filesIn, putFiles, sumsOf } from '../_support/damage.ts';
import { tempDir } from '../_support/temp.ts';

/** A closed journal of two streams; bodies of one length, so that bytes may be exchanged. */
const closedJournal = async (t: ExecutionContext): Promise<string> => {
  const path = join(await tempDir(t), 'journal.db');
  const journal = await openSqliteJournal({ path });
  const bodies = (of: string) => Array.from({ length: 40 }, (_, n) => `{"${of}":${n + 100}}`);
  await journal.append([{ stream: 'one', seq: 1, bodies: bodies('a') }]);
  await journal.append([{ stream: 'two', seq: 1, bodies: bodies('b') }]);
  await journal.close();
  return path;
};

const change = (path: string, sql: string): void => {
  const db = new Database(path);
  db.exec(sql);
  db.close();
};

/** Opened and looked through, as a daemon does; empty: it would start. */
const refusalOf = async (path: string): Promise<string> => {
  try {
    const journal = await openSqliteJournal({ path });
    await journal.check().finally(() => journal.close());
    return '';
  } catch (error) {
    if (error instanceof SiteswapError) return `${error.reason}: ${error.message}`;
    return error instanceof JournalError ? `${error.refusal}: ${error.message}` : String(error);
  }
};

const place = (id: number, seq: number) => `place = (${id} << 32) + ${seq}`;
const moved = (from: string, to: string) => `UPDATE entry SET ${to} WHERE ${from}`;

for (const [what, [sql, told]] of Object.entries<readonly [string, RegExp]>({
  'another digit in an entry': [
    `UPDATE entry SET body = replace(body, '107', '108') WHERE ${place(1, 8)}`,
    /entry 8 of stream one is not what was written/,
  ],
  'two entries exchanged': [
    `UPDATE entry SET place = -1 WHERE ${place(1, 3)}; ${moved(place(1, 4), place(1, 3))};
     ${moved('place = -1', place(1, 4))}`,
    /entry 3 of stream one is not what was written/,
  ],
  'two bodies exchanged with their sums': [
    `CREATE TEMP TABLE kept AS SELECT * FROM entry WHERE ${place(1, 5)};
     UPDATE entry SET (sum, body) = (SELECT sum, body FROM entry WHERE ${place(2, 5)})
       WHERE ${place(1, 5)};
     UPDATE entry SET (sum, body) = (SELECT sum, body FROM kept) WHERE ${place(2, 5)}`,
    /entry 5 of stream one is not what was written/,
  ],
  'an entry missing in the middle': [
    `DELETE FROM entry WHERE ${place(2, 20)}`,
    /entry 20 of stream two is missing/,
  ],
  'the first entry missing': [`DELETE FROM entry WHERE ${place(2, 1)}`, /do not reach/],
  'the last entry missing': [`DELETE FROM entry WHERE ${place(2, 40)}`, /do not reach/],
  'a stream under another name': [
    `UPDATE stream SET name = 'onf' WHERE name = 'one'`,
    /do not reach.*names/,
  ],
  'two names exchanged': [
    `UPDATE stream SET name = CASE name WHEN 'one' THEN 'two' ELSE 'one' END`,
    /is not what was written/,
  ],
  'a stream missing': [`DELETE FROM stream WHERE name = 'two'`, /do not reach/],
  'a stream under another number': [`UPDATE stream SET id = 7 WHERE name = 'two'`, /do not reach/],
  'an older reach': ['UPDATE reach SET commits = 1', /do not reach/],
  'no reach': ['DELETE FROM reach', /how far/],
})) {
  test(`damage: ${what} → refused, untouched`, async (t) => {
    const path = await closedJournal(t);
    change(path, sql);
    const before = sumsOf(filesIn(join(path, '..')));
    const refused = await refusalOf(path);
    t.regex(refused, /^(damaged: )?JOURNAL_DAMAGED: /);
    t.regex(refused, told);
    t.deepEqual(sumsOf(filesIn(join(path, '..'))), before);
  });
}

test('damage: what nobody has read is looked through, what was read is not again', async (t) => {
  const path = await closedJournal(t);
  change(path, `UPDATE entry SET body = replace(body, '107', '108') WHERE ${place(1, 8)}`);
  const journal = await openSqliteJournal({ path });
  t.teardown(() => journal.close());
  t.is((await journal.read('one', 1, 5)).length, 5);
  t.is((await journal.read('two', 1, 100)).length, 40);
  const damaged = { instanceOf: SiteswapError, message: /entry 8 of stream one/ };
  await t.throwsAsync(journal.check(), damaged);
});

test('damage: found by a reader of a large journal → JOURNAL_DAMAGED; the rest is read', async (t) => {
  const path = await closedJournal(t);
  change(path, `UPDATE entry SET body = replace(body, '107', '108') WHERE ${place(1, 8)}`);
  const before = sumsOf(filesIn(join(path, '..')));
  const journal = await openSqliteJournal({ path, wholeBytesMax: 0 });
  await journal.check();
  t.is((await journal.read('one', 1, 7)).length, 7);
  t.is((await journal.read('two', 1, 100)).length, 40);
  const error = await t.throwsAsync(journal.read('one', 1, 100), { instanceOf: SiteswapError });
  t.like(error, { reason: 'JOURNAL_DAMAGED' });
  t.regex(error?.message ?? '', /entry 8 of stream one is not what was written/);
  await journal.close();
  t.deepEqual(sumsOf(filesIn(join(path, '..'))), before);
});

test('mark: an older file under a newer mark → refused; with its own mark, or accepted → opens', async (t) => {
  const path = await closedJournal(t);
  const dir = join(path, '..');
  const older = filesIn(dir);
  const journal = await openSqliteJournal({ path });
  await journal.append([{ stream: 'two', seq: 41, bodies: ['x'] }]);
  await journal.close();
  const newer = filesIn(dir);

  putFiles(dir, { ...newer, 'journal.db': older['journal.db'] as Buffer });
  t.regex(await refusalOf(path), /ends with commit 2, its mark knows of 3\).*journal accept/);
  putFiles(dir, older);
  t.is(await refusalOf(path), '');
  // A newer file is more than its mark asks for: a power loss may leave it so.
  putFiles(dir, { ...newer, 'journal.db-mark': older['journal.db-mark'] as Buffer });
  t.is(await refusalOf(path), '');

  putFiles(dir, { ...newer, 'journal.db': older['journal.db'] as Buffer });
  new SqliteStore(path, { accept: true }).close();
  t.is(await refusalOf(path), '');
  t.deepEqual(filesIn(dir)['journal.db-mark'], older['journal.db-mark']);
});

test('mark: missing, empty or changed → refused, until a person accepts the journal', async (t) => {
  const path = await closedJournal(t);
  const dir = join(path, '..');
  const { 'journal.db-mark': mark, ...others } = filesIn(dir);
  const changed = Buffer.from(mark as Buffer);
  changed[40] = (changed[40] as number) ^ 1;
  for (const left of [undefined, Buffer.alloc(0), changed]) {
    putFiles(dir, left === undefined ? others : { ...others, 'journal.db-mark': left });
    t.regex(await refusalOf(path), /^damaged: .*mark/);
    new SqliteStore(path, { accept: true }).close();
    t.is(await refusalOf(path), '');
  }
});

test('mark: the file is gone → refused, and not begun anew; the mark removed too → a new one', async (t) => {
  const path = await closedJournal(t);
  rmSync(path);
  t.regex(await refusalOf(path), /knows of 2 commits.*remove the mark as well/);
  rmSync(`${path}-mark`);
  const journal = await openSqliteJournal({ path });
  t.deepEqual(await journal.streams(), []);
  await journal.close();
});

test('mark: trimmed, emptied and begun anew → the journal opens each time', async (t) => {
  const path = await closedJournal(t);
  for (const turn of [1, 2, 3]) {
    const journal = await openSqliteJournal({ path });
    t.is(await journal.trim('one', 30, 10), turn > 1);
    t.is(await journal.trim('one', 30, 100), true);
    t.is(await journal.trim('two', 1_000, 1_000), true);
    await journal.append([{ stream: 'two', seq: 1, bodies: [`${turn}`, 'x'] }]);
    await journal.close();
  }
  const journal = await openSqliteJournal({ path });
  t.like(await journal.read('one', 1, 1), { 0: { seq: 30 } });
  t.deepEqual(await journal.streams(), [
    { stream: 'one', nextSeq: 41 },
    { stream: 'two', nextSeq: 3 },
  ]);
  await journal.close();
});

const formatOne = `
  PRAGMA application_id = 1399420005; PRAGMA user_version = 1;
  CREATE TABLE stream (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
  CREATE TABLE entry (place INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT;
  INSERT INTO stream VALUES (1, 'empty'), (2, 'whole'), (3, 'trimmed');
  INSERT INTO entry VALUES ((2 << 32) + 1, 'a'), ((2 << 32) + 2, 'ü'), ((3 << 32) + 7, 'c')`;

test('migration: format 1 → the same entries under sums; one with a gap → refused, untouched', async (t) => {
  const dir = await tempDir(t);
  const [path, gap] = [join(dir, 'journal.db'), join(dir, 'gap', 'journal.db')];
  change(path, formatOne);
  mkdirSync(join(gap, '..'));
  copyFileSync(path, gap);
  const journal = await openSqliteJournal({ path });
  t.deepEqual(await journal.streams(), [
    { stream: 'trimmed', nextSeq: 8 },
    { stream: 'whole', nextSeq: 3 },
  ]);
  t.deepEqual(await journal.read('trimmed', 1, 9), [{ seq: 7, body: 'c' }]);
  t.deepEqual(await journal.read('whole', 2, 9), [{ seq: 2, body: 'ü' }]);
  await journal.close();
  t.is(await refusalOf(path), '');

  change(gap, `INSERT INTO entry VALUES ((2 << 32) + 4, 'd')`);
  const before = sumsOf(filesIn(join(gap, '..')));
  t.regex(await refusalOf(gap), /entry 3 of stream whole is missing/);
  t.is(sumsOf(filesIn(join(gap, '..')))['journal.db'], before['journal.db']);
});
