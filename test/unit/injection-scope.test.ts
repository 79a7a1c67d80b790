/** What a rule is for: which tasks and calls it matches, and that what it matches can be struck. */
import test from 'ava';
import type { CallRule } from '../../sdk/scenario/rule.ts';
import { type Rig, untilRest } from '../_support/engine-on-lab.ts';
import { entriesOf, on, ready, run } from '../_support/injected-runs.ts';

const refused = { kind: 'refused', owner: 'array', message: 'on purpose', code: 'E1' } as const;
const refuse = { effect: 'error', fault: refused } as const;
const slow = { effect: 'delay', delayMs: 1 } as const;

const countsOf = ({ engine }: Rig, rule = 'r') =>
  engine.injections.status().rules.find(({ name }) => name === rule) ?? {
    matched: Number.NaN,
    drawn: Number.NaN,
    hits: Number.NaN,
  };

/** Where a rule was drawn in a planned run, and what it counted. */
const plannedUnder = async (rule: Omit<CallRule, 'name'>) => {
  const made = await ready();
  await on(made, [{ name: 'r', ...rule }]);
  const runId = await run(made);
  const entries = await entriesOf(made, runId);
  const [first] = entries;
  const frozen = first?.type === 'run-started' ? first.frozen : undefined;
  const drawn = entries.flatMap((entry) =>
    entry.type === 'task-started' && entry.injections !== undefined
      ? [`${frozen?.steps[entry.step]?.name} ${frozen?.workgroups[entry.group]?.id}`]
      : [],
  );
  const { items } = await made.engine.reportRun(runId);
  const failed = items.filter(({ outcome }) => outcome !== 'done').map(({ itemId }) => itemId);
  made.engine.close();
  const { matched, drawn: times, hits } = countsOf(made);
  return { at: [...new Set(drawn)].sort(), failed, counts: [matched, times, hits] };
};

test('targets: nothing of that id → no task matches, none is delayed', async (t) => {
  const { counts } = await plannedUnder({ step: 'power-on', targets: ['vm-99'], effect: slow });
  t.deepEqual(counts, [0, 0, 0]);
});

for (const id of ['cg-0002', 'lab-a/cg-0002']) {
  test(`targets: ${id} → the tasks of its workgroup alone, at the array and at the compute`, async (t) => {
    const atArray = { step: 'promote-target', targets: [id], effect: slow };
    t.deepEqual((await plannedUnder(atArray)).at, ['promote-target s2']);
    const atCompute = { step: 'mount', targets: [id], attempt: 1, effect: slow };
    const found = await plannedUnder(atCompute);
    t.deepEqual(found.at, ['mount s2']);
    t.deepEqual(found.counts, [1, 1, 1]);
  });
}

test('targets: an error fails these alone, and its nth counts the tasks that call them', async (t) => {
  const rule = { step: 'register', verb: 'register', targets: ['vm-00004'], nth: 1 };
  const { failed, counts } = await plannedUnder({ ...rule, effect: refuse });
  t.deepEqual(failed, ['vm-00004']);
  t.deepEqual(counts, [1, 1, 1]);
});

for (const [target, hits] of [
  ['cg-0002', 0],
  ['cg-0001', 1],
  ['lab-a/cg-0001', 1],
] as const) {
  test(`targets: ${target} → a device run of cg-0001 is struck ${hits} times`, async (t) => {
    const made = await ready();
    await on(made, [{ name: 'r', mode: 'device', targets: [target], effect: slow }]);
    const targets = [{ id: 'cg-0001', deviceIds: [] }];
    const asked = { verb: 'sync', arrayId: 'lab-a', targets, args: {}, initiatorId: '' } as const;
    const who = { requester: 'tester', requestKey: '' };
    const { runId } = await made.engine.startDeviceRun({ ...asked, ...who });
    await untilRest(made.engine, runId);
    t.like(countsOf(made), { matched: hits, drawn: hits, hits });
    made.engine.close();
  });
}

test('targets: outside runs → a question about that group, and no listing', async (t) => {
  const made = await ready();
  await on(made, [{ name: 'r', targets: ['lab-a/cg-0002'], effect: refuse }]);
  await made.engine.evidence('lab-a', true);
  await made.engine.listSnapshots('lab-a', [{ id: 'cg-0001', deviceIds: [] }]);
  t.is(countsOf(made).matched, 0);
  const [answer] = await made.engine.listSnapshots('lab-a', [{ id: 'cg-0002', deviceIds: [] }]);
  t.like(answer, { fault: { code: 'E1' } });
  t.like(countsOf(made), { matched: 1, hits: 1 });
  made.engine.close();
});

test('targets: a listing of the array whose pairs are shown under other ids → none of its', async (t) => {
  const made = await ready({ present: 'pair-as-stretched' });
  await on(made, [{ name: 'r', targets: ['cg-0001'], effect: refuse }]);
  await made.engine.evidence('lab-b', true);
  t.is(countsOf(made).matched, 0);
  made.engine.close();
});

test('a verb that undoes an earlier step → its nth is not spent there', async (t) => {
  const rule = { mode: 'planned', verb: 'powerOn', nth: 1, effect: refuse };
  const { at, failed, counts } = await plannedUnder(rule);
  t.is(at.length, 1);
  t.regex(at[0] ?? '', /^power-on v/);
  t.true(failed.length > 0);
  t.deepEqual(counts.slice(1), [1, 1]);
});

test('direction undo: the verb that undoes → matches the undo, not what it undoes', async (t) => {
  const made = await ready();
  const no: CallRule = { name: 'no', step: 'promote-target', verb: 'failover', effect: refuse };
  const back: CallRule = { name: 'back', verb: 'restoreReplication', nth: 1, effect: slow };
  await on(made, [no, back]);
  const runId = await run(made);
  t.is((await made.engine.getRun(runId, 'basic')).result, 'rolled-back');
  const carried = (await entriesOf(made, runId)).flatMap((entry) =>
    entry.type === 'task-started' && /"back"/.test(JSON.stringify(entry.injections))
      ? [entry.direction]
      : [],
  );
  t.deepEqual(carried, ['undo']);
  t.like(countsOf(made, 'back'), { drawn: 1, hits: 1 });
  made.engine.close();
});

for (const scope of [
  { phase: 'undo' },
  { phase: 'settle' },
  { phase: 'poll' },
  { phase: 'run' },
  { direction: 'run' },
  { attempt: 1 },
] as const) {
  test(`${JSON.stringify(scope)} → for tasks of runs: discovery is left alone`, async (t) => {
    const made = await ready();
    await on(made, [{ name: 'r', ...scope, effect: refuse }]);
    t.truthy(await made.engine.evidence('lab-a', true));
    t.is(countsOf(made).matched, 0);
    made.engine.close();
  });
}

test('phase undo → no task that goes forward matches', async (t) => {
  const { counts } = await plannedUnder({ phase: 'undo', effect: refuse });
  t.deepEqual(counts, [0, 0, 0]);
});
