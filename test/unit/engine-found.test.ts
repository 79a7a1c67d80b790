/** What enumerating the small models (test/models) has found, each kept as the story it was. */
import test from 'ava';
import { reportOf } from '../../daemon/core/engine/report.ts';
import type { FrozenWorkgroup, Gate } from '../../daemon/core/frozen.ts';
import { goOn, type PolicyAction, rollback, stop } from '../../daemon/core/policy.ts';
import { fault } from '../../sdk/plugin/fault.ts';
import { Drive, frozenRun, step, type World, workgroup } from '../_support/engine.ts';

const alone = (id: string, storage: number, more: Partial<FrozenWorkgroup> = {}) =>
  workgroup(id, [`${id}a`, `${id}b`], { storage, ...more });

const withPolicy = (name: string, otherwise: PolicyAction) =>
  step(name, { policy: { rules: [], otherwise } });

const refusing: World = {
  answer: ({ item, direction }) =>
    item === 'v0a' && direction === 'run' ? fault('refused', 'no') : 'ok',
};
const unknowable: World = {
  answer: ({ item }) => (item === 'v0a' ? fault('timeout', 'no answer') : 'ok'),
  settle: () => ({ unknowable: 'no record' }),
};

const outcomes = ({ state, entries, now }: Drive) =>
  reportOf(state, entries, now).items.map(({ itemId, outcome }) => `${itemId} ${outcome}`);

/** v1 waits for v0a. */
const dependent = (action: PolicyAction) => {
  const gate: Gate = {
    kind: 'dependency',
    waits: { step: 0, workgroups: [0] },
    holds: { step: 0, workgroups: [1] },
  };
  const groups = [alone('v0', 0), alone('v1', 1, { dependsOn: [[0, 0]] })];
  return new Drive(frozenRun([withPolicy('power-on', action)], groups, [gate]), refusing);
};

test('STOP(item), then skip: who depends on the item that was split away is dropped', (t) => {
  const drive = dependent(stop('item')).run().resume('skip').run();
  t.false(drive.trace.includes('power-on v1'));
  t.deepEqual(outcomes(drive), ['v0b done', 'v1a dropped', 'v1b dropped', 'v0a failed']);
});

test('ROLLBACK(item): who depends on the item that was undone is dropped', (t) => {
  const drive = dependent(rollback('item')).run();
  t.false(drive.trace.includes('power-on v1'));
  t.deepEqual(outcomes(drive), ['v0b done', 'v1a dropped', 'v1b dropped', 'v0a undone']);
});

test('ROLLBACK(workgroup): who depends on it and has not begun does not begin', (t) => {
  const gate: Gate = {
    kind: 'dependency',
    waits: { step: 1, workgroups: [0] },
    holds: { step: 1, workgroups: [1] },
  };
  const groups = [alone('v0', 0), alone('v1', 1, { dependsOn: [[0, 0]] })];
  const steps = ['register', 'start', 'verify'].map((name) =>
    withPolicy(name, rollback('workgroup')),
  );
  const drive = new Drive(
    frozenRun(steps, groups, [gate]),
    { answer: (call) => (call.step === 'verify' ? (refusing.answer?.(call) ?? 'ok') : 'ok') },
    'ascending',
  ).run();
  t.false(drive.trace.includes('start v1'));
  t.deepEqual(outcomes(drive), ['v0a undone', 'v0b undone', 'v1a dropped', 'v1b dropped']);
});

test('CONTINUE: who depends on a step that was done goes on, whatever fails in later steps', (t) => {
  const gate: Gate = {
    kind: 'dependency',
    waits: { step: 0, workgroups: [0, 1] },
    holds: { step: 0, workgroups: [2] },
  };
  const needs = [
    [0, 0],
    [1, 0],
  ] as const;
  const groups = [alone('v0', 0), alone('v1', 1), alone('v2', 2, { dependsOn: needs })];
  const steps = [step('power-on'), withPolicy('verify', goOn)];
  const world: World = {
    answer: (call) => (call.step === 'verify' ? (refusing.answer?.(call) ?? 'ok') : 'ok'),
  };
  const drive = new Drive(frozenRun(steps, groups, [gate]), world, 'ascending').run();
  t.true(drive.trace.indexOf('verify v0') < drive.trace.indexOf('power-on v2'));
  t.deepEqual(outcomes(drive).slice(-2), ['v2a done', 'v2b done']);
});

const operating: World = {
  answer: ({ item, direction }) =>
    item === 'v0a' && direction === 'run' ? { operation: 'job' } : 'ok',
};

const cancelled = () => {
  const drive = new Drive(
    frozenRun([step('register'), step('verify')], [alone('v0', 0)]),
    operating,
    'ascending',
  );
  drive.turn();
  drive.apply({ type: 'run-cancel-requested', at: drive.now, requester: 'me', reason: 'no' });
  return drive.run();
};

test('cancel with an operation under way, then rollback: it is polled to its end, then undone', (t) => {
  const drive = cancelled();
  t.is(drive.state.parked, 'cancelled');
  t.is(drive.resume('rollback').run().state.result, 'rolled-back');
});

test('cancel with an operation under way, then abandon: the report says that nobody knows', (t) => {
  const drive = cancelled().resume('abandon');
  drive.apply({ type: 'run-ended', at: drive.now, result: 'abandoned' });
  t.deepEqual(outcomes(drive), ['v0a in-doubt', 'v0b stopped']);
});

/** The undo of v0a in `unmount` fails until it is mended; `sync` has nothing to undo. */
const stuck = () => {
  const steps = [
    step('sync', { undo: 'nothing-to-undo' }),
    step('unmount'),
    withPolicy('demote', rollback('run')),
  ];
  return new Drive(frozenRun(steps, [alone('v0', 0), alone('v1', 1)]), {
    answer: ({ step: name, item, direction }) => {
      if (direction === 'undo') {
        return name === 'unmount' && item === 'v0a' ? fault('refused', 'no') : 'ok';
      }
      return name === 'demote' ? fault('refused', 'no') : 'ok';
    },
  }).run();
};

test('stuck: the report names what is not undone, and what is', (t) => {
  const drive = stuck();
  t.is(drive.state.parked, 'stuck');
  t.deepEqual(outcomes(drive)[0], 'v0a not-undone');
});

test('stuck, then retry: what was undone is not undone again', (t) => {
  const drive = stuck().resume('retry');
  while (drive.entries.at(-1)?.type !== 'task-outcome') drive.turn();
  const again = drive.entries.findLast(({ type }) => type === 'task-started');
  t.is(again !== undefined && 'items' in again ? again.items : '', '0');
});

test('stuck, then skip: no earlier step is undone out of turn, nor one without an undo', (t) => {
  const drive = stuck().resume('skip').run();
  t.is(drive.state.result, 'incomplete');
  t.deepEqual(
    drive.trace.filter((call) => call.startsWith('undo sync')),
    [],
  );
});

test('STOP in the last step: the report calls done who has been through every step', (t) => {
  const run = frozenRun([withPolicy('verify', stop())], [alone('v0', 0)]);
  t.deepEqual(outcomes(new Drive(run, refusing).run()), ['v0a stopped', 'v0b done']);
});

const doubtful = () =>
  new Drive(frozenRun([step('register'), step('verify')], [alone('v0', 0)]), unknowable).run();

test('abandon: what was in doubt stays so in the report', (t) => {
  const drive = doubtful().resume('abandon');
  drive.apply({ type: 'run-ended', at: drive.now, result: 'abandoned' });
  t.deepEqual(outcomes(drive), ['v0a in-doubt', 'v0b stopped']);
});

test('rollback of a run in doubt: nobody knows of the item in doubt, the others are undone', (t) => {
  const drive = doubtful().resume('rollback').run();
  t.is(drive.state.result, 'incomplete');
  t.deepEqual(outcomes(drive), ['v0a in-doubt', 'v0b undone']);
});

/** v0a fails half done in `mount`; v1 has nothing to do with it. */
const halfMounted = (action: PolicyAction, kind: 'refused' | 'missing', pieces?: string[]) => {
  const no = { ...fault(kind, 'no'), ...(pieces === undefined ? {} : { members: pieces }) };
  return new Drive(frozenRun([withPolicy('mount', action)], [alone('v0', 0)]), {
    answer: ({ item, direction }) => (item === 'v0a' && direction === 'run' ? no : 'ok'),
  });
};

const undone = (drive: Drive) =>
  drive.entries.findLast((entry) => entry.type === 'task-outcome' && entry.direction === 'undo');

test('STOP, then a rollback by a person: what had failed is undone too, it may be half done', (t) => {
  const drive = halfMounted(stop(), 'refused').run().resume('rollback').run();
  t.like(undone(drive), { done: '0-1' });
});

test('ROLLBACK: of an item that is missing in part the rest is undone, one that is missing is not', (t) => {
  const part = halfMounted(rollback('run'), 'missing', ['ds-1', 'ds-2']).run();
  t.like(undone(part), { done: '0-1' });
  t.like(undone(halfMounted(rollback('run'), 'missing').run()), { done: '1' });
});

const cancelNow = (drive: Drive): Drive => {
  drive.apply({ type: 'run-cancel-requested', at: drive.now, requester: 'me', reason: 'late' });
  return drive.run();
};

const supersededNow = (drive: Drive): Drive => {
  const end = { at: drive.now, result: 'superseded', byRunId: 'disaster' } as const;
  drive.apply({ type: 'run-ended', ...end });
  return drive;
};

test('superseded while it undoes: what an undo that timed out may still do is in doubt', (t) => {
  const steps = [step('mount'), withPolicy('register', rollback('run'))];
  const drive = new Drive(frozenRun(steps, [alone('v0', 0)]), {
    answer: ({ step: name, item, direction }) => {
      if (direction === 'undo') return item === 'v0a' ? fault('timeout', 'no answer') : 'ok';
      return name === 'register' ? fault('refused', 'no') : 'ok';
    },
  });
  while (undone(drive) === undefined) drive.turn();
  cancelNow(drive);
  t.is(drive.state.parked, 'cancelled');
  t.deepEqual(outcomes(drive), ['v0a in-doubt', 'v0b stopped']);
  t.deepEqual(outcomes(supersededNow(drive)), ['v0a in-doubt', 'v0b stopped']);
});

test('superseded with calls in flight at the lost site: what they may have done is in doubt', (t) => {
  const drive = new Drive(
    frozenRun([step('shut-down', { side: 'protected' })], [alone('v0', 0), alone('v1', 1)]),
    { answer: ({ group }) => (group === 'v0' ? fault('unreachable', 'site lost') : 'ok') },
    'ascending',
  );
  while (drive.state.tally.started < 2) drive.turn();
  drive.apply({ type: 'run-site-lost', at: drive.now, siteId: 'site-a' });
  cancelNow(drive);
  t.is(drive.state.parked, 'cancelled');
  const told = ['v0a in-doubt', 'v0b in-doubt', 'v1a done', 'v1b done'];
  t.deepEqual(outcomes(drive), told);
  t.deepEqual(outcomes(supersededNow(drive)), told);
});

test('report: a VM that was off and stays off → done, and nobody recovered it', (t) => {
  const { state, entries, now } = new Drive(frozenRun([step('power-on')], [alone('v0', 0)]), {
    answer: () => 'ok',
  }).run();
  const told = entries.map((entry) =>
    entry.type === 'task-outcome' ? { ...entry, evidence: { 0: { leftOff: true } } } : entry,
  );
  const [off, on] = reportOf(state, told, now).items;
  t.like(off, { outcome: 'done', recoveryTimeMs: undefined, why: 'it was off, and stays off' });
  t.like(on, { outcome: 'done', why: '' });
  t.not(on?.recoveryTimeMs, undefined);
});
