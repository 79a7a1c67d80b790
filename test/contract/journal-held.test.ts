/** A journal that can take no entry is held: nothing is lost, and it goes on by itself. */
import { execFileSync } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { type Journal, JournalError } from '../../daemon/journal/journal.ts';
import { MemoryJournal } from '../../daemon/journal/memory.ts';
import { openSqliteJournal } from '../../daemon/journal/sqlite.ts';
import { tempDir } from '../_support/temp.ts';

const body = 'x'.repeat(2_000);

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await delay(5);
};

/** Appends until the journal is held; answers the promises of all appends, in order. */
const appendUntilHeld = async (journal: Journal): Promise<Promise<void>[]> => {
  const appends: Promise<void>[] = [];
  while (!journal.health().held) {
    appends.push(journal.append([{ stream: 'a', seq: appends.length + 1, bodies: [body] }]));
    await delay(1);
  }
  return appends;
};

const seqsOf = async (journal: Journal): Promise<number[]> =>
  (await journal.read('a', 1, 100_000)).map(({ seq }) => seq);

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n + 1);

/** Fills, checks that it is held and readable, adds more, makes room, checks that all landed. */
const goesOnByItself = async (
  t: ExecutionContext,
  journal: Journal,
  makeRoom: () => Promise<void> | void,
): Promise<void> => {
  const appends = await appendUntilHeld(journal);
  const landedWhileHeld = await seqsOf(journal);
  t.deepEqual(landedWhileHeld, upTo(landedWhileHeld.length));
  t.true(landedWhileHeld.length < appends.length);
  t.regex(journal.health().reason ?? '', /full.*goes on by itself/);
  for (let more = 0; more < 10; more++) {
    appends.push(journal.append([{ stream: 'a', seq: appends.length + 1, bodies: [body] }]));
  }
  await makeRoom();
  await Promise.all(appends);
  t.deepEqual(journal.health(), { held: false });
  t.deepEqual(await seqsOf(journal), upTo(appends.length));
};

test('journal sqlite: no page left → held, and all lands once there is room', async (t) => {
  const path = join(await tempDir(t), 'journal.db');
  const pagesMax = new Int32Array(new SharedArrayBuffer(4));
  pagesMax[0] = 20;
  const journal = await openSqliteJournal({ path, pagesMax });
  t.teardown(() => journal.close());
  await goesOnByItself(t, journal, () => {
    Atomics.store(pagesMax, 0, 10_000);
  });
});

test('journal sqlite: closed while held → what is open is refused, the rest is kept', async (t) => {
  const path = join(await tempDir(t), 'journal.db');
  const pagesMax = new Int32Array(new SharedArrayBuffer(4));
  pagesMax[0] = 20;
  const journal = await openSqliteJournal({ path, pagesMax });
  const appends = await appendUntilHeld(journal);
  const answers = Promise.allSettled(appends);
  await journal.close();
  const acknowledged = (await answers).filter(({ status }) => status === 'fulfilled').length;
  const refusals = (await answers).flatMap((answer) =>
    answer.status === 'rejected' ? [answer.reason.refusal] : [],
  );
  t.true(refusals.length > 0);
  t.true(refusals.every((refusal) => refusal === 'closed'));
  const again = await openSqliteJournal({ path });
  t.teardown(() => again.close());
  t.deepEqual(await seqsOf(again), upTo(acknowledged));
});

/** A small file system of memory, or why there can be none here. */
const mountSmall = (dir: string): string | undefined => {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'siteswap-test', dir], {
      stdio: 'pipe',
    });
    return undefined;
  } catch (error) {
    return `no tmpfs can be mounted here: ${error instanceof Error ? error.message : error}`;
  }
};

const small = async (t: ExecutionContext): Promise<string | undefined> => {
  const dir = await tempDir(t);
  const refused = mountSmall(dir);
  if (refused === undefined) {
    t.teardown(() => {
      execFileSync('umount', [dir]);
    });
    return dir;
  }
  t.log(refused);
  t.pass();
  return undefined;
};

test('journal sqlite: a disk really full → held, and all lands once there is room', async (t) => {
  const dir = await small(t);
  if (dir === undefined) return;
  const filler = join(dir, 'filler');
  await writeFile(filler, Buffer.alloc(256 * 1024));
  const journal = await openSqliteJournal({ path: join(dir, 'journal.db') });
  t.teardown(() => journal.close());
  await goesOnByItself(t, journal, () => rm(filler));
});

test('journal sqlite: a read-only file system → refused as read-only', async (t) => {
  const dir = await small(t);
  if (dir === undefined) return;
  const path = join(dir, 'journal.db');
  await (await openSqliteJournal({ path })).close();
  execFileSync('mount', ['-o', 'remount,ro', dir]);
  const error = await t.throwsAsync(openSqliteJournal({ path }), { instanceOf: JournalError });
  t.is(error?.refusal, 'read-only');
});

test('journal memory: held by hand → appends wait in order and land on release', async (t) => {
  const journal = new MemoryJournal();
  journal.hold('disk full (test): it goes on by itself');
  const appends = upTo(5).map((seq) => journal.append([{ stream: 'a', seq, bodies: ['x'] }]));
  await delay(1);
  t.deepEqual(await seqsOf(journal), []);
  t.deepEqual(journal.health(), { held: true, reason: 'disk full (test): it goes on by itself' });
  journal.release();
  await Promise.all(appends);
  t.deepEqual(await seqsOf(journal), upTo(5));
  t.deepEqual(journal.health(), { held: false });
});

test('journal memory: crashed → the unacknowledged is gone, the next one goes on', async (t) => {
  let synced = () => {};
  const sync = () => new Promise<void>((resolve) => (synced = resolve));
  const journal = new MemoryJournal({ sync });
  const first = journal.append([{ stream: 'a', seq: 1, bodies: ['x'] }]);
  await delay(1);
  synced();
  await first;
  void journal.append([{ stream: 'a', seq: 2, bodies: ['y'] }]);
  await delay(1);
  journal.crash();
  synced();
  const next = new MemoryJournal({ store: journal.store });
  t.deepEqual(await seqsOf(next), [1]);
  await next.append([{ stream: 'a', seq: 2, bodies: ['z'] }]);
  t.deepEqual(await seqsOf(next), [1, 2]);
});

test('journal memory: an append refused on purpose costs only itself', async (t) => {
  const refuse = ([append]: readonly { stream: string }[]) =>
    append?.stream === 'bad' ? new JournalError('conflict', 'on purpose') : undefined;
  const journal = new MemoryJournal({ refuse });
  await t.throwsAsync(journal.append([{ stream: 'bad', seq: 1, bodies: ['x'] }]));
  await journal.append([{ stream: 'a', seq: 1, bodies: ['x'] }]);
  t.deepEqual(await seqsOf(journal), [1]);
});

test('journal sqlite: a slow sync is shared by all that wait for it', async (t) => {
  const path = join(await tempDir(t), 'journal.db');
  const journal = await openSqliteJournal({ path, syncDelayMs: 50 });
  t.teardown(() => journal.close());
  const began = process.hrtime.bigint();
  let landed = 0;
  const appends = upTo(200).map(async (seq) => {
    await journal.append([{ stream: 'a', seq, bodies: ['x'] }]);
    landed++;
  });
  await until(() => landed > 0);
  t.is(landed, 200);
  await Promise.all(appends);
  t.true(process.hrtime.bigint() - began >= 50_000_000n);
});
