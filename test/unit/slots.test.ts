/** Slots: limits are limits of calls; a few durable intents wait beside them. */
import test from 'ava';
import type { FrozenRun } from '../../daemon/core/frozen.ts';
import { RemoteLoad, RunSlots, type Turn } from '../../daemon/runner/slots.ts';
import { frozenRun, step, workgroup } from '../_support/engine.ts';

const frozen = (remoteMax: number, stepMax = 1_000): FrozenRun => ({
  ...frozenRun(
    [step('register', { inFlightMax: stepMax }), step('power-on')],
    [workgroup('v1', ['vm'])],
  ),
  inFlightMax: { remote: remoteMax },
});

/** Takes, in the order given, and tells which calls have begun. */
const desk = (load: RemoteLoad, run: FrozenRun, begun: string[]) => {
  const slots = new RunSlots(run, load, 64);
  const take = (name: string, at = 0): Turn | undefined => {
    if (!slots.room('remote', at)) return undefined;
    slots.take('remote', at);
    const turn = { remoteId: 'remote', step: at, begin: () => void begun.push(name) };
    slots.enter(turn);
    return turn;
  };
  return { slots, take };
};

test('slots: limit 2 → two calls, two intents ahead, no more', (t) => {
  const begun: string[] = [];
  const { slots, take } = desk(new RemoteLoad(), frozen(2), begun);
  const turns = ['a', 'b', 'c', 'd', 'e'].map((name) => take(name));
  t.deepEqual(begun, ['a', 'b']);
  t.is(turns[4], undefined);
  slots.end(turns[1] as Turn);
  t.deepEqual(begun, ['a', 'b', 'c']);
  t.true(slots.room('remote', 0));
});

test('slots: an intent that is given up is never called, and makes room', (t) => {
  const begun: string[] = [];
  const { slots, take } = desk(new RemoteLoad(), frozen(1), begun);
  const [first, second] = [take('a'), take('b')] as [Turn, Turn];
  t.true(slots.leave(second));
  t.false(slots.leave(second), 'once');
  t.false(slots.leave(first), 'its call has begun');
  t.not(take('c'), undefined);
  slots.end(first);
  t.deepEqual(begun, ['a', 'c']);
});

test('slots: a step at its limit is passed by, and goes on when its call ends', (t) => {
  const begun: string[] = [];
  const { slots, take } = desk(new RemoteLoad(), frozen(3, 1), begun);
  const first = take('register a') as Turn;
  take('register b');
  take('power-on c', 1);
  t.deepEqual(begun, ['register a', 'power-on c']);
  t.false(slots.room('remote', 0));
  slots.end(first);
  t.deepEqual(begun, ['register a', 'power-on c', 'register b']);
});

test('slots: two runs share a remote → oldest intent first, whosever it is', (t) => {
  const begun: string[] = [];
  const load = new RemoteLoad();
  const one = desk(load, frozen(1), begun);
  const other = desk(load, frozen(1), begun);
  const first = one.take('one a') as Turn;
  other.take('other a');
  t.is(one.take('one b'), undefined, 'the intent ahead is taken');
  one.slots.end(first);
  t.deepEqual(begun, ['one a', 'other a']);
});
