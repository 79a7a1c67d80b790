/** The parts of the pool that need no thread to be shown right. */
import test from 'ava';
import { Blocked } from '../../daemon/workers/blocked.ts';
import { Board, newBoard, ThreadSlot } from '../../daemon/workers/board.ts';
import { foldRun, foldSettled } from '../../daemon/workers/fold.ts';
import { ItemsCache } from '../../daemon/workers/items.ts';
import { SiteFlags } from '../../daemon/workers/site-flags.ts';
import { systemClock } from '../../daemon/workers/system-clock.ts';
import { fault } from '../../sdk/plugin/fault.ts';
import { ManualClock } from '../_support/manual-clock.ts';

test('board: threads that ended are told once, with whether that was on purpose', (t) => {
  const board = new Board(newBoard(2));
  const first = new ThreadSlot(board.shape, 11);
  new ThreadSlot(board.shape, 12).endsOnPurpose();
  t.throws(() => new ThreadSlot(board.shape, 13), { message: /no free slot/ });
  first.beat();
  t.deepEqual(
    [...board.beats()],
    [
      [11, 1],
      [12, 0],
    ],
  );
  t.deepEqual(board.reap(new Set([11])), [{ threadId: 12, onPurpose: true }]);
  t.deepEqual(board.reap(new Set()), [{ threadId: 11, onPurpose: false }]);
  t.deepEqual(board.reap(new Set()), []);
  t.notThrows(() => new ThreadSlot(board.shape, 13));
});

test('blocked: each further time twice as long; forgotten after a quiet time', (t) => {
  const clock = new ManualClock();
  const blocked = new Blocked(clock, 1_000);
  t.is(blocked.why('p'), undefined);
  blocked.strike('p', 'held its thread');
  t.regex(blocked.why('p') ?? '', /plugin p held its thread: it is not called for 1000 ms/);
  clock.advance(1_000);
  t.is(blocked.why('p'), undefined);
  blocked.wentWell('p');
  blocked.strike('p', 'held its thread');
  t.regex(blocked.now().p ?? '', /\(2 times\): it is not called for 2000 ms/);
  clock.advance(4_001);
  blocked.wentWell('p');
  blocked.strike('p', 'held its thread');
  t.regex(blocked.now().p ?? '', /for 1000 ms/);
});

test('items: parsed once, the oldest out when the texts are too long', (t) => {
  const cache = new ItemsCache(40);
  const text = (id: string) => JSON.stringify([{ id }]);
  const first = cache.parse(text('first'));
  t.is(cache.parse(text('first')), first);
  cache.parse(text('second'));
  cache.parse(text('first'));
  cache.parse(text('third-one'));
  t.is(cache.parse(text('first')), first);
  const long = cache.parse(text('x'.repeat(100)));
  t.is(cache.parse(text('x'.repeat(100))), long);
});

test('fold: every asked position once, whatever the step leaves out or adds', (t) => {
  const asked = { positions: [3, 5, 6, 9], ids: ['a', 'b', 'c', 'd'] };
  const busy = fault('busy', 'later');
  const result = foldRun(asked, [
    { id: 'c', fault: busy },
    { id: 'a', fault: busy },
    { id: 'z', ok: true },
    { id: 'b', ok: true, evidence: {} },
    { id: 'b', fault: busy },
  ]);
  t.is(result.done, '5');
  t.false('evidence' in result);
  t.deepEqual(
    result.faults.map(({ items, fault: { code } }) => [items, code]),
    [
      ['3,6', undefined],
      ['9', 'NO_ANSWER'],
    ],
  );
  const settled = foldSettled(asked, [{ id: 'a', verdict: 'absent' }]);
  t.like(settled, { done: '', absent: '3' });
  t.is(settled.unknowable?.length, 3);
});

test('site flags: seen through the same memory, and woken on a change', async (t) => {
  const main = new SiteFlags(['west', 'east']);
  const thread = new SiteFlags(['west', 'east'], main.buffer);
  const woken = new Promise<void>((resolve) => {
    thread.watch('east', resolve);
  });
  main.set('west', true);
  t.true(thread.isLost('west'));
  t.false(thread.isLost('east'));
  main.set('east', true);
  main.set('east', true);
  await woken;
  main.set('east', false);
  t.false(thread.isLost('east'));
  t.false(thread.isLost('nowhere'));
});

test('clock: wakes once, not early, and not at all when given up', async (t) => {
  const clock = systemClock();
  const until = clock.now() + 30;
  await new Promise<void>((resolve) => clock.wakeAt(until, resolve));
  t.true(clock.now() >= until);
  const given = clock.wakeAt(clock.now() + 1, () => t.fail('it was given up'));
  given();
  await new Promise<void>((resolve) => clock.wakeAt(clock.now() + 20, resolve));
  const far = clock.wakeAt(clock.now() + 2 ** 40, () => t.fail('far too early'));
  await new Promise<void>((resolve) => clock.wakeAt(clock.now() + 20, resolve));
  far();
});
