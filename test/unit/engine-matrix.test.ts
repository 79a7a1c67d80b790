/**
 * Every action at every reach for a fault in every step of the planned run, and a restart at every
 * entry of each: what a policy means does not depend on where it strikes or when the daemon dies.
 */
import test from 'ava';
import { viewOf } from '../../daemon/core/engine/view.ts';
import type { Entry } from '../../daemon/core/entries.ts';
import type { FrozenStep, FrozenWorkgroup, Gate } from '../../daemon/core/frozen.ts';
import { goOn, type PolicyAction, rerun, rollback, stop } from '../../daemon/core/policy.ts';
import { fault } from '../../sdk/plugin/fault.ts';
import { Drive, frozenRun, step, type World, workgroup } from '../_support/engine.ts';

const storage: Partial<FrozenStep> = { unit: 'storage', remote: 'array' };
const at = { protected: { side: 'protected' }, recovery: { side: 'recovery' } } as const;

/** The planned run's steps, with their undo as the registry has it. */
const planned: readonly FrozenStep[] = [
  step('sync', { ...storage, ...at.protected, undo: 'nothing-to-undo' }),
  step('shut-down', { ...at.protected, before: true }),
  step('final-sync', { ...storage, ...at.protected, undo: 'nothing-to-undo' }),
  step('unmount', { ...at.protected, unit: 'storage' }),
  step('demote-source', { ...storage, ...at.protected, before: true }),
  step('promote-target', { ...storage, before: true }),
  step('mount', { unit: 'storage' }),
  step('register'),
  step('power-on', { undo: 'no-return' }),
  step('verify', { undo: 'nothing-to-undo' }),
];

const groups: readonly FrozenWorkgroup[] = [
  workgroup('s1', ['cg1'], { storage: 0, protectionGroupId: 'p1' }),
  workgroup('s2', ['cg2'], { storage: 1, protectionGroupId: 'p2' }),
  workgroup('v1', ['vm1', 'vm2'], { storage: 0, protectionGroupId: 'p1', priority: 1 }),
  workgroup('v2', ['vm3', 'vm4'], { storage: 1, protectionGroupId: 'p2', priority: 2 }),
];

const standsOn = (waits: [number, number[]], holds: [number, number[]]): Gate => ({
  kind: 'stands-on',
  waits: { step: waits[0], workgroups: waits[1] },
  holds: { step: holds[0], workgroups: holds[1] },
});

const gates: readonly Gate[] = [
  ...[0, 1].flatMap((below) => [
    standsOn([0, [below]], [1, [below + 2]]),
    standsOn([1, [below + 2]], [2, [below]]),
    standsOn([6, [below]], [7, [below + 2]]),
  ]),
  {
    kind: 'priority',
    waits: { step: 8, workgroups: [2] },
    holds: { step: 8, workgroups: [3] },
  },
];

const actions: Readonly<Record<string, PolicyAction>> = {
  CONTINUE: goOn,
  RERUN: rerun({ attemptsMax: 3, delayMsMin: 10, delayMsMax: 100 }),
  'STOP(item)': stop('item'),
  'STOP(workgroup)': stop('workgroup'),
  'STOP(protection-group)': stop('protection-group'),
  'STOP(run)': stop('run'),
  'ROLLBACK(workgroup)': rollback('workgroup'),
  'ROLLBACK(protection-group)': rollback('protection-group'),
  'ROLLBACK(run)': rollback('run'),
};

const refusal = fault('refused', 'no');

const runOf = (name: string, action: PolicyAction) =>
  frozenRun(
    planned.map((made) =>
      made.name === name ? { ...made, policy: { rules: [], otherwise: action } } : made,
    ),
    groups,
    gates,
  );

/** The first item of the first protection group fails in the step, every time. */
const worldOf = (name: string): World => {
  const fails = (call: { step: string; item: string }) =>
    call.step === name && (call.item === 'cg1' || call.item === 'vm1');
  return {
    answer: (call) => (call.direction === 'run' && fails(call) ? refusal : 'ok'),
    settle: (call) => (fails(call) ? 'absent' : 'done'),
  };
};

const endOf = (drive: Drive) => ({
  result: drive.state.result,
  parked: drive.state.parked,
  notes: viewOf(drive.state, 100).notes.map(({ itemId, state }) => [itemId, state]),
});

/** What must hold of any trace, whatever the policy. */
const broken = (entries: readonly Entry[]): string[] => {
  const faults: string[] = [];
  const done = new Map<string, number>();
  for (const entry of entries) {
    if (entry.type !== 'task-outcome' || entry.direction === 'undo') continue;
    const key = `${entry.group}/${entry.step}/${entry.done}`;
    if (entry.done === '') continue;
    done.set(key, (done.get(key) ?? 0) + 1);
    if ((done.get(key) ?? 0) > 1) faults.push(`done twice: ${key}`);
  }
  return faults;
};

const other = (drive: Drive) =>
  drive.trace.filter((call) => call.endsWith(' s2') || call.endsWith(' v2'));

for (const [title, action] of Object.entries(actions)) {
  test(`${title}: a fault in any step → the same end wherever the daemon dies in between`, (t) => {
    for (const { name, unit } of planned) {
      if (title === 'STOP(item)' && unit === 'storage') continue;
      const whole = new Drive(runOf(name, action), worldOf(name)).run();
      t.true(whole.state.result !== undefined || whole.state.parked !== undefined, name);
      t.deepEqual(broken(whole.entries), [], name);
      for (let cut = 1; cut < whole.entries.length; cut++) {
        const drive = new Drive(runOf(name, action), worldOf(name));
        drive.entries.splice(0, drive.entries.length, ...whole.entries.slice(0, cut));
        drive.restart().run();
        t.deepEqual(endOf(drive), endOf(whole), `${name}, cut after entry ${cut}`);
        t.deepEqual(broken(drive.entries), [], `${name}, cut after entry ${cut}`);
      }
    }
  });
}

test('a fault below the reach of the run leaves the other protection group its whole way', (t) => {
  for (const [title, action] of Object.entries(actions)) {
    if (title.includes('(run)')) continue;
    for (const { name, unit } of planned) {
      if (title === 'STOP(item)' && unit === 'storage') continue;
      const drive = new Drive(runOf(name, action), worldOf(name)).run();
      t.is(other(drive).length, planned.length, `${title} in ${name}`);
    }
  }
});

test('ROLLBACK before the first writer undoes what was completed, latest first', (t) => {
  for (const { name } of planned.slice(0, 8)) {
    const drive = new Drive(runOf(name, rollback('protection-group')), worldOf(name)).run();
    const undone = drive.trace.filter((call) => call.startsWith('undo '));
    const order = undone.map((call) => planned.findIndex((made) => call.includes(made.name)));
    t.deepEqual(
      order,
      [...order].sort((one, next) => next - one),
      name,
    );
    const completed = planned.slice(
      0,
      planned.findIndex((made) => made.name === name),
    );
    for (const made of completed) {
      if (made.undo !== 'undo') continue;
      t.true(
        undone.some((call) => call.includes(made.name)),
        `${made.name} after ${name}`,
      );
    }
  }
});

test('ROLLBACK at and past the first power-on becomes STOP: nothing is undone', (t) => {
  for (const name of ['power-on', 'verify']) {
    const drive = new Drive(runOf(name, rollback('run')), worldOf(name)).run();
    t.deepEqual(
      drive.trace.filter((call) => call.startsWith('undo ')),
      [],
    );
    t.is(drive.state.parked, 'stopped');
  }
});

test('resume with retry after any STOP, the cause mended → every item done, none twice', (t) => {
  for (const title of ['STOP(item)', 'STOP(workgroup)', 'STOP(protection-group)', 'STOP(run)']) {
    for (const { name, unit } of planned) {
      if (title === 'STOP(item)' && unit === 'storage') continue;
      let mended = false;
      const world = worldOf(name);
      const drive = new Drive(runOf(name, actions[title] as PolicyAction), {
        answer: (call) => (mended ? 'ok' : (world.answer?.(call) ?? 'ok')),
      }).run();
      t.is(drive.state.parked, 'stopped', `${title} in ${name}`);
      mended = true;
      drive.apply({
        type: 'run-resumed',
        at: drive.now,
        requester: 'me',
        decision: 'retry',
        policies: {},
      });
      drive.run();
      t.is(drive.state.result, 'succeeded', `${title} in ${name}`);
      t.deepEqual(broken(drive.entries), [], `${title} in ${name}`);
    }
  }
});
