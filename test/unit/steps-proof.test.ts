/** Done is not consistent: what final-sync asks for before anything may be promoted. */
import test from 'ava';
import { finalSync } from '../../daemon/steps/final-sync.ts';
import { steps } from '../../daemon/steps/registry.ts';
import { fault } from '../../sdk/plugin/fault.ts';
import type { Answer, SyncStatus, ValueAnswer } from '../../sdk/plugin/verbs.ts';
import { callOf, groupItem } from '../_support/remote.ts';

const point = { id: 'rp-1', atMs: 7, by: 'ap' };

/** `before`: item → what the array said when the VMs had stopped. */
const prove = async (status: Omit<SyncStatus, 'id'>, evidence = {}, before = {}) => {
  const items = [groupItem('a'), groupItem('b')];
  const { far, call } = callOf(finalSync, items, {
    syncStatus: (id) => ({ id, value: { id, ...status } }),
  });
  const done = [
    { id: 'ap/a', ok: true, evidence } as const,
    { id: 'ap/b', ok: true, evidence: { recoveryPointAtMs: 9 } } as const,
  ];
  return { far, answers: await finalSync.prove({ ...call, before }, done) };
};

const at = (recoveryPointAtMs: number) => ({ recoveryPointAtMs });

const faultOf = (answer: Answer | undefined) =>
  answer !== undefined && 'fault' in answer ? answer.fault.kind : undefined;

test('final-sync: the sync names its recovery point → proven, and nobody is asked', async (t) => {
  const { far, answers } = await prove({ state: 'none' }, { recoveryPointAtMs: 7 });
  t.deepEqual(far.calls, []);
  t.true(answers.every((answer) => 'ok' in answer));
});

test('final-sync: a silent sync, complete → proven by the array, with who said it', async (t) => {
  const { far, answers } = await prove({ state: 'complete', recoveryPoint: point }, { bytes: 3 });
  t.deepEqual(far.calls[0]?.ids, ['a'], 'only what is not proven is asked for, at the source');
  t.deepEqual(answers[0], {
    id: 'ap/a',
    ok: true,
    evidence: { bytes: 3, recoveryPoint: 'rp-1', recoveryPointAtMs: 7, recoveryPointBy: 'ap' },
  });
});

test('final-sync: still copying → busy; no recovery point → conflict; its neighbour passes', async (t) => {
  const copying = await prove({ state: 'in-progress', progress: 0.5 });
  t.is(faultOf(copying.answers[0]), 'busy');
  t.is(faultOf((await prove({ state: 'complete' })).answers[0]), 'conflict');
  t.is(faultOf((await prove({ state: 'none' })).answers[0]), 'conflict');
  t.true('ok' in (copying.answers[1] as Answer));
});

for (const [what, since] of [
  ['its clock stood at 8', { clockMs: 8, pointAtMs: 3 }],
  ['it had named that point', { pointAtMs: 7 }],
] as const) {
  test(`final-sync: reached the point of 7 ms, where ${what} before → busy, not proven`, async (t) => {
    const before = { 'ap/a': since };
    const named = await prove({ state: 'complete', recoveryPoint: point }, at(7), before);
    t.deepEqual(named.far.calls[0]?.ids, ['a'], 'a stale word is asked about');
    t.is(faultOf(named.answers[0]), 'busy');
    t.true('ok' in (named.answers[1] as Answer));
    const caughtUp = { ...point, atMs: 8 };
    const later = await prove({ state: 'complete', recoveryPoint: caughtUp }, at(7), before);
    t.like(later.answers[0], { ok: true, evidence: { recoveryPointAtMs: 8 } });
  });
}

test('final-sync: at the very moment by its own clock, or nothing to compare by → proven', async (t) => {
  for (const before of [{ 'ap/a': { clockMs: 7, pointAtMs: 7 } }, { 'ap/a': null }, {}]) {
    const { far, answers } = await prove({ state: 'none' }, at(7), before);
    t.deepEqual(far.calls, []);
    t.true(answers.every((answer) => 'ok' in answer));
  }
});

test('final-sync, before → the array clock and point; it cannot say → nothing; busy → a fault', async (t) => {
  const items = [groupItem('a')];
  const look = async (syncStatus: (id: string) => ValueAnswer<SyncStatus>) => {
    const { call } = callOf(finalSync, items, { syncStatus });
    return (await finalSync.before(call))[0];
  };
  const told = { state: 'complete', recoveryPoint: point, clockMs: 9 } as const;
  const since = await look((id) => ({ id, value: { id, ...told } }));
  t.deepEqual(since, { id: 'ap/a', value: { clockMs: 9, pointAtMs: 7 } });
  const none = await look((id) => ({ id, fault: fault('unsupported', 'no') }));
  t.deepEqual(none, { id: 'ap/a', value: null });
  t.like(await look((id) => ({ id, fault: fault('busy', 'no') })), { fault: { kind: 'busy' } });
});

test('final-sync: brought over by an earlier run → nobody is asked for a proof', async (t) => {
  const { far, call } = callOf(finalSync, [{ ...groupItem('a'), handedOver: true }], {});
  const done = [{ id: 'ap/a', ok: true } as const];
  t.deepEqual(await finalSync.prove({ ...call, before: {} }, done), done);
  t.deepEqual(far.calls, []);
});

test('proof: of all steps only final-sync has one', (t) => {
  t.deepEqual(
    [...steps.values()].filter((step) => step.prove !== undefined).map(({ name }) => name),
    ['final-sync'],
  );
});
