/** Claims among runs that are open together: whose an object is, and what others make of it. */
import test from 'ava';
import {
  type ClaimBook,
  foldClaims,
  foldClaimsEnd,
  meets,
  objectOf,
  rivalsOf,
  statedClaims,
} from '../../daemon/core/claims.ts';
import { type Claim, type Claims, judgeClaim, objectIn } from '../../daemon/core/engine/claims.ts';
import { foldAll } from '../../daemon/core/engine/fold.ts';
import { reportOf } from '../../daemon/core/engine/report.ts';
import type { Group, RunState } from '../../daemon/core/engine/state.ts';
import { viewOf } from '../../daemon/core/engine/view.ts';
import type { FrozenRun, Gate } from '../../daemon/core/frozen.ts';
import { goOn, type PolicyAction, rollback } from '../../daemon/core/policy.ts';
import { expiredRuns } from '../../daemon/core/retention.ts';
import { emptySystem, foldSystem } from '../../daemon/core/system.ts';
import type { RunOpened } from '../../daemon/core/system-entries.ts';
import { fault } from '../../sdk/plugin/fault.ts';
import { Drive, frozenRun, step, type World, workgroup } from '../_support/engine.ts';

const steps = (otherwise: PolicyAction = goOn) => [
  step('shut-down', { policy: { rules: [], otherwise } }),
  step('promote', { unit: 'storage', policy: { rules: [], otherwise } }),
  step('register', { policy: { rules: [], otherwise } }),
];

/** A VM workgroup on a storage workgroup: shut down, promoted, registered. */
const gates: Gate[] = [
  { kind: 'stands-on', waits: { step: 0, workgroups: [1] }, holds: { step: 1, workgroups: [0] } },
  { kind: 'stands-on', waits: { step: 1, workgroups: [0] }, holds: { step: 2, workgroups: [1] } },
];

const run = (vms: readonly string[], more: Partial<FrozenRun> = {}, action?: PolicyAction) => ({
  ...frozenRun(steps(action), [workgroup('s1', ['cg']), workgroup('v1', vms)], gates),
  ...more,
});

const refusal = fault('refused', 'no');
const refusing =
  (name: string, item: string): NonNullable<World['answer']> =>
  (call) =>
    call.direction === 'run' && call.step === name && call.item === item ? refusal : 'ok';

const idOf = (frozen: FrozenRun, group: number, position: number): string => {
  const { items } = frozen.workgroups[group] as FrozenRun['workgroups'][number];
  return objectOf(
    frozen.workgroups[group] as FrozenRun['workgroups'][number],
    items[position] as { id: string },
  );
};

const [cg, x, y] = [
  idOf(run(['x', 'y']), 0, 0),
  idOf(run(['x', 'y']), 1, 0),
  idOf(run(['x', 'y']), 1, 1),
];

const named = (runId: string, frozen: FrozenRun) => ({ runId, frozen });

test('rivals: open runs of another plan, the same mode and direction, with an object in common; in order', (t) => {
  const own = run(['x', 'y'], { planId: 'own' });
  const open = [
    named('r1', run(['y'])),
    named('other-mode', run(['y'], { mode: 'test' })),
    named('other-way', run(['y'], { protectedSiteId: 'site-b' })),
    named('other-end', run(['y'], { recoverySiteId: 'site-c' })),
    named('same-plan', run(['y'], { planId: 'own' })),
    named('r2', { ...run(['z']), workgroups: [workgroup('s1', ['cg'])] }),
    named('apart', { ...run([]), workgroups: [workgroup('s1', ['other'])] }),
  ];
  t.deepEqual(rivalsOf(own, open), ['r1', 'r2']);
  const device = { ...own, mode: 'device' as const };
  t.deepEqual(rivalsOf(device, [named('r1', device)]), []);
  t.true(meets(own, open.slice(1, 2)));
  t.false(meets(own, open.slice(6)));
});

test('a VM of the same id at another compute is another object', (t) => {
  const here = workgroup('v1', ['x']);
  const there = { ...here, protectedComputeId: 'compute-c' };
  t.not(objectOf(here, { id: 'x' }), objectOf(there, { id: 'x' }));
});

test('claimed until the workgroup is through; storage until what stands on it is; then done', (t) => {
  const seen: string[] = [];
  const drive = new Drive(run(['x', 'y']), {
    see: (_, state) => {
      seen.push([cg, x, y].map((object) => objectIn(state, object).kind[0]).join(''));
    },
  });
  const before = [cg, x, y].map((object) => objectIn(drive.state, object).kind);
  drive.run();
  t.deepEqual(before, ['claimed', 'claimed', 'claimed']);
  t.deepEqual([...new Set(seen)], ['ccc', 'ddd']);
  t.deepEqual(objectIn(drive.state, x), { kind: 'done', byRunId: 'run-1' });
  t.deepEqual(objectIn(drive.state, 'vm compute-a z'), { kind: 'released' });
});

test('an item that failed is released, the rest of its workgroup is done', (t) => {
  const drive = new Drive(run(['x', 'y']), { answer: refusing('register', 'x') }).run();
  t.is(drive.state.result, 'incomplete');
  t.deepEqual(
    [x, y].map((object) => objectIn(drive.state, object).kind),
    ['released', 'done'],
  );
});

test('rolled back: claimed as long as it is undone, then released', (t) => {
  const back = run(['x'], {}, rollback('run'));
  const drive = new Drive(back, { answer: refusing('register', 'x') });
  while (drive.turn()) {
    if (drive.state.rollback.size === 0 || drive.state.result !== undefined) continue;
    if (drive.state.groups[1]?.standing === 'undone') continue;
    t.is(objectIn(drive.state, x).kind, 'claimed');
  }
  t.is(drive.state.result, 'rolled-back');
  t.deepEqual(
    [cg, x].map((object) => objectIn(drive.state, object).kind),
    ['released', 'released'],
  );
});

test('undone by a second attempt, the first in doubt → for a person to judge, for it may land', (t) => {
  const back = run(['x'], {}, rollback('run'));
  const drive = new Drive(back, {
    answer: ({ step: name, direction, attempt }) => {
      if (direction === 'run') return name === 'register' ? refusal : 'ok';
      return name === 'shut-down' && attempt === 1 ? fault('timeout', 'no answer') : 'ok';
    },
  }).run();
  t.is(drive.state.result, 'rolled-back');
  t.deepEqual(
    [cg, x].map((object) => objectIn(drive.state, object).kind),
    ['released', 'doubt'],
  );
});

test('abandoned: what had not begun is released, what is in doubt is for a person to judge', (t) => {
  const drive = new Drive(run(['x', 'y']), {
    answer: ({ item }) => (item === 'x' ? fault('timeout', 'no answer') : 'ok'),
    settle: () => ({ unknowable: 'nobody was there' }),
  }).run();
  t.is(drive.state.parked, 'doubt');
  t.is(objectIn(drive.state, x).kind, 'claimed');
  drive.resume('abandon').apply({ type: 'run-ended', at: drive.now, result: 'abandoned' });
  t.is(objectIn(drive.state, x).kind, 'doubt');
  t.is(objectIn(drive.state, cg).kind, 'released');
});

const never = () => false;

/** The later run's VM workgroup, judged by a first run that stands somewhere. */
const judged = (later: RunState, first: RunState, counted = never): Claim =>
  judgeClaim(later, later.groups[1] as Group, [first], counted);

test('a workgroup waits for what it stands on, too: no VM is stopped for storage in other hands', (t) => {
  const first = new Drive(run(['x'])).state;
  const later = new Drive(run(['z'], { planId: 'later' })).state;
  t.deepEqual(judged(later, first), { kind: 'waits', runIds: ['run-1'], parkedIds: [] });
  t.deepEqual(judged(later, new Drive(run(['x'])).run().state), { kind: 'free' });
});

test('done elsewhere: skipped and named, what stands on it goes on, and the run has succeeded', (t) => {
  const first = new Drive(run(['x'])).run().state;
  const claims = (of: (group: Group) => Claim): Claims => ({
    of: (group) => (group.place > 0 ? { kind: 'free' } : of(group)),
    counted: () => new Map(),
    pending: () => [],
  });
  const world: { claims?: Claims } = {};
  const drive = new Drive(run(['x', 'z'], { planId: 'later' }), world);
  world.claims = claims((group) => judgeClaim(drive.state, group, [first], never));
  drive.run();
  t.is(drive.state.result, 'succeeded');
  t.deepEqual(drive.trace, ['shut-down v1', 'register v1']);
  const { notes, steps: shown, workgroups } = viewOf(drive.state, 10);
  t.deepEqual(
    notes.map(({ itemId, state, why }) => `${itemId} ${state}: ${why}`),
    ['cg done-elsewhere: run run-1 did it', 'x done-elsewhere: run run-1 did it'],
  );
  t.deepEqual(
    shown.map(({ workgroupsDone, workgroupsTotal }) => workgroupsDone === workgroupsTotal),
    [true, true, true],
  );
  t.deepEqual(
    workgroups.map(({ itemsTotal, itemsLive }) => [itemsTotal, itemsLive]),
    [
      [1, 0],
      [2, 1],
    ],
  );
  const told = reportOf(drive.state, drive.entries, drive.now).items;
  t.deepEqual(
    told.map(({ itemId, outcome }) => `${itemId} ${outcome}`),
    ['cg done-elsewhere', 'z done', 'x done-elsewhere'],
  );
  const again = foldAll(drive.entries);
  t.deepEqual(viewOf(again, 10), viewOf(drive.state, 10));
  // Whoever comes after that one is told who did it in fact.
  t.deepEqual(objectIn(drive.state, x), { kind: 'done', byRunId: 'run-1' });
});

test('left in doubt by a run that has ended: the workgroup stops; retry takes it, skip drops it', (t) => {
  const doubtful = new Drive(run(['x']), {
    answer: () => fault('timeout', 'no answer'),
    settle: () => ({ unknowable: 'nobody was there' }),
  }).run();
  doubtful.resume('abandon').apply({ type: 'run-ended', at: doubtful.now, result: 'abandoned' });
  for (const decision of ['retry', 'skip'] as const) {
    const world: { claims?: Claims } = {};
    const drive = new Drive(run(['x'], { planId: 'later' }), world);
    world.claims = {
      of: (group) => judgeClaim(drive.state, group, [doubtful.state], never),
      counted: () => new Map(),
      pending: () => [],
    };
    drive.run();
    t.is(drive.state.parked, 'stopped');
    t.regex(viewOf(drive.state, 9).attention, /"x" was left by run run-1 in a way/);
    drive.resume(decision).run();
    t.is(drive.state.result, decision === 'retry' ? 'succeeded' : 'incomplete');
    t.is(drive.trace.includes('shut-down v1'), decision === 'retry');
  }
});

test('nothing is parked or ended while a workgroup waits for another run', (t) => {
  let claim: Claim = { kind: 'waits', runIds: ['first'], parkedIds: ['first'] };
  const claims: Claims = {
    of: () => claim,
    counted: () => new Map(),
    pending: () => (claim.kind === 'waits' ? [1] : []),
  };
  const drive = new Drive(run(['x']), { claims }).run();
  t.is(drive.state.parked, undefined);
  t.is(viewOf(drive.state, 9).workgroups[1]?.waitsFor, 'run first, parked');
  t.deepEqual(drive.trace, []);
  claim = { kind: 'free' };
  for (const group of drive.state.groups) drive.state.agenda.add(group.index);
  drive.run();
  t.is(drive.state.result, 'succeeded');
});

test('undo: what others count as done is left, the rest is undone, and the run is stuck on it', (t) => {
  const claims: Claims = {
    of: () => ({ kind: 'free' }),
    counted: (group) => new Map(group.frozen.unit === 'vm' ? [[1, 'later']] : []),
    pending: () => [],
  };
  const back = run(['x', 'y'], {}, rollback('run'));
  const drive = new Drive(back, { claims, answer: refusing('promote', 'cg') }).run();
  t.is(drive.state.parked, 'stuck');
  t.true(drive.trace.includes('undo shut-down v1'));
  const { notes } = viewOf(drive.state, 9);
  const [left] = notes.filter(({ state }) => state === 'not-undone');
  t.is(left?.itemId, 'y');
  t.regex(left?.why ?? '', /run later counts it as done/);
  const refused = drive.entries.find(({ type }) => type === 'undo-refused');
  t.like(refused, { items: '1', byRunId: 'later' });
});

test('the book of what is counted: by whom, until the run has ended; what was rolled back counts nothing', (t) => {
  const book: ClaimBook = new Map();
  const count = (byRunId: string, objects: string[]) =>
    foldClaims(book, { type: 'objects-counted', at: 1, runId: 'r', byRunId, objects });
  count('s', ['a', 'b']);
  count('u', ['c']);
  foldClaims(book, { type: 'run-returning', at: 2, runId: 'r' });
  const again: ClaimBook = new Map([['gone', { returning: true, by: new Map() }]]);
  foldClaims(again, statedClaims(book, 3));
  t.deepEqual(again, book);
  t.deepEqual(
    [...(book.get('r')?.by ?? [])],
    [
      ['a', 's'],
      ['b', 's'],
      ['c', 'u'],
    ],
  );
  const end = (runId: string, result: 'rolled-back' | 'succeeded') =>
    foldClaimsEnd(book, { type: 'run-closed', at: 4, runId, result });
  end('s', 'rolled-back');
  t.deepEqual([...(book.get('r')?.by.keys() ?? [])], ['c']);
  end('u', 'succeeded');
  t.deepEqual([...(book.get('r')?.by.keys() ?? [])], ['c']);
  end('r', 'succeeded');
  t.is(book.size, 0);
});

test('a fold that begins behind the opening of a run → nothing stays counted past its end', (t) => {
  const state = emptySystem();
  foldSystem(state, {
    type: 'objects-counted',
    at: 1,
    runId: 'trimmed',
    byRunId: 'later',
    objects: ['vm c x'],
  });
  foldSystem(state, { type: 'run-closed', at: 2, runId: 'trimmed', result: 'succeeded' });
  t.is(state.claims.size, 0);
});

test('an ended run is not forgotten while a run is open that asks for its claims', (t) => {
  const opened = (runId: string, rivals?: readonly string[]): RunOpened => ({
    type: 'run-opened',
    at: 1,
    runId,
    planId: runId,
    mode: 'planned',
    requester: 'ann',
    requestKey: runId,
    request: '[]',
    ...(rivals && { rivals }),
  });
  const state = emptySystem();
  for (const entry of [opened('first'), opened('apart'), opened('later', ['first'])]) {
    foldSystem(state, entry);
  }
  for (const runId of ['first', 'apart']) {
    foldSystem(state, { type: 'run-closed', at: 2, runId, result: 'succeeded' });
  }
  const due = () => expiredRuns(state, { runsMax: 0, ageMsMax: 1 }, 1_000);
  t.deepEqual(due(), ['apart']);
  foldSystem(state, { type: 'run-closed', at: 3, runId: 'later', result: 'succeeded' });
  t.deepEqual(due(), ['first', 'apart', 'later']);
});
