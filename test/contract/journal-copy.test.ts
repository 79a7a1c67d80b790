/** A journal moves from one store to another, and every number and every byte with it. */
import { join } from 'node:path';
import test from 'ava';
import { copyJournal } from '../../daemon/journal/copy.ts';
import { type Journal, JournalError } from '../../daemon/journal/journal.ts';
import { MemoryJournal } from '../../daemon/journal/memory.ts';
import { openSqliteJournal } from '../../daemon/journal/sqlite.ts';
import { contentOf, copyOptions, fillJournal } from '../_support/journal-content.ts';
import { tempDir } from '../_support/temp.ts';

test('journal copy: memory → file → memory, with a trimmed beginning → equal', async (t) => {
  const source = new MemoryJournal();
  await fillJournal(source);
  const file = await openSqliteJournal({ path: join(await tempDir(t), 'journal.db') });
  t.teardown(() => file.close());
  const there = await copyJournal(source, file, copyOptions);
  t.like(there, { streams: 3, entries: 1_302 });
  const target = new MemoryJournal();
  t.deepEqual(await copyJournal(file, target, copyOptions), there);
  t.deepEqual(await contentOf(target), await contentOf(source));
  await target.append([{ stream: 'system', seq: 1_501, bodies: ['goes on'] }]);
});

test('journal copy: into one that holds something → refused, untouched', async (t) => {
  const [source, target] = [new MemoryJournal(), new MemoryJournal()];
  await fillJournal(source);
  await target.append([{ stream: 'a', seq: 1, bodies: ['x'] }]);
  const copy = copyJournal(source, target, copyOptions);
  t.is((await t.throwsAsync(copy, { instanceOf: JournalError }))?.refusal, 'in-use');
  t.deepEqual(await contentOf(target), { a: { nextSeq: 2, entries: [{ seq: 1, body: 'x' }] } });
});

test('journal copy: cut short → no run is known; another copy is refused', async (t) => {
  const [source, target] = [new MemoryJournal(), new MemoryJournal()];
  await fillJournal(source);
  const { append } = target;
  target.append = async (appends) => {
    if (appends[0]?.stream === 'system') throw new Error('cut');
    return append.call(target, appends);
  };
  await t.throwsAsync(copyJournal(source, target, copyOptions), { message: 'cut' });
  const names = (await target.streams()).map(({ stream }) => stream);
  t.deepEqual(names, ['run 1', 'run 2']);
});

test('journal copy: a target that keeps something else → told', async (t) => {
  const [source, target] = [new MemoryJournal(), new MemoryJournal()];
  await fillJournal(source);
  const read: Journal['read'] = target.read.bind(target);
  target.read = async (...asked) =>
    (await read(...asked)).map(({ seq, body }) => ({ seq, body: seq === 7 ? 'other' : body }));
  const copy = copyJournal(source, target, copyOptions);
  t.is((await t.throwsAsync(copy, { instanceOf: JournalError }))?.refusal, 'damaged');
});
