/** Workgroups of several paths in one run: who takes which step, and what a rollback leaves. */
import test from 'ava';
import { viewOf } from '../../daemon/core/engine/view.ts';
import type { FrozenWorkgroup, Gate } from '../../daemon/core/frozen.ts';
import { goOn, type PolicyAction, rollback, stop } from '../../daemon/core/policy.ts';
import { fault } from '../../sdk/plugin/fault.ts';
import { Drive, frozenRun, step, type World, workgroup } from '../_support/engine.ts';

/** Plain storage with a VM, and two stretched devices with two VMs each that go live. */
const groups: FrozenWorkgroup[] = [
  workgroup('s1', ['plain'], { storage: 0 }),
  workgroup('s2', ['dev-a'], { storage: 1, path: 'stretched' }),
  workgroup('s3', ['dev-b'], { storage: 2, path: 'stretched' }),
  workgroup('v1', ['cold-vm'], { storage: 0 }),
  workgroup('v2', ['vm-a1', 'vm-a2'], { storage: 1, path: 'live' }),
  workgroup('v3', ['vm-b1', 'vm-b2'], { storage: 2, path: 'live' }),
];

const standsOn = (waits: [number, number], holds: [number, number]): Gate => ({
  kind: 'stands-on',
  waits: { step: waits[0], workgroups: [waits[1]] },
  holds: { step: holds[0], workgroups: [holds[1]] },
});

const gates: Gate[] = [
  standsOn([1, 3], [2, 0]),
  standsOn([2, 0], [4, 3]),
  standsOn([0, 1], [3, 4]),
  standsOn([0, 2], [3, 5]),
];

const mixed = (policies: Record<string, PolicyAction> = {}) => {
  const storage = { unit: 'storage', remote: 'array' } as const;
  const steps = [
    step('switch', { ...storage, side: 'protected', before: true, paths: ['stretched'] }),
    step('shut-down', { side: 'protected', paths: ['cold'] }),
    step('promote', { ...storage, before: true, paths: ['cold'] }),
    step('migrate', { side: 'protected', undo: 'stays', paths: ['live'] }),
    step('power-on', { undo: 'no-return', paths: ['cold'] }),
    step('verify', { undo: 'nothing-to-undo' }),
  ].map((made) => {
    const otherwise = policies[made.name];
    return otherwise === undefined ? made : { ...made, policy: { rules: [], otherwise } };
  });
  return frozenRun(steps, groups, gates);
};

/** The same without what is plain. */
const stretched = (policies: Record<string, PolicyAction> = {}) =>
  frozenRun(
    mixed(policies).steps,
    groups
      .filter(({ path }) => path !== undefined)
      .map((group) => ({ ...group, storage: group.storage - 1 })),
    [standsOn([0, 0], [3, 2]), standsOn([0, 1], [3, 3])],
  );

const refusal = fault('refused', 'the remote said no');
const failing =
  (name: string, ...items: readonly string[]): NonNullable<World['answer']> =>
  (call) =>
    call.direction === 'run' && call.step === name && items.includes(call.item) ? refusal : 'ok';

const notesOf = (drive: Drive) =>
  Object.fromEntries(
    viewOf(drive.state, 100).notes.map(({ itemId, state, why }) => [itemId, `${state}: ${why}`]),
  );

test('paths: each workgroup takes the steps of its unit and path, and no other', (t) => {
  const drive = new Drive(mixed()).run();
  t.is(drive.state.result, 'succeeded');
  t.deepEqual([...drive.trace].sort(), [
    'migrate v2',
    'migrate v3',
    'power-on v1',
    'promote s1',
    'shut-down v1',
    'switch s2',
    'switch s3',
    'verify v1',
    'verify v2',
    'verify v3',
  ]);
});

test('paths: a run that was journaled without any (steps, workgroups) → one path for all', (t) => {
  const run = frozenRun(
    [step('shut-down'), step('promote', { unit: 'storage' }), step('verify')],
    groups.map(({ path: _none, ...group }) => group),
  );
  const drive = new Drive(run).run();
  t.is(drive.state.result, 'succeeded');
  t.is(drive.trace.length, 9);
});

test('paths: a step counts the workgroups that go through it', (t) => {
  const drive = new Drive(mixed()).run();
  t.deepEqual(
    viewOf(drive.state, 100).steps.map(({ name, workgroupsTotal, workgroupsDone }) => [
      name,
      workgroupsTotal,
      workgroupsDone,
    ]),
    [
      ['switch', 2, 2],
      ['shut-down', 1, 1],
      ['promote', 1, 1],
      ['migrate', 2, 2],
      ['power-on', 1, 1],
      ['verify', 3, 3],
    ],
  );
});

for (const [title, action] of [
  ['STOP(workgroup)', stop()],
  ['CONTINUE', goOn],
] as const) {
  test(`switch: refused on one device, ${title} → none of its VMs migrates, others go on`, (t) => {
    const world = { answer: failing('switch', 'dev-a') };
    const drive = new Drive(mixed({ switch: action }), world).run();
    t.false(drive.trace.includes('migrate v2'));
    t.true(drive.trace.includes('verify v3'));
    t.true(drive.trace.includes('verify v1'));
    t.is(drive.state.parked ?? drive.state.result, action === goOn ? 'incomplete' : 'stopped');
  });
}

test('rollback: no VM of a device went over → what it stands on is undone', (t) => {
  const world = { answer: failing('migrate', 'vm-a1', 'vm-a2', 'vm-b1', 'vm-b2') };
  const near = new Drive(stretched({ migrate: rollback('workgroup') }), world).run();
  t.false(near.trace.includes('undo switch s2'), 'the device is out of reach of its VMs');

  const wide = new Drive(stretched({ migrate: stop() }), world).run().resume('rollback').run();
  t.is(wide.state.result, 'rolled-back');
  t.true(wide.trace.includes('undo switch s2'));
});

test('rollback: some VMs of a device went over → they stay, and so does what they stand on', (t) => {
  const run = stretched({ migrate: rollback('run') });
  const world = { answer: failing('migrate', 'vm-a2', 'vm-b1', 'vm-b2') };
  for (const pace of ['at-once', 'together'] as const) {
    const drive = new Drive(run, world, pace).run();
    t.is(drive.state.result, 'incomplete');
    t.false(drive.trace.includes('undo migrate v2'));
    t.false(drive.trace.includes('undo switch s2'));
    t.true(drive.trace.includes('undo switch s3'));
    t.like(notesOf(drive), {
      'vm-a1': 'not-undone: stays as migrate left it',
      'vm-a2': 'undone: rolled back',
      'dev-a': 'not-undone: vm-a1 on it stays',
      'dev-b': 'undone: rolled back',
    });
    const again = new Drive(run, world, pace).found(drive.entries);
    t.deepEqual(notesOf(again), notesOf(drive));
  }
});

test('rollback: nobody knows whether a VM went over → what it stands on stays too', (t) => {
  const world: World = {
    answer: ({ step: name, item }) =>
      name === 'migrate' && item === 'vm-a1' ? fault('timeout', 'no answer') : 'ok',
    settle: () => ({ unknowable: 'the compute cannot say' }),
  };
  const run = frozenRun(
    mixed().steps,
    [groups[1], groups[4]].map((group) => ({ ...(group as FrozenWorkgroup), storage: 0 })),
    [standsOn([0, 0], [3, 1])],
  );
  for (const decision of ['rollback', 'skip'] as const) {
    const drive = new Drive(run, world).run();
    t.is(drive.state.parked, 'doubt');
    drive.resume(decision).run();
    t.false(drive.trace.includes('undo switch s2'), decision);
  }
});
