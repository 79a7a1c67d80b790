/** What is decided beside outcomes that are not folded yet: one sync a step, and never a guess. */
import test from 'ava';
import { withIntents } from '../../daemon/core/engine/ahead.ts';
import { decide } from '../../daemon/core/engine/decide.ts';
import { begin, fold } from '../../daemon/core/engine/fold.ts';
import type { Slots } from '../../daemon/core/engine/ready.ts';
import type { RunState } from '../../daemon/core/engine/state.ts';
import type { Entry, TaskOutcome } from '../../daemon/core/entries.ts';
import type { Gate } from '../../daemon/core/frozen.ts';
import { fault } from '../../sdk/plugin/fault.ts';
import { frozenRun, startedWith, step, workgroup } from '../_support/engine.ts';

const open: Slots = { room: () => true, take: () => {} };
const now = 2_000;
const steps = [step('register'), step('power-on')];
/** A storage workgroup that has nothing to do in these steps, and VMs on it. */
const groups = [
  workgroup('s1', ['cg-1']),
  workgroup('v1', ['vm-1', 'vm-2']),
  workgroup('v2', ['vm-3']),
];

/** Every workgroup that may has its first intent durable. */
const underWay = (gates: readonly Gate[] = [], workgroups = groups, slots = open): RunState => {
  const state = begin(startedWith(frozenRun(steps, workgroups, gates)));
  for (const entry of decide(state, now, slots).entries) fold(state, entry);
  return state;
};

const outcome = (group: number, done: string, more: Partial<TaskOutcome> = {}): TaskOutcome => ({
  type: 'task-outcome',
  at: now,
  group,
  step: 0,
  direction: 'run',
  attempt: 1,
  done,
  faults: [],
  ...more,
});

const told = (entries: readonly Entry[]): readonly string[] =>
  entries.map((entry) => {
    const { type } = entry;
    return 'group' in entry ? `${type} v${entry.group} step ${entry.step}` : type;
  });

test('beside: a step went well for all → the next intent stands right behind its outcome', (t) => {
  const state = underWay();
  const batch = withIntents(state, [outcome(1, '0-1'), outcome(2, '0')], now, open);
  t.deepEqual(told(batch), [
    'task-outcome v1 step 0',
    'task-started v1 step 1',
    'task-outcome v2 step 0',
    'task-started v2 step 1',
  ]);
  for (const entry of batch) fold(state, entry);
  t.deepEqual(
    state.groups.map(({ standing }) => standing),
    ['finished', 'started', 'started'],
  );
  t.deepEqual(decide(state, now, open).entries, []);
});

const refused = { faults: [{ items: '1', fault: fault('refused', 'no') }] };
const gate = (kind: Gate['kind'], waits: number): Gate => ({
  kind,
  waits: { step: 0, workgroups: [waits] },
  holds: { step: 1, workgroups: [1] },
});

/** Why a workgroup does not go on yet: the run, and what has come in. */
const held: Readonly<Record<string, readonly [RunState, readonly Entry[]]>> = {
  'an item failed': [underWay(), [outcome(1, '0', refused)]],
  'an item is still under way': [underWay(), [outcome(1, '0')]],
  'a gate is closed': [underWay([gate('priority', 2)]), [outcome(1, '0-1')]],
  'it depends on others': [underWay([gate('dependency', 1)]), [outcome(1, '0-1')]],
  'the run is being cancelled': [
    fold(underWay(), { type: 'run-cancel-requested', at: now, requester: 'me', reason: '' }),
    [outcome(1, '0-1')],
  ],
  'its site is lost': [
    fold(underWay(), { type: 'run-site-lost', at: now, siteId: 'site-b' }),
    [outcome(1, '0-1')],
  ],
  'something beside it reaches further': [
    underWay(),
    [outcome(1, '0-1'), { type: 'run-site-lost', at: now, siteId: 'site-a' }],
  ],
};

for (const [why, [state, entries]] of Object.entries(held)) {
  test(`beside: ${why} → it goes on only after the outcome is folded`, (t) => {
    t.deepEqual(withIntents(state, entries, now, open), entries);
    t.is(state.ready.size, 0);
  });
}

test('beside: one slot, and one of a better priority is ready → that one; the other stays back', (t) => {
  const none: Slots = { room: () => false, take: () => {} };
  let room = 1;
  const one: Slots = { room: () => room > 0, take: () => room-- };
  const urgent = [...groups, workgroup('v3', ['vm-4'], { priority: 1 })];
  const state = begin(startedWith(frozenRun(steps, urgent)));
  const { done: _, faults: __, ...begun } = { ...outcome(1, ''), type: 'task-started' } as const;
  fold(state, begun);
  decide(state, now, none);
  const batch = withIntents(state, [outcome(1, '0-1')], now, one);
  t.deepEqual(told(batch), ['task-started v3 step 0', 'task-outcome v1 step 0']);
  for (const entry of batch) fold(state, entry);
  room = 1;
  // Of the last few, the one that has most before it.
  t.deepEqual(told(decide(state, now, one).entries), ['task-started v2 step 0']);
});
