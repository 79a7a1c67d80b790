/** What enumerating the small models (test/models) has found, each kept as the story it was. */
import test from 'ava';
import { reportOf } from '../../daemon/core/engine/report.ts';
import type { FrozenWorkgroup, Gate } from '../../daemon/core/frozen.ts';
import { type PolicyAction, rollback, stop } from '../../daemon/core/policy.ts';
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
