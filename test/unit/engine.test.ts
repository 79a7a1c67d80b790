/** The engine's rules on small runs: order, policies with their reaches, doubt, undo, restart. */
import test from 'ava';
import { foldAll } from '../../daemon/core/engine/fold.ts';
import { viewOf } from '../../daemon/core/engine/view.ts';
import type { FrozenWorkgroup, Gate } from '../../daemon/core/frozen.ts';
import { goOn, type PolicyAction, rerun, rollback, stop } from '../../daemon/core/policy.ts';
import { fault } from '../../sdk/plugin/fault.ts';
import { Drive, frozenRun, step, type World, workgroup } from '../_support/engine.ts';

const policy = (otherwise: PolicyAction) => ({ rules: [], otherwise });

/** Two storage workgroups in two protection groups, one VM workgroup on each. */
const groups: FrozenWorkgroup[] = [
  workgroup('s1', ['cg1'], { storage: 0, protectionGroupId: 'p1' }),
  workgroup('s2', ['cg2'], { storage: 1, protectionGroupId: 'p2' }),
  workgroup('v1', ['vm1', 'vm2'], { storage: 0, protectionGroupId: 'p1' }),
  workgroup('v2', ['vm3', 'vm4'], { storage: 1, protectionGroupId: 'p2' }),
];

const gates: Gate[] = [
  {
    kind: 'stands-on',
    waits: { step: 0, workgroups: [2] },
    holds: { step: 1, workgroups: [0] },
  },
  {
    kind: 'stands-on',
    waits: { step: 0, workgroups: [3] },
    holds: { step: 1, workgroups: [1] },
  },
  {
    kind: 'stands-on',
    waits: { step: 2, workgroups: [0] },
    holds: { step: 3, workgroups: [2] },
  },
  {
    kind: 'stands-on',
    waits: { step: 2, workgroups: [1] },
    holds: { step: 3, workgroups: [3] },
  },
];

const steps = (more: Record<string, PolicyAction> = {}) =>
  [
    step('shut-down', { side: 'protected' }),
    step('demote', { unit: 'storage', remote: 'array', side: 'protected', before: true }),
    step('promote', { unit: 'storage', remote: 'array', before: true }),
    step('register'),
    step('power-on', { undo: 'no-return' }),
    step('verify', { undo: 'nothing-to-undo' }),
  ].map((made) => {
    const action = more[made.name];
    return action === undefined ? made : { ...made, policy: policy(action) };
  });

const small = (more: Record<string, PolicyAction> = {}) => frozenRun(steps(more), groups, gates);

const refusal = fault('refused', 'the array said no');
const failing =
  (name: string, item: string, times = Number.POSITIVE_INFINITY): NonNullable<World['answer']> =>
  (call) => {
    if (call.direction === 'undo' || call.step !== name || call.item !== item) return 'ok';
    return call.attempt <= times ? refusal : 'ok';
  };

test('a run without faults does every step of every workgroup once, storage under its VMs', (t) => {
  const drive = new Drive(small()).run();
  t.is(drive.state.result, 'succeeded');
  t.deepEqual([...drive.trace].sort(), [
    'demote s1',
    'demote s2',
    'power-on v1',
    'power-on v2',
    'promote s1',
    'promote s2',
    'register v1',
    'register v2',
    'shut-down v1',
    'shut-down v2',
    'verify v1',
    'verify v2',
  ]);
  t.true(drive.trace.indexOf('shut-down v1') < drive.trace.indexOf('demote s1'));
  t.true(drive.trace.indexOf('promote s1') < drive.trace.indexOf('register v1'));
});

test('a workgroup starts its next step while another is still in an earlier one', (t) => {
  const drive = new Drive(small(), {
    answer: (call) => (call.group === 'v2' && call.step === 'shut-down' ? 'lost' : 'ok'),
  }).run();
  t.true(drive.trace.includes('verify v1'));
  t.false(drive.trace.includes('demote s2'));
});

test('CONTINUE drops the failed item and goes on with the rest', (t) => {
  const drive = new Drive(small({ register: goOn }), { answer: failing('register', 'vm1') }).run();
  t.is(drive.state.result, 'incomplete');
  const view = viewOf(drive.state, 100);
  t.deepEqual(
    view.notes.map(({ itemId, state }) => [itemId, state]),
    [['vm1', 'failed']],
  );
  t.is(view.steps[5]?.itemsDone, 3);
});

test('CONTINUE at shut-down takes the group under the VM out: never a demotion under a running VM', (t) => {
  const drive = new Drive(small({ 'shut-down': goOn }), {
    answer: failing('shut-down', 'vm1'),
  }).run();
  t.false(drive.trace.includes('demote s1'));
  t.true(drive.trace.includes('verify v2'));
  t.is(drive.state.result, 'incomplete');
  t.deepEqual(
    viewOf(drive.state, 100)
      .notes.map(({ itemId }) => itemId)
      .sort(),
    ['cg1', 'vm1', 'vm2'],
  );
});

test('CONTINUE on a consistency group takes its VMs out, the other group goes on', (t) => {
  const drive = new Drive(small({ promote: goOn }), { answer: failing('promote', 'cg1') }).run();
  t.false(drive.trace.includes('register v1'));
  t.true(drive.trace.includes('verify v2'));
  t.is(drive.state.result, 'incomplete');
});

test('RERUN tries the failed items again with growing delay and then succeeds', (t) => {
  const again = rerun({ attemptsMax: 5, delayMsMin: 100, delayMsMax: 1_000 });
  const drive = new Drive(small({ register: again }), {
    answer: failing('register', 'vm1', 2),
  }).run();
  t.is(drive.state.result, 'succeeded');
  const starts = drive.entries.filter(
    (entry) => entry.type === 'task-started' && entry.step === 3 && entry.group === 2,
  );
  t.deepEqual(
    starts.map((entry) => ('items' in entry ? entry.items : 'all')),
    ['all', '0', '0'],
  );
  t.true(drive.now >= 1_100);
});

test('RERUN past its attempts becomes STOP and says so', (t) => {
  const again = rerun({ attemptsMax: 3, delayMsMin: 1, delayMsMax: 2 });
  const drive = new Drive(small({ register: again }), { answer: failing('register', 'vm1') }).run();
  t.is(drive.state.parked, 'stopped');
  t.is(drive.trace.filter((call) => call === 'register v1').length, 3);
  t.regex(viewOf(drive.state, 100).attention, /after 3 attempts/);
});

test('STOP of several items → each keeps its own fault, stopped and when it is skipped', (t) => {
  const why = (item: string) => `${item} is locked`;
  const drive = new Drive(small({ register: stop() }), {
    answer: ({ step, item }) => (step === 'register' ? fault('conflict', why(item)) : 'ok'),
  }).run();
  const expectOwn = (state: string) => {
    const { notes } = viewOf(drive.state, 100);
    t.deepEqual(
      notes.map((note) => [note.itemId, note.state, note.fault?.message]),
      ['vm1', 'vm2', 'vm3', 'vm4'].map((id) => [id, state, why(id)]),
    );
  };
  expectOwn('stopped');
  const at = drive.now;
  drive.apply({ type: 'run-resumed', at, requester: 'me', decision: 'skip', policies: {} });
  drive.run();
  expectOwn('failed');
});

test('STOP(item) parks the item alone: its neighbours and the other workgroup finish', (t) => {
  const drive = new Drive(small({ register: stop('item') }), {
    answer: failing('register', 'vm1', 1),
  }).run();
  t.is(drive.state.parked, 'stopped');
  t.true(drive.trace.includes('verify v1'));
  t.is(drive.state.groups.length, 5);
  drive.apply({
    type: 'run-resumed',
    at: drive.now,
    requester: 'me',
    decision: 'retry',
    policies: {},
  });
  drive.run();
  t.is(drive.state.result, 'succeeded');
  t.true(drive.trace.includes('verify v1.1'));
});

test('STOP(workgroup) parks its workgroup, every other runs to its end', (t) => {
  const drive = new Drive(small({ register: stop() }), { answer: failing('register', 'vm1', 1) });
  drive.run();
  t.is(drive.state.parked, 'stopped');
  t.false(drive.trace.includes('power-on v1'));
  t.true(drive.trace.includes('verify v2'));
});

test('STOP(protection-group) lets nothing new start there, the other protection group ends', (t) => {
  const drive = new Drive(small({ demote: stop('protection-group') }), {
    answer: failing('demote', 'cg1', 1),
  }).run();
  t.is(drive.state.parked, 'stopped');
  t.true(drive.trace.includes('verify v2'));
});

test('STOP(run) starts nothing new anywhere and is resumed where it stopped', (t) => {
  const drive = new Drive(small({ 'shut-down': stop('run') }), {
    answer: failing('shut-down', 'vm1', 1),
  }).run();
  t.is(drive.state.parked, 'stopped');
  t.false(drive.trace.includes('promote s2'));
  const before = drive.trace.length;
  drive.apply({
    type: 'run-resumed',
    at: drive.now,
    requester: 'me',
    decision: 'retry',
    policies: {},
  });
  drive.run();
  t.is(drive.state.result, 'succeeded');
  t.false(drive.trace.slice(before).includes('shut-down v2'));
});

test('ROLLBACK(protection-group) undoes in reverse order of the steps, nothing of the other', (t) => {
  const drive = new Drive(small({ promote: rollback('protection-group') }), {
    answer: failing('promote', 'cg1'),
  }).run();
  t.is(drive.state.result, 'incomplete');
  const undone = drive.trace.filter((call) => call.startsWith('undo'));
  t.deepEqual(undone, ['undo promote s1', 'undo demote s1', 'undo shut-down v1']);
  t.true(drive.trace.includes('verify v2'));
});

test('ROLLBACK(run) undoes everything and ends rolled back', (t) => {
  const drive = new Drive(small({ demote: rollback('run') }), {
    answer: failing('demote', 'cg1'),
  }).run();
  t.is(drive.state.result, 'rolled-back');
});

test('ROLLBACK past the first writer at the recovery side becomes STOP and names the way out', (t) => {
  const drive = new Drive(small({ verify: rollback('run') }), {
    answer: failing('verify', 'vm1'),
  }).run();
  t.is(drive.state.parked, 'stopped');
  t.false(drive.trace.some((call) => call.startsWith('undo')));
  t.regex(viewOf(drive.state, 100).attention, /point of no return/);
});

test('a failed undo makes the run stuck; retry goes on with it', (t) => {
  let broken = true;
  const drive = new Drive(small({ promote: rollback('protection-group') }), {
    answer: (call) => {
      if (call.direction === 'run') return call.step === 'promote' ? refusal : 'ok';
      return broken && call.step === 'demote' ? refusal : 'ok';
    },
  }).run();
  t.is(drive.state.parked, 'stuck');
  t.is(drive.trace.filter((call) => call === 'undo demote s1').length, 3);
  const { attention, notes } = viewOf(drive.state, 100);
  t.regex(attention, /^stuck: s1 at demote: /);
  t.true(notes.some(({ step, state }) => step === 'demote' && state === 'not-undone'));
  broken = false;
  drive.apply({
    type: 'run-resumed',
    at: drive.now,
    requester: 'me',
    decision: 'retry',
    policies: {},
  });
  drive.run();
  t.is(drive.state.result, 'rolled-back');
});

test('a doubtful fault is settled before any policy is asked', (t) => {
  const late = fault('timeout', 'no answer');
  const drive = new Drive(small({ register: rollback('run') }), {
    answer: (call) => (call.step === 'register' && call.item === 'vm1' ? late : 'ok'),
    settle: () => 'done',
  }).run();
  t.is(drive.state.result, 'succeeded');
  t.true(drive.trace.includes('settle register v1'));
});

test('what nobody can know is parked by name; skip leaves it in doubt in the report', (t) => {
  const drive = new Drive(small({ register: goOn }), {
    answer: (call) =>
      call.step === 'register' && call.item === 'vm1' ? fault('timeout', 'no answer') : 'ok',
    settle: () => ({ unknowable: 'the compute has no such record' }),
  }).run();
  t.is(drive.state.parked, 'doubt');
  drive.apply({
    type: 'run-resumed',
    at: drive.now,
    requester: 'me',
    decision: 'skip',
    policies: {},
  });
  drive.run();
  t.is(drive.state.result, 'incomplete');
  t.is(viewOf(drive.state, 100).notes[0]?.state, 'in-doubt');
});

test('accepted operations are polled to their end, also after a restart', (t) => {
  const drive = new Drive(small(), {
    answer: (call) => (call.step === 'demote' ? { operation: 'op-1' } : 'ok'),
  });
  while (!drive.entries.some((entry) => entry.type === 'task-accepted')) drive.turn();
  drive.restart().run();
  t.is(drive.state.result, 'succeeded');
  t.is(drive.trace.filter((call) => call === 'demote s1').length, 1);
});

test('a changed policy takes effect when a parked run is resumed', (t) => {
  const drive = new Drive(small({ register: stop() }), { answer: failing('register', 'vm1') });
  drive.run();
  drive.apply({
    type: 'run-resumed',
    at: drive.now,
    requester: 'me',
    decision: 'retry',
    policies: { register: policy(goOn) },
  });
  drive.run();
  t.is(drive.state.result, 'incomplete');
  t.true(drive.trace.includes('verify v1'));
});

test('cancel starts nothing new and ends parked; resume finishes', (t) => {
  const drive = new Drive(small());
  drive.turn();
  drive.apply({ type: 'run-cancel-requested', at: drive.now, requester: 'me', reason: 'lunch' });
  drive.run();
  t.is(drive.state.parked, 'cancelled');
  t.regex(viewOf(drive.state, 100).attention, /^cancelled: lunch\. Resume/);
  t.false(drive.trace.includes('verify v1'));
  drive.apply({
    type: 'run-resumed',
    at: drive.now,
    requester: 'me',
    decision: 'retry',
    policies: {},
  });
  drive.run();
  t.is(drive.state.result, 'succeeded');
});

test('a lost protected site stops what needs it, parks, and makes no call there', (t) => {
  const drive = new Drive(small());
  drive.apply({ type: 'run-site-lost', at: drive.now, siteId: 'site-a' });
  drive.run();
  t.is(drive.state.parked, 'stopped');
  t.deepEqual(drive.trace, []);
});

test('restart at every entry of every scenario ends like the uninterrupted run', (t) => {
  const scenarios: [string, Record<string, PolicyAction>, World['answer']][] = [
    ['clean', {}, undefined],
    ['continue', { register: goOn }, failing('register', 'vm1')],
    ['rollback', { promote: rollback('protection-group') }, failing('promote', 'cg1')],
    ['stop item', { register: stop('item') }, failing('register', 'vm1')],
  ];
  for (const [name, policies, answer] of scenarios) {
    const refused = (call: { step: string; group: string; item: string }) =>
      answer?.({ ...call, attempt: 1, direction: 'run' }) === refusal;
    const world: World = {
      ...(answer === undefined ? {} : { answer }),
      settle: (call) => (refused(call) ? 'absent' : 'done'),
    };
    const whole = new Drive(small(policies), world).run();
    for (let cut = 1; cut < whole.entries.length; cut++) {
      const drive = new Drive(small(policies), world);
      drive.entries.length = 0;
      drive.entries.push(...whole.entries.slice(0, cut));
      drive.restart().run();
      t.is(drive.state.result, whole.state.result, `${name}, cut after entry ${cut}`);
      t.is(drive.state.parked, whole.state.parked, `${name}, cut after entry ${cut}`);
      t.deepEqual(
        viewOf(drive.state, 100).notes.map(({ itemId, state }) => [itemId, state]),
        viewOf(whole.state, 100).notes.map(({ itemId, state }) => [itemId, state]),
        `${name}, cut after entry ${cut}`,
      );
    }
  }
});

test('folding a run again gives the same view, at every entry', (t) => {
  const drive = new Drive(small({ promote: rollback('protection-group') }), {
    answer: failing('promote', 'cg1'),
  }).run();
  t.deepEqual(viewOf(foldAll(drive.entries), 100), viewOf(drive.state, 100));
});
