/** What every journal promises, whatever its store: one suite, declared for each. */
import test, { type ExecutionContext } from 'ava';
import type { Append, Journal } from '../../daemon/journal/journal.ts';

/** Opens the same journal again each time: what was closed before is there. */
export type Opener = () => Promise<Journal>;

const one = (stream: string, seq: number, ...bodies: string[]): Append[] => [
  { stream, seq, bodies },
];
const bodiesOf = async (journal: Journal, stream: string): Promise<string[]> =>
  (await journal.read(stream, 1, 10_000)).map(({ body }) => body);

type Run = (t: ExecutionContext, journal: Journal, reopen: Opener) => Promise<void>;

const promises = new Map<string, Run>();
const promise = (title: string, run: Run): void => {
  promises.set(title, run);
};

/** Declares the suite for one store; `prepare` makes a new, empty one of it for each test. */
export const journalSuite = (
  name: string,
  prepare: (t: ExecutionContext) => Promise<Opener>,
): void => {
  for (const [title, run] of promises) {
    test(`journal ${name}: ${title}`, async (t) => {
      const opener = await prepare(t);
      const journal = await opener();
      t.teardown(() => journal.close());
      await run(t, journal, opener);
    });
  }
};

promise('acknowledged entries are read back in order', async (t, journal) => {
  await journal.append(one('a', 1, '{"n":1}', '{"n":2}'));
  await journal.append(one('a', 3, '{"n":3}'));
  t.deepEqual(await journal.read('a', 1, 10), [
    { seq: 1, body: '{"n":1}' },
    { seq: 2, body: '{"n":2}' },
    { seq: 3, body: '{"n":3}' },
  ]);
});

promise('pages begin at the asked number and end at the limit', async (t, journal) => {
  await journal.append(one('a', 1, ...Array.from({ length: 10 }, (_, n) => `${n + 1}`)));
  const seqs = async (from: number, limit: number) =>
    (await journal.read('a', from, limit)).map(({ seq }) => seq);
  t.deepEqual(await seqs(4, 3), [4, 5, 6]);
  t.deepEqual(await seqs(9, 3), [9, 10]);
  t.deepEqual(await seqs(11, 3), []);
  t.deepEqual(await seqs(0, 2), [1, 2]);
  t.deepEqual(await seqs(1, 0), []);
});

promise('a stream that nobody wrote is empty', async (t, journal) => {
  t.deepEqual(await journal.read('none', 1, 10), []);
  t.deepEqual(await journal.streams(), []);
});

promise('streams are listed by name with their next number', async (t, journal) => {
  await journal.append(one('b', 1, 'x'));
  await journal.append(one('a', 1, 'x', 'y'));
  await journal.append(one('ä', 1, 'x'));
  t.deepEqual(await journal.streams(), [
    { stream: 'a', nextSeq: 3 },
    { stream: 'b', nextSeq: 2 },
    { stream: 'ä', nextSeq: 2 },
  ]);
});

promise('a used or skipped number is a conflict, and nothing lands', async (t, journal) => {
  await journal.append(one('a', 1, 'x', 'y'));
  for (const seq of [0, 1, 2, 4, 100]) {
    const error = await t.throwsAsync(journal.append(one('a', seq, 'z')), {
      name: 'JournalError',
    });
    t.like(error, { refusal: 'conflict' });
    t.regex(error?.message ?? '', /stream a.* 3, not/);
  }
  t.deepEqual(await bodiesOf(journal, 'a'), ['x', 'y']);
});

promise('all appends of one call land or none does', async (t, journal) => {
  await journal.append(one('a', 1, 'x'));
  const half = [...one('b', 1, 'x'), ...one('a', 1, 'again')];
  await t.throwsAsync(journal.append(half), { name: 'JournalError' });
  t.deepEqual(await bodiesOf(journal, 'b'), []);
  await journal.append([...one('b', 1, 'x'), ...one('a', 2, 'y'), ...one('b', 2, 'y')]);
  t.deepEqual(await bodiesOf(journal, 'a'), ['x', 'y']);
  t.deepEqual(await bodiesOf(journal, 'b'), ['x', 'y']);
});

promise('a conflict costs only its own call of the group', async (t, journal) => {
  const answers = await Promise.allSettled([
    journal.append(one('a', 1, '1')),
    journal.append(one('a', 3, 'early')),
    journal.append(one('b', 1, '1')),
    journal.append(one('a', 2, '2')),
    journal.append(one('b', 1, 'late')),
  ]);
  t.deepEqual(
    answers.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled', 'fulfilled', 'rejected'],
  );
  t.deepEqual(await bodiesOf(journal, 'a'), ['1', '2']);
  t.deepEqual(await bodiesOf(journal, 'b'), ['1']);
});

promise('two writers of one stream: each number is taken once', async (t, journal) => {
  const claims = await Promise.allSettled(
    Array.from({ length: 64 }, (_, writer) => journal.append(one('a', 1, `${writer}`))),
  );
  t.is(claims.filter(({ status }) => status === 'fulfilled').length, 1);
  t.deepEqual(await bodiesOf(journal, 'a'), ['0']);
});

promise('appends without waiting keep their order', async (t, journal) => {
  const count = 2_000;
  await Promise.all(
    Array.from({ length: count }, (_, n) =>
      journal.append(one(`s${n % 3}`, 1 + ((n / 3) | 0), `${n}`)),
    ),
  );
  for (const lane of [0, 1, 2]) {
    const expected = Array.from({ length: count }, (_, n) => n).filter((n) => n % 3 === lane);
    t.deepEqual((await bodiesOf(journal, `s${lane}`)).map(Number), expected);
  }
});

promise('bodies come back as they were, of any content', async (t, journal) => {
  const bodies = ['', '"', 'ümlaut 漢字 🛰', '\\u0000\\n', 'x'.repeat(1_000_000)];
  await journal.append(one('any name: 🛰 \'";--', 1, ...bodies));
  t.deepEqual(await bodiesOf(journal, 'any name: 🛰 \'";--'), bodies);
});

promise('what was acknowledged outlives the journal object', async (t, journal, reopen) => {
  await journal.append(one('a', 1, 'x', 'y'));
  const accepted = journal.append(one('a', 3, 'z'));
  await journal.close();
  await accepted;
  const again = await reopen();
  t.teardown(() => again.close());
  t.deepEqual(await bodiesOf(again, 'a'), ['x', 'y', 'z']);
  t.deepEqual(await again.streams(), [{ stream: 'a', nextSeq: 4 }]);
  await t.throwsAsync(again.append(one('a', 3, 'z')), { name: 'JournalError' });
  await again.append(one('a', 4, 'w'));
  t.deepEqual(await bodiesOf(again, 'a'), ['x', 'y', 'z', 'w']);
});

promise('trimmed from the beginning, in slices; what is left reads on', async (t, journal) => {
  await journal.append([
    ...one('a', 1, ...Array.from({ length: 10 }, (_, n) => `${n + 1}`)),
    ...one('b', 1, 'x'),
  ]);
  t.false(await journal.trim('a', 8, 3));
  t.deepEqual(
    (await journal.read('a', 1, 2)).map(({ seq }) => seq),
    [4, 5],
  );
  t.false(await journal.trim('a', 8, 3));
  t.true(await journal.trim('a', 8, 3));
  t.true(await journal.trim('a', 8, 3));
  t.deepEqual(await bodiesOf(journal, 'a'), ['8', '9', '10']);
  t.deepEqual(
    (await journal.read('a', 9, 10)).map(({ seq }) => seq),
    [9, 10],
  );
  await journal.append(one('a', 11, '11'));
  t.deepEqual(await journal.streams(), [
    { stream: 'a', nextSeq: 12 },
    { stream: 'b', nextSeq: 2 },
  ]);
});

promise('trimmed to the end, a stream is gone for good', async (t, journal, reopen) => {
  await journal.append([...one('a', 1, 'x', 'y', 'z'), ...one('b', 1, 'x')]);
  t.false(await journal.trim('a', Number.POSITIVE_INFINITY, 2));
  t.true(await journal.trim('a', Number.POSITIVE_INFINITY, 2));
  t.true(await journal.trim('a', Number.POSITIVE_INFINITY, 2));
  t.true(await journal.trim('none', Number.POSITIVE_INFINITY, 2));
  t.deepEqual(await bodiesOf(journal, 'a'), []);
  await journal.close();
  const again = await reopen();
  t.teardown(() => again.close());
  t.deepEqual(await again.streams(), [{ stream: 'b', nextSeq: 2 }]);
  await again.append(one('c', 1, 'new'));
  t.deepEqual(await bodiesOf(again, 'b'), ['x']);
  t.deepEqual(await bodiesOf(again, 'c'), ['new']);
});

promise('once closed it refuses, in words, and may be closed again', async (t, journal) => {
  await journal.close();
  await journal.close();
  const closed = { name: 'JournalError', message: /closed/ };
  t.like(await t.throwsAsync(journal.append(one('a', 1, 'x')), closed), { refusal: 'closed' });
  await t.throwsAsync(journal.read('a', 1, 1), closed);
  await t.throwsAsync(journal.streams(), closed);
  await t.throwsAsync(journal.trim('a', 2, 1), closed);
});

promise('it is healthy from the start', async (t, journal) => {
  t.deepEqual(journal.health(), { held: false });
});
