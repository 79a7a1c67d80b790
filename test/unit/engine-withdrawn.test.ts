/** Intents that are given up before their call: nothing is in doubt, and nothing was done. */
import test from 'ava';
import { foldAll } from '../../daemon/core/engine/fold.ts';
import { decisionsFor, viewOf } from '../../daemon/core/engine/view.ts';
import { type PolicyAction, rollback, stop } from '../../daemon/core/policy.ts';
import { fault } from '../../sdk/plugin/fault.ts';
import { Drive, frozenRun, step, type World, workgroup } from '../_support/engine.ts';

const groups = ['v1', 'v2', 'v3'].map((id) => workgroup(id, [`${id}-vm`], { storage: 0 }));

const firstFails = (): World => ({
  answer: ({ group, step: name, direction }) =>
    group === 'v1' && name === 'power-on' && direction === 'run' ? fault('refused', 'no') : 'ok',
});

const runWith = (action: PolicyAction) =>
  new Drive(
    frozenRun(
      [step('register'), step('power-on', { policy: { rules: [], otherwise: action } })],
      groups,
    ),
    firstFails(),
    'ahead',
  ).run();

const powered = (drive: Drive) => drive.trace.filter((call) => call.startsWith('power-on'));
const withdrawn = (drive: Drive) =>
  drive.entries.filter(({ type }) => type === 'task-withdrawn').length;

test('withdrawn: STOP(run) while two calls wait → neither is made, the run parks, retry makes them', (t) => {
  const drive = runWith(stop('run'));
  t.deepEqual(powered(drive), ['power-on v1']);
  t.is(withdrawn(drive), 2);
  t.is(drive.state.parked, 'stopped');
  t.deepEqual(
    viewOf(drive.state, 10).workgroups.map(({ status }) => status),
    ['stopped', 'waiting', 'waiting'],
  );
  drive.world.answer = () => 'ok';
  drive.apply({
    type: 'run-resumed',
    at: drive.now,
    requester: 'tester',
    decision: 'retry',
    policies: {},
  });
  drive.run();
  t.is(drive.state.result, 'succeeded');
  t.is(powered(drive).length, 4);
  t.deepEqual(foldAll(drive.entries).tally, drive.state.tally);
});

test('withdrawn: ROLLBACK(run) while two calls wait → both are undone without having been made', (t) => {
  const drive = runWith(rollback('run'));
  t.deepEqual(powered(drive), ['power-on v1']);
  t.is(drive.state.result, 'rolled-back');
  t.deepEqual(
    drive.trace.filter((call) => call.startsWith('undo')).toSorted(),
    // What failed may be half done, so it is undone too.
    ['undo power-on v1', 'undo register v1', 'undo register v2', 'undo register v3'],
  );
});

test('withdrawn: a call that may let a writer in was not made → rollback is still offered', (t) => {
  const steps = [step('register'), step('power-on', { undo: 'no-return' })];
  const drive = new Drive(frozenRun(steps, groups), {}, 'ahead');
  const { state } = drive;
  while (state.noReturn.size === 0) drive.turn();
  const at = drive.now;
  drive.apply({ type: 'run-cancel-requested', at, requester: 'tester', reason: 'no' });
  drive.run();
  t.is(state.parked, 'cancelled');
  t.true(drive.trace.every((call) => !call.startsWith('power-on')));
  t.true(decisionsFor(state).includes('rollback'));
});
