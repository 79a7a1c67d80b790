/** What a watcher may rely on: every event once, in order, from any cursor, in bounded memory. */
import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import fc from 'fast-check';
import type { Reason, SiteswapError } from '../../daemon/core/errors.ts';
import {
  eventsPerMessageMax,
  feedTailEventsMax,
  watcherLagEventsMax,
  watchersMax,
} from '../../daemon/core/limits.ts';
import { createFeed } from '../../daemon/feed/feed.ts';
import type { EventPage } from '../../daemon/feed/page.ts';
import { MemoryJournal } from '../../daemon/journal/memory.ts';
import { ManualClock } from '../_support/manual-clock.ts';

const never = new AbortController().signal;

/** A feed over a memory journal that counts its reads, and a writer that acts as the runner. */
const setUp = () => {
  const journal = new MemoryJournal();
  const clock = new ManualClock();
  const feed = createFeed(journal, clock);
  let reads = 0;
  const { read } = journal;
  journal.read = (...args) => {
    reads++;
    return read.apply(journal, args);
  };
  const nextSeqs = new Map<string, number>();
  const emit = async (runId: string, count: number, last = false): Promise<void> => {
    const seq = nextSeqs.get(runId) ?? 1;
    const bodies = Array.from({ length: count }, (_, n) => `${runId}-${seq + n}`);
    nextSeqs.set(runId, seq + count);
    await journal.append([{ stream: runId, seq, bodies }]);
    feed.publish(runId, seq, bodies, last);
  };
  return { journal, clock, feed, emit, reads: () => reads };
};

/** Pulls pages in the background, as fast as they come. */
const watcher = (pages: AsyncIterable<EventPage>) => {
  const seen: EventPage[] = [];
  const done = (async () => {
    for await (const page of pages) seen.push(page);
  })();
  const failure = done.then(
    () => undefined,
    (error: SiteswapError) => error,
  );
  const seqs = () => seen.flatMap(({ events }) => events.map(({ seq }) => seq));
  return { seen, done, failure, seqs };
};

const settle = async (): Promise<void> => {
  for (let n = 0; n < 20; n++) await turn();
};

const fromTo = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, n) => from + n);

const reasonOf = (error: SiteswapError | undefined): Reason | undefined => error?.reason;

test('feed: a run that has ended → every event in pages, the last one marked', async (t) => {
  const { feed, emit } = setUp();
  await emit('r', 1_200, true);
  const { seen, done, seqs } = watcher(feed.watch('r', 0, never));
  await done;
  t.deepEqual(seqs(), fromTo(1, 1_200));
  t.deepEqual(
    seen.map(({ events, last }) => [events.length, last]),
    [
      [500, false],
      [500, false],
      [200, true],
    ],
  );
  t.deepEqual(seen[0]?.events[0], { seq: 1, body: 'r-1' });
});

for (const cursor of [0, 1, 499, 500, 501, 999]) {
  test(`feed: from cursor ${cursor} of 1000 → exactly what follows`, async (t) => {
    const { feed, emit } = setUp();
    await emit('r', 1_000, true);
    const { done, seqs, seen } = watcher(feed.watch('r', cursor, never));
    await done;
    t.deepEqual(seqs(), fromTo(cursor + 1, 1_000));
    t.true(seen.at(-1)?.last);
  });
}

test('feed: from the very last cursor of an ended run → ends at once', async (t) => {
  const { feed, emit } = setUp();
  await emit('r', 500, true);
  const { done, seen } = watcher(feed.watch('r', 500, never));
  await done;
  t.deepEqual(seen, []);
});

test('feed: caught up from the journal, then live, to the end', async (t) => {
  const { feed, emit, clock } = setUp();
  await emit('r', 700);
  const { done, seqs, seen } = watcher(feed.watch('r', 0, never));
  await settle();
  t.deepEqual(seqs(), fromTo(1, 700));
  for (let n = 0; n < 10; n++) {
    await emit('r', 3);
    clock.advance(1);
    await settle();
  }
  await emit('r', 1, true);
  await done;
  t.deepEqual(seqs(), fromTo(1, 731));
  t.deepEqual(seen.filter(({ last }) => last).length, 1);
});

test('feed: an event after a quiet time arrives at once, a burst is gathered', async (t) => {
  const { feed, emit, clock } = setUp();
  await emit('r', 1);
  const { seen, seqs } = watcher(feed.watch('r', 1, never));
  await settle();
  await emit('r', 1);
  await settle();
  t.deepEqual(seqs(), [2]);
  for (let n = 0; n < 100; n++) await emit('r', 1);
  await settle();
  t.deepEqual(seqs(), [2]);
  clock.advance(250);
  await settle();
  t.deepEqual(seqs(), fromTo(2, 102));
  t.is(seen.length, 2);
});

test('feed: a thousand watchers share each page, and one reading of the journal', async (t) => {
  const { feed, emit, clock, reads } = setUp();
  await emit('r', 1_000);
  const all = Array.from({ length: 1_000 }, () => watcher(feed.watch('r', 0, never)));
  await settle();
  t.true(reads() <= 4, `${reads()} reads`);
  for (let n = 0; n < 5; n++) {
    await emit('r', 2);
    clock.advance(250);
    await settle();
  }
  await emit('r', 1, true);
  await Promise.all(all.map(({ done }) => done));
  t.deepEqual(all[0]?.seqs(), fromTo(1, 1_011));
  t.is(new Set(all.flatMap(({ seen }) => seen)).size, all[0]?.seen.length ?? 0);
  t.is(feed.watchers(), 0);
});

test('feed: the run ends while watchers catch up → they still get all of it', async (t) => {
  const { feed, emit } = setUp();
  await emit('r', 2_000);
  const pages = feed.watch('r', 0, never)[Symbol.asyncIterator]();
  t.is((await pages.next()).value.events.length, eventsPerMessageMax);
  await emit('r', 10, true);
  const late = watcher(feed.watch('r', 0, never));
  const rest = watcher({ [Symbol.asyncIterator]: () => pages });
  await Promise.all([late.done, rest.done]);
  t.deepEqual(late.seqs(), fromTo(1, 2_010));
  t.deepEqual(rest.seqs(), fromTo(501, 2_010));
  t.true(rest.seen.at(-1)?.last);
});

test('feed: after a restart an open run goes on where the journal ends', async (t) => {
  const { journal, clock, emit } = setUp();
  await emit('r', 100);
  const feed = createFeed(journal, clock);
  feed.open('r', 101);
  const { done, seqs } = watcher(feed.watch('r', 50, never));
  await settle();
  t.deepEqual(seqs(), fromTo(51, 100));
  await journal.append([{ stream: 'r', seq: 101, bodies: ['r-101'] }]);
  feed.publish('r', 101, ['r-101'], true);
  await done;
  t.deepEqual(seqs(), fromTo(51, 101));
});

test('feed: a live watcher that lags too far → cut with its cursor, and can go on', async (t) => {
  const { feed, emit, clock } = setUp();
  await emit('r', 1);
  const pages = feed.watch('r', 0, never)[Symbol.asyncIterator]();
  t.is((await pages.next()).value.events.length, 1);
  const second = pages.next();
  await settle();
  await emit('r', 1);
  t.is((await second).value.events[0].seq, 2);
  for (let n = 0; n * 100 <= watcherLagEventsMax; n++) {
    await emit('r', 100);
    clock.advance(250);
  }
  const error = await t.throwsAsync<SiteswapError>(pages.next(), { name: 'SiteswapError' });
  t.is(reasonOf(error), 'WATCHER_TOO_SLOW');
  t.regex(error?.message ?? '', /cursor is 2\./);
  t.is(feed.watchers(), 0);
  await emit('r', 1, true);
  const again = watcher(feed.watch('r', 2, never));
  await again.done;
  t.is(again.seqs()[0], 3);
});

test('feed: a slow watcher that only catches up is never cut', async (t) => {
  const { feed, emit, clock } = setUp();
  await emit('r', 600);
  const pages = feed.watch('r', 0, never)[Symbol.asyncIterator]();
  await pages.next();
  await emit('r', 2 * feedTailEventsMax + watcherLagEventsMax);
  clock.advance(250);
  await emit('r', 1, true);
  const rest = watcher({ [Symbol.asyncIterator]: () => pages });
  await rest.done;
  t.deepEqual(rest.seqs(), fromTo(501, 601 + 2 * feedTailEventsMax + watcherLagEventsMax));
});

test('feed: cursors and runs that do not exist → typed errors', async (t) => {
  const { feed, emit } = setUp();
  await emit('open', 10);
  await emit('ended', 10, true);
  const fails = async (runId: string, cursor: number) =>
    reasonOf(await watcher(feed.watch(runId, cursor, never)).failure);
  t.is(await fails('open', 11), 'CURSOR_OUT_OF_RANGE');
  t.is(await fails('ended', 11), 'CURSOR_OUT_OF_RANGE');
  t.is(await fails('none', 0), 'RUN_NOT_FOUND');
  t.is(await fails('none', 1), 'CURSOR_OUT_OF_RANGE');
  t.is(feed.watchers(), 0);
});

test('feed: one watcher too many → typed error; when one leaves there is room', async (t) => {
  const { feed, emit } = setUp();
  await emit('r', 1);
  const gone = new AbortController();
  const first = watcher(feed.watch('r', 1, gone.signal));
  for (let n = 1; n < watchersMax; n++) watcher(feed.watch('r', 1, never));
  t.is(feed.watchers(), watchersMax);
  t.is(reasonOf(await watcher(feed.watch('r', 1, never)).failure), 'TOO_MANY_WATCHERS');
  gone.abort();
  await first.done;
  t.is(feed.watchers(), watchersMax - 1);
});

test('feed: a reading finds what its writer has not heard of yet → it is told once', async (t) => {
  const { journal, feed, clock } = setUp();
  Object.assign(journal, { shared: {} });
  feed.open('r', 1);
  const { seqs } = watcher(feed.watch('r', 0, never));
  await journal.append([{ stream: 'r', seq: 1, bodies: ['one', 'two'] }]);
  await feed.refresh('r');
  feed.publish('r', 1, ['one', 'two'], false);
  feed.publish('r', 3, ['three'], false);
  clock.advance(1_000);
  await settle();
  t.deepEqual(seqs(), [1, 2, 3]);
});

test('feed: an aborted watch ends without error, also one that nobody pulls', async (t) => {
  const { feed, emit } = setUp();
  await emit('r', 10);
  const waiting = new AbortController();
  const { done, seqs } = watcher(feed.watch('r', 0, waiting.signal));
  const unread = new AbortController();
  const pages = feed.watch('r', 0, unread.signal)[Symbol.asyncIterator]();
  await pages.next();
  await settle();
  t.is(feed.watchers(), 2);
  waiting.abort();
  await done;
  t.deepEqual(seqs(), fromTo(1, 10));
  unread.abort();
  t.is(feed.watchers(), 0);
  t.deepEqual(await pages.next(), { done: true, value: undefined });
});

test('feed: progress is coalesced per item, waits 250 ms at most, is not replayed', async (t) => {
  const { feed, emit, clock } = setUp();
  await emit('r', 1);
  const item = (itemId: string, fraction: number) =>
    feed.progress('r', { workgroupId: 'w', step: 'sync', itemId, fraction });
  const early = watcher(feed.watch('r', 1, never));
  await settle();
  for (let n = 0; n <= 100; n++) item('a', n / 200);
  item('b', 0.1);
  clock.advance(249);
  await settle();
  t.deepEqual(early.seen, []);
  clock.advance(1);
  await settle();
  t.deepEqual(
    early.seen.flatMap(({ progress }) => progress?.map((p) => [p.itemId, p.fraction])),
    [
      ['a', 0.5],
      ['b', 0.1],
    ],
  );
  const late = watcher(feed.watch('r', 1, never));
  await settle();
  t.deepEqual(late.seen, []);
  item('b', 0.2);
  await emit('r', 1);
  clock.advance(250);
  await settle();
  for (const { seen } of [late, early]) {
    t.deepEqual(
      seen.at(-1)?.progress?.map((p) => [p.itemId, p.fraction]),
      [['b', 0.2]],
    );
  }
  t.is(late.seen.at(-1), early.seen.at(-1));
});

test('feed: a busy watcher misses no item’s newest progress', async (t) => {
  const { feed, emit, clock } = setUp();
  await emit('r', 1);
  const pages = feed.watch('r', 0, never)[Symbol.asyncIterator]();
  await pages.next();
  for (const [itemId, fraction] of [
    ['a', 0.1],
    ['b', 0.5],
    ['a', 0.2],
  ] as const) {
    feed.progress('r', { workgroupId: 'w', step: 'sync', itemId, fraction });
    clock.advance(250);
  }
  t.deepEqual(
    (await pages.next()).value.progress.map((p: { itemId: string; fraction: number }) => [
      p.itemId,
      p.fraction,
    ]),
    [
      ['b', 0.5],
      ['a', 0.2],
    ],
  );
});

test('feed: closed → every watch ends with a typed error, and none begins', async (t) => {
  const { feed, emit } = setUp();
  await emit('r', 1);
  const before = watcher(feed.watch('r', 0, never));
  await settle();
  feed.close();
  t.is(reasonOf(await before.failure), 'SHUTTING_DOWN');
  t.is(reasonOf(await watcher(feed.watch('r', 0, never)).failure), 'SHUTTING_DOWN');
});

test('feed: large events → pages stay below the largest message', async (t) => {
  const { feed, journal } = setUp();
  const bodies = Array.from({ length: 30 }, () => 'x'.repeat(500_000));
  await journal.append([{ stream: 'r', seq: 1, bodies }]);
  feed.publish('r', 1, bodies, true);
  const { done, seen, seqs } = watcher(feed.watch('r', 0, never));
  await done;
  t.deepEqual(seqs(), fromTo(1, 30));
  t.true(seen.every(({ events }) => events.length <= 4));
});

test('feed: any interleaving → each watcher sees a gapless, ordered stretch', async (t) => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('emit' as const), count: fc.integer({ min: 1, max: 900 }) }),
    fc.record({ do: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 300 }) }),
    fc.record({ do: fc.constant('watch' as const), back: fc.integer({ min: 0, max: 2_000 }) }),
    fc.record({ do: fc.constant('turn' as const) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const { feed, emit, clock } = setUp();
      let newest = 1;
      await emit('r', 1);
      const watchers: { from: number; watch: ReturnType<typeof watcher> }[] = [];
      for (const action of steps) {
        if (action.do === 'emit') {
          newest += action.count;
          await emit('r', action.count);
        } else if (action.do === 'advance') clock.advance(action.ms);
        else if (action.do === 'turn') await turn();
        else {
          const from = Math.max(newest - action.back, 0);
          watchers.push({ from, watch: watcher(feed.watch('r', from, never)) });
        }
      }
      await emit('r', 1, true);
      for (const { from, watch } of watchers) {
        t.is(await watch.failure, undefined);
        t.deepEqual(watch.seqs(), fromTo(from + 1, newest + 1));
        t.is(watch.seen.filter(({ last }) => last).length, 1);
      }
    }),
    { numRuns: 100 },
  );
});
