/** Done is not consistent: what final-sync asks for before anything may be promoted. */
import test from 'ava';
import { finalSync } from '../../daemon/steps/final-sync.ts';
import { steps } from '../../daemon/steps/registry.ts';
import type { Answer, SyncStatus } from '../../sdk/plugin/verbs.ts';
import { callOf, groupItem } from '../_support/remote.ts';

const point = { id: 'rp-1', atMs: 7, by: 'ap' };

const prove = async (status: Omit<SyncStatus, 'id'>, evidence = {}) => {
  const items = [groupItem('a'), groupItem('b')];
  const { far, call } = callOf(finalSync, items, {
    syncStatus: (id) => ({ id, value: { id, ...status } }),
  });
  const done = [
    { id: 'ap/a', ok: true, evidence } as const,
    { id: 'ap/b', ok: true, evidence: { recoveryPointAtMs: 9 } } as const,
  ];
  return { far, answers: await finalSync.prove(call, done) };
};

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

test('final-sync: brought over by an earlier run → nobody is asked for a proof', async (t) => {
  const { far, call } = callOf(finalSync, [{ ...groupItem('a'), handedOver: true }], {});
  const done = [{ id: 'ap/a', ok: true } as const];
  t.deepEqual(await finalSync.prove(call, done), done);
  t.deepEqual(far.calls, []);
});

test('proof: of all steps only final-sync has one', (t) => {
  t.deepEqual(
    [...steps.values()].filter((step) => step.prove !== undefined).map(({ name }) => name),
    ['final-sync'],
  );
});
