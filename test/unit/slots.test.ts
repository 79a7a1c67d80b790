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

const never = (name: string): never => {
  throw new Error(`${name} was never staged`);
};

/** Takes, in the order given, and tells which calls have begun. */
const desk = (load: RemoteLoad, run: FrozenRun, begun: string[], wake = () => {}) => {
  const slots = new RunSlots(run, load, 64, wake);
  const take = (name: string, at = 0): Turn | undefined => {
    if (!slots.room('remote', at)) return undefined;
    slots.take('remote', at);
    const turn: Turn = {
      remoteId: 'remote',
      step: at,
      passesOn: true,
      begin: () => void begun.push(name),
      begun: () => never(name),
      stage: () => false,
    };
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

/** A desk whose turns can be staged; tells what was staged behind what. */
const stagingDesk = (run: FrozenRun, more: { passesOn?: boolean } = {}) => {
  const told: string[] = [];
  const load = new RemoteLoad();
  const slots = new RunSlots(run, load, 64);
  const names = new Map<Turn, string>();
  const take = (name: string, at = 0): Turn => {
    slots.take('remote', at);
    const turn: Turn = {
      remoteId: 'remote',
      step: at,
      passesOn: more.passesOn ?? true,
      begin: () => void told.push(`${name} begins`),
      begun: () => void told.push(`${name} has begun`),
      stage: (behind) => {
        told.push(`${name} behind ${names.get(behind)}`);
        return true;
      },
    };
    names.set(turn, name);
    slots.enter(turn);
    return turn;
  };
  return { slots, take, told, calls: () => load.at('remote').calls };
};

test('slots: limit 2 → those that wait are staged, oldest behind oldest, and take the slot over', (t) => {
  const { slots, take, told, calls } = stagingDesk(frozen(2));
  const turns = ['a', 'b', 'c', 'd'].map((name) => take(name));
  t.deepEqual(told, ['a begins', 'b begins', 'c behind a', 'd behind b']);
  slots.end(turns[1] as Turn);
  t.deepEqual(told.slice(4), ['d has begun']);
  t.is(calls(), 2);
});

test('slots: another slot is free first → a staged call begins there, and its place is open again', (t) => {
  const { slots, take, told, calls } = stagingDesk(frozen(2));
  const [first, second] = [take('a'), take('b')] as [Turn, Turn];
  take('c');
  slots.end(second);
  t.deepEqual(told, ['a begins', 'b begins', 'c behind a', 'c begins']);
  take('d');
  t.is(told.at(-1), 'd behind a');
  slots.end(first);
  t.is(told.at(-1), 'd has begun');
  t.is(calls(), 2);
});

test('slots: a staged call is given up → the next one is staged in its place', (t) => {
  const { slots, take, told } = stagingDesk(frozen(1));
  const first = take('a');
  const second = take('b');
  t.true(slots.leave(second));
  take('c');
  t.is(told.at(-1), 'c behind a');
  slots.end(first);
  t.is(told.at(-1), 'c has begun');
});

test('slots: a call that nobody waits for → what was staged behind it is told to begin', (t) => {
  const { slots, take, told, calls } = stagingDesk(frozen(1));
  const first = take('a');
  take('b');
  slots.abandon(first);
  t.is(told.at(-1), 'b begins');
  t.is(calls(), 1);
});

test('slots: a step near its limit, or a call that keeps its slot → nothing is staged', (t) => {
  const narrow = stagingDesk(frozen(3, 1));
  narrow.take('a');
  narrow.take('b');
  t.deepEqual(narrow.told, ['a begins']);
  const keeping = stagingDesk(frozen(1), { passesOn: false });
  keeping.take('a');
  keeping.take('b');
  t.deepEqual(keeping.told, ['a begins']);
});

test('slots: whatever ends, is given up or abandoned, calls stay within the limit and none is lost', (t) => {
  const { slots, take, calls } = stagingDesk(frozen(3));
  const inside: Turn[] = [];
  let draw = 7;
  for (let turn = 0; turn < 5_000; turn++) {
    draw = (draw * 48_271) % 2_147_483_647;
    const one = inside[draw % Math.max(inside.length, 1)];
    if (slots.room('remote', 0) && draw % 3 !== 0) inside.push(take(String(turn)));
    else if (one !== undefined) {
      inside.splice(inside.indexOf(one), 1);
      if (!slots.leave(one)) draw % 5 === 0 ? slots.abandon(one) : slots.end(one);
    }
    t.is(calls(), Math.min(3, inside.length));
  }
});

test('slots: a run found no room because of another one → it is woken when there is some', (t) => {
  const load = new RemoteLoad();
  let woken = 0;
  const one = desk(load, frozen(1), []);
  const other = desk(load, frozen(1), [], () => woken++);
  const turns = [one.take('a'), one.take('b')] as [Turn, Turn];
  t.is(other.take('c'), undefined);
  t.is(woken, 0);
  one.slots.end(turns[0]);
  t.is(woken, 1);
  t.not(other.take('c'), undefined);
  one.slots.end(turns[1]);
  t.is(woken, 1, 'whoever was not refused needs no waking');
});

test('slots: a run is let go with intents that were decided only → they hold up nobody', (t) => {
  const begun: string[] = [];
  const load = new RemoteLoad();
  const woken: string[] = [];
  const gone = desk(load, frozen(1), begun);
  const other = desk(load, frozen(1), begun, () => woken.push('other'));
  const call = gone.take('a') as Turn;
  t.true(gone.slots.room('remote', 0));
  gone.slots.take('remote', 0);
  t.is(other.take('b'), undefined, 'a call, and an intent on its way to the journal');
  gone.slots.abandon(call);
  gone.slots.close();
  gone.slots.close();
  t.deepEqual(woken, ['other']);
  t.deepEqual(
    ['b', 'c', 'd'].map((name) => other.take(name) !== undefined),
    [true, true, false],
  );
  t.deepEqual(begun, ['a', 'b']);
});
