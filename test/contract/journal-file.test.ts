/** The journal's file: what is refused stays untouched, and what was acknowledged survives. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import Database from 'better-sqlite3';
import { type Journal, JournalError, type JournalRefusal } from '../../daemon/journal/journal.ts';
import { makeMark } from '../../daemon/journal/mark.ts';
import { openSqliteJournal } from '../../daemon/journal/sqlite.ts';
import { SqliteStore } from '../../daemon/journal/store.ts';
import { filesIn, journalFiles, putFiles } from '../_support/damage.ts';
import { tempDir } from '../_support/temp.ts';

const child = new URL('../_support/journal-crash.js', import.meta.url).pathname;

/** Appends in another process until it dies; answers the newest number it saw acknowledged. */
const appendAndDie = async (options: {
  path: string;
  entries: number;
  exitAfterEntries?: number;
}): Promise<{ acknowledged: number; signal: string }> => {
  const process_ = spawn(process.execPath, [child, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  process_.stdout.on('data', (chunk) => {
    said += chunk;
  });
  const [, signal] = await once(process_, 'close');
  return { acknowledged: Number(said.trim().split('\n').at(-1)), signal };
};

/** A closed journal of 30 entries. */
const closedJournal = async (t: ExecutionContext): Promise<string> => {
  const path = join(await tempDir(t), 'journal.db');
  const journal = await openSqliteJournal({ path });
  const bodies = Array.from({ length: 30 }, (_, n) => `${n}`.repeat(300));
  await journal.append([{ stream: 'a', seq: 1, bodies }]);
  await journal.close();
  return path;
};

const contentOf = async (dir: string): Promise<Record<string, string>> => {
  const names = (await readdir(dir)).sort();
  const read = async (name: string) =>
    [name, (await readFile(join(dir, name))).toString('base64')] as const;
  return Object.fromEntries(await Promise.all(names.map(read)));
};

/** Opening is refused for this reason, naming the path, and no byte of the directory changes. */
const refusedUntouched = async (
  t: ExecutionContext,
  path: string,
  refusal: JournalRefusal,
): Promise<string> => {
  const dir = join(path, '..');
  const before = await contentOf(dir);
  const error = await t.throwsAsync(openSqliteJournal({ path }), { instanceOf: JournalError });
  t.is(error?.refusal, refusal);
  t.true(error?.message.includes(path), error?.message);
  t.deepEqual(await contentOf(dir), before);
  return error?.message ?? '';
};

const patch = async (path: string, at: number, bytes: Buffer): Promise<void> => {
  const content = await readFile(path);
  bytes.copy(content, at);
  await writeFile(path, content);
};

const garbage = (length: number): Buffer => Buffer.alloc(length, 0xee);

for (const [what, damage] of Object.entries<(path: string) => Promise<void>>({
  'a garbage header': (path) => patch(path, 0, garbage(100)),
  'nothing but text': (path) => writeFile(path, 'this is not a journal\n'),
  'garbage in its middle': (path) => patch(path, 4096 + 8, garbage(4000)),
  'half of its pages missing': (path) => truncate(path, 8192),
  'another program’s database': async (path) => {
    await rm(path);
    new Database(path).exec('CREATE TABLE other (x)').close();
  },
})) {
  test(`journal sqlite: ${what} → refused as damaged, byte for byte untouched`, async (t) => {
    const path = await closedJournal(t);
    await damage(path);
    t.regex(await refusedUntouched(t, path, 'damaged'), /left untouched/);
  });
}

test('journal sqlite: a newer format → refused, byte for byte untouched', async (t) => {
  const path = await closedJournal(t);
  const db = new Database(path);
  db.pragma('user_version = 99');
  db.close();
  // By its mark it was never that new.
  t.regex(await refusedUntouched(t, path, 'damaged'), /format 99.*format 2/);
  makeMark(path, { format: 99, commits: 1 });
  t.regex(await refusedUntouched(t, path, 'newer-format'), /format 99/);
});

test('journal sqlite: damaged, with a log of a crash beside it → both untouched', async (t) => {
  const path = join(await tempDir(t), 'journal.db');
  const journal = await openSqliteJournal({ path });
  const bodies = Array.from({ length: 100 }, (_, n) => `${n}`.repeat(300));
  await journal.append([{ stream: 'a', seq: 1, bodies }]);
  await journal.close();
  await appendAndDie({ path, entries: 9 });
  t.deepEqual((await readdir(join(path, '..'))).sort(), [...journalFiles].sort());
  await patch(path, 4096 * 5, garbage(4096));
  await refusedUntouched(t, path, 'damaged');
});

test('journal sqlite: the file is gone but its log is not → refused, not begun anew', async (t) => {
  const path = join(await tempDir(t), 'journal.db');
  await appendAndDie({ path, entries: 9 });
  await rm(path);
  t.regex(await refusedUntouched(t, path, 'damaged'), /log/);
});

test('journal sqlite: an empty file is a new journal', async (t) => {
  const path = join(await tempDir(t), 'journal.db');
  await writeFile(path, '');
  const journal = await openSqliteJournal({ path });
  t.deepEqual(await journal.streams(), []);
  await journal.close();
  t.deepEqual((await readdir(join(path, '..'))).sort(), ['journal.db', 'journal.db-mark']);
});

test('journal sqlite: in use, here or elsewhere → refused, the first goes on', async (t) => {
  const path = join(await tempDir(t), 'journal.db');
  const journal = await openSqliteJournal({ path });
  t.teardown(() => journal.close());
  const inUse = { instanceOf: JournalError, message: /in use.*state directory/ };
  await t.throwsAsync(openSqliteJournal({ path }), inUse);
  const other = spawn(process.execPath, [child, JSON.stringify({ path, entries: 1 })]);
  let said = '';
  other.stderr.on('data', (chunk) => {
    said += chunk;
  });
  await once(other, 'close');
  t.regex(said, /in use by another daemon/);
  await journal.append([{ stream: 'a', seq: 1, bodies: ['x'] }]);
  t.is((await journal.read('a', 1, 10)).length, 1);
});

test('journal sqlite: a state directory that cannot be made → refused as read-only', async (t) => {
  const file = join(await tempDir(t), 'file');
  await writeFile(file, '');
  const error = await t.throwsAsync(openSqliteJournal({ path: join(file, 'journal.db') }), {
    instanceOf: JournalError,
    message: /cannot be written.*state directory/,
  });
  t.is(error?.refusal, 'read-only');
});

const entriesOf = async (journal: Journal): Promise<number[]> => {
  const streams = await Promise.all(
    ['s0', 's1', 's2'].map((stream) => journal.read(stream, 1, 1_000)),
  );
  return streams
    .flatMap((entries) => entries.map(({ body }) => Number(body)))
    .sort((a, b) => a - b);
};
const upTo = (last: number): number[] => Array.from({ length: last }, (_, n) => n + 1);

for (const exitAfterEntries of [1, 2, 7, 30]) {
  test(`journal sqlite: killed after entry ${exitAfterEntries} → it is there`, async (t) => {
    const path = join(await tempDir(t), 'journal.db');
    const died = await appendAndDie({ path, entries: 100, exitAfterEntries });
    t.deepEqual(died, { acknowledged: exitAfterEntries - 1, signal: 'SIGKILL' });
    const journal = await openSqliteJournal({ path });
    t.teardown(() => journal.close());
    t.deepEqual(await entriesOf(journal), upTo(exitAfterEntries));
  });
}

test('journal sqlite: a torn log → refused; accepted by a person → a prefix, in order', async (t) => {
  const dir = await tempDir(t);
  const original = join(dir, 'journal.db');
  await appendAndDie({ path: original, entries: 60 });
  const files = filesIn(dir);
  const log = files['journal.db-wal'] as Buffer;
  const kept: number[] = [];
  for (const [n, tear] of [0, 0.1, 0.35, 0.5, 0.8, 0.99, 1].entries()) {
    const path = join(dir, `torn-${n}`, 'journal.db');
    const at = Math.floor(log.length * tear);
    // Every other one is cut, the others overwritten from the tear on.
    const rest = n % 2 === 0 ? Buffer.alloc(0) : garbage(log.length - at);
    const torn = Buffer.concat([log.subarray(0, at), rest]);
    putFiles(join(path, '..'), { ...files, 'journal.db-wal': torn });
    if (tear < 1) {
      t.regex(await refusedUntouched(t, path, 'damaged'), /knows of 60\).*journal accept/);
      new SqliteStore(path, { accept: true }).close();
    }
    const journal = await openSqliteJournal({ path });
    const entries = await entriesOf(journal);
    t.deepEqual(entries, upTo(entries.length), `torn at ${at} of ${log.length}`);
    kept.push(entries.length);
    await journal.close();
  }
  t.deepEqual(
    kept,
    [...kept].sort((a, b) => a - b),
  );
  t.true((kept[0] as number) < 60);
  t.is(kept.at(-1), 60);
});
