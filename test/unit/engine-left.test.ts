/**
 * A person leaves an undo that failed: that one effect stays, with what it stands on; all else is
 * undone, and a later retry takes up whatever is not.
 */
import test from 'ava';
import { objectIn } from '../../daemon/core/engine/claims.ts';
import { reportOf } from '../../daemon/core/engine/report.ts';
import type { FrozenWorkgroup, Gate } from '../../daemon/core/frozen.ts';
import { rollback } from '../../daemon/core/policy.ts';
import { fault } from '../../sdk/plugin/fault.ts';
import { Drive, frozenRun, step, workgroup } from '../_support/engine.ts';

const storage = { unit: 'storage', remote: 'array', whenLeft: 'ground' } as const;

/** As a planned failover has them, but that `verify` fails, which rolls everything back. */
const steps = [
  step('shut-down', { whenLeft: 'ground' }),
  step('unmount', storage),
  step('demote', storage),
  step('promote', storage),
  step('mount', storage),
  step('register', { whenLeft: 'alone' }),
  step('verify', {
    undo: 'nothing-to-undo',
    policy: { rules: [], otherwise: rollback('run') },
  }),
];

const standsOn = (waits: Gate['waits'], holds: Gate['holds']): Gate => ({
  kind: 'stands-on',
  waits,
  holds,
});

const gates = [
  standsOn({ step: 0, workgroups: [1] }, { step: 1, workgroups: [0] }),
  standsOn({ step: 4, workgroups: [0] }, { step: 5, workgroups: [1] }),
];

const groups: FrozenWorkgroup[] = [
  workgroup('s0', ['s0a', 's0b']),
  {
    ...workgroup('v1', ['v1a', 'v1b']),
    items: [
      { id: 'v1a', on: [0], datastoreIds: [] },
      { id: 'v1b', on: [1], datastoreIds: [] },
    ],
  },
];

/** Undos that fail, as `step item`; a test takes out of it what is mended. */
const rolledBack = (broken: Set<string>, no = fault('refused', 'no')): Drive =>
  new Drive(frozenRun(steps, groups, gates), {
    answer: ({ step: name, item, direction }) => {
      if (direction === 'undo') return broken.has(`${name} ${item}`) ? no : 'ok';
      return name === 'verify' ? fault('refused', 'no') : 'ok';
    },
  }).run();

/** The same, but that only the VMs are rolled back: the storage under them stays. */
const rolledBackAlone = (broken: Set<string>, over = steps, no = fault('refused', 'no')): Drive => {
  const policy = { rules: [], otherwise: rollback('workgroup') };
  const alone = over.map((each) => (each.name === 'verify' ? { ...each, policy } : each));
  return new Drive(frozenRun(alone, groups, gates), rolledBack(broken, no).world).run();
};

/** Every undo that was done, as `step item`. */
const undone = ({ entries, state }: Drive): string[] =>
  entries.flatMap((entry) => {
    if (entry.type !== 'task-outcome' || entry.direction !== 'undo' || entry.done === '') return [];
    const ids = groups[entry.group]?.items.map(({ id }) => id) ?? [];
    const name = state.steps[entry.step]?.name ?? '';
    return ids.flatMap((id, at) => {
      const [from, to = from] = entry.done.split('-').map(Number) as [number, number?];
      return at >= from && at <= to ? [`${name} ${id}`] : [];
    });
  });

const told = ({ state, entries, now }: Drive) =>
  Object.fromEntries(
    reportOf(state, entries, now).items.map(({ itemId, outcome, why }) => [
      itemId,
      `${outcome}: ${why}`,
    ]),
  );

test('stuck, then skip: the effect is left in place by decision, and the report says so', (t) => {
  const drive = rolledBack(new Set(['register v1a']))
    .resume('skip')
    .run();
  t.is(drive.state.result, 'incomplete');
  t.is(
    told(drive).v1a,
    'not-undone: left in place by decision: register is not undone (its undo failed: no)',
  );
  t.is(told(drive).v1b, 'undone: rolled back');
});

test('skip of an undo on which no other stands: everything else is undone, also of its item', (t) => {
  const drive = rolledBack(new Set(['register v1a']))
    .resume('skip')
    .run();
  const all = ['mount', 'promote', 'demote', 'unmount'].flatMap((name) => [
    `${name} s0a`,
    `${name} s0b`,
  ]);
  t.deepEqual(undone(drive), ['register v1b', ...all, 'shut-down v1a', 'shut-down v1b']);
});

test('skip of a demotion: its group is not mounted, nor is the VM on it started; others are', (t) => {
  const drive = rolledBack(new Set(['demote s0a']))
    .resume('skip')
    .run();
  t.is(drive.state.result, 'incomplete');
  const calls = undone(drive);
  for (const held of ['demote s0a', 'unmount s0a', 'shut-down v1a']) t.false(calls.includes(held));
  for (const free of ['demote s0b', 'unmount s0b', 'shut-down v1b']) t.true(calls.includes(free));
  t.regex(told(drive).s0a ?? '', /^not-undone: left in place by decision: demote is not undone/);
  t.is(told(drive).v1a, 'not-undone: left in place with s0a, of which demote is not undone');
});

test('skip of a promotion: the source stays demoted, for two must not write', (t) => {
  const drive = rolledBack(new Set(['promote s0b']))
    .resume('skip')
    .run();
  const calls = undone(drive);
  for (const held of ['demote s0b', 'unmount s0b', 'shut-down v1b']) t.false(calls.includes(held));
  t.true(calls.includes('shut-down v1a'));
});

test('skip of a VM whose undo others stand on: what it stands on is left with it', (t) => {
  const ground = steps.map((each) =>
    each.name === 'register' ? { ...each, whenLeft: 'ground' as const } : each,
  );
  const drive = new Drive(frozenRun(ground, groups, gates), rolledBack(new Set()).world).run();
  t.is(drive.state.result, 'rolled-back');
  const broken = rolledBack(new Set(['register v1a'])).world;
  const left = new Drive(frozenRun(ground, groups, gates), broken).run().resume('skip').run();
  t.deepEqual(
    undone(left).filter((call) => call.endsWith('a')),
    [],
  );
  t.is(told(left).s0a, 'not-undone: left in place with v1a, of which register is not undone');
  t.is(told(left).v1b, 'undone: rolled back');
});

test('skip, stuck again, then retry: whatever is not undone is tried, latest first', (t) => {
  const broken = new Set(['promote s0a', 'shut-down v1b']);
  const drive = rolledBack(broken).resume('skip').run();
  t.is(drive.state.parked, 'stuck');
  const before = undone(drive).length;
  broken.clear();
  drive.resume('retry').run();
  t.is(drive.state.result, 'rolled-back');
  const later = ['promote s0a', 'demote s0a', 'unmount s0a', 'shut-down v1a', 'shut-down v1b'];
  t.deepEqual(undone(drive).slice(before), later);
  t.deepEqual(Object.values(told(drive)), Array(4).fill('undone: rolled back'));
});

test('skip, stuck again, then rollback: the same', (t) => {
  const broken = new Set(['demote s0a', 'shut-down v1b']);
  const drive = rolledBack(broken).resume('skip').run();
  broken.clear();
  t.is(drive.resume('rollback').run().state.result, 'rolled-back');
});

test('skip, retry, stuck at the same again, skip: it is left again, and nothing is done twice', (t) => {
  const broken = new Set(['demote s0a', 'shut-down v1b']);
  const drive = rolledBack(broken).resume('skip').run().resume('retry').run();
  t.is(drive.state.parked, 'stuck');
  drive.resume('skip').run().resume('skip').run();
  t.is(drive.state.result, 'incomplete');
  t.is(new Set(undone(drive)).size, undone(drive).length);
  t.is(told(drive).v1a, 'not-undone: left in place with s0a, of which demote is not undone');
});

test('skip of two undos of one VM: the report names both', (t) => {
  const drive = rolledBack(new Set(['register v1a', 'shut-down v1a']))
    .resume('skip')
    .run();
  t.is(drive.state.parked, 'stuck');
  drive.resume('skip').run();
  t.regex(told(drive).v1a ?? '', /shut-down is not undone .*; .*register is not undone/);
});

test('skip of an undo that had no answer: it may still land, and the report says in doubt', (t) => {
  const silent = fault('timeout', 'no answer');
  const drive = rolledBack(new Set(['promote s0a']), silent)
    .resume('skip')
    .run();
  t.regex(told(drive).s0a ?? '', /^in-doubt: left in place by decision: promote is not undone/);
});

test('what is left may be taken up again: until the run has ended, no other run gets it', (t) => {
  const broken = new Set(['demote s0a', 'shut-down v1b']);
  const drive = rolledBack(broken).resume('skip').run();
  const object = 'group s0a';
  t.is(objectIn(drive.state, object).kind, 'claimed');
  drive.resume('skip').run();
  t.is(objectIn(drive.state, object).kind, 'doubt');
});

test('left effects survive a restart: folded anew it goes on alike', (t) => {
  const broken = new Set(['demote s0a', 'shut-down v1b']);
  const drive = rolledBack(broken).resume('skip').run().restart();
  broken.clear();
  t.is(drive.resume('retry').run().state.result, 'rolled-back');
});

test('a run that an older daemon has frozen: what is left takes its item out, and nothing else', (t) => {
  const old = steps.map(({ whenLeft: _, ...each }) => each);
  const { world } = rolledBack(new Set(['demote s0a']));
  const drive = new Drive(frozenRun(old, groups, gates), world).run().resume('skip').run();
  t.false(undone(drive).includes('unmount s0a'));
  t.true(undone(drive).includes('shut-down v1a'));
});

test('under a group that is not rolled back, a VM with nothing to undo is undone, not left', (t) => {
  const looked = steps.map((each) =>
    each.name === 'shut-down' ? { ...each, undo: 'nothing-to-undo' as const } : each,
  );
  t.deepEqual(told(rolledBackAlone(new Set(), looked)), {
    s0a: 'done: ',
    s0b: 'done: ',
    v1a: 'undone: rolled back',
    v1b: 'undone: rolled back',
  });
  const { v1a, v1b } = told(rolledBackAlone(new Set()));
  t.is(v1a, 'not-undone: s0 stands on it and is not rolled back');
  t.is(v1b, v1a);
});

test('skip under a group that is not rolled back: what may still land is told as in doubt', (t) => {
  const silent = fault('timeout', 'no answer');
  const drive = rolledBackAlone(new Set(['register v1a']), steps, silent)
    .resume('skip')
    .run();
  t.is(drive.state.result, 'incomplete');
  t.regex(told(drive).v1a ?? '', /^in-doubt: s0 stands on it .*; left in place by decision: regi/);
  t.is(told(drive).v1b, 'not-undone: s0 stands on it and is not rolled back');
});

test('skip under a group that is not rolled back, then retry: what was left is undone', (t) => {
  const broken = new Set(['register v1a', 'register v2b']);
  const policy = { rules: [], otherwise: rollback('workgroup') };
  const alone = steps.map((each) => (each.name === 'verify' ? { ...each, policy } : each));
  const more = [...groups, workgroup('v2', ['v2a', 'v2b'])];
  const { world } = rolledBack(broken);
  const drive = new Drive(frozenRun(alone, more, gates), {
    answer: (call) =>
      call.step === 'register' && call.item === 'v2a'
        ? fault('refused', 'no')
        : (world.answer?.(call) ?? 'ok'),
  }).run();
  drive.resume('skip').run();
  t.is(drive.state.parked, 'stuck');
  t.false(undone(drive).includes('register v1a'));
  broken.clear();
  drive.resume('retry').run();
  t.true(undone(drive).includes('register v1a'));
  t.is(told(drive).v1a, 'not-undone: s0 stands on it and is not rolled back');
});
