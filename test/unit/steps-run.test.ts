import test from 'ava';
import type { Access } from '../../sdk/plugin/model.ts';
import type { Answer, VmTarget } from '../../sdk/plugin/verbs.ts';
import {
  callOf,
  failing,
  groupItem,
  statusOf,
  storageStep,
  vmItem,
  vmStep,
} from '../_support/remote.ts';

test('steps: groups are called by their id at that side, answers name the item', async (t) => {
  const items = [groupItem('a'), groupItem('b')];
  const promote = storageStep('promote-target');
  const { far, call } = callOf(promote, items, {
    failover: (id) => (id === "b'" ? failing('refused')(id) : { id, ok: true }),
  });
  const answers = await promote.run(call);
  t.deepEqual(far.calls[0]?.ids, ["a'", "b'"]);
  t.deepEqual(
    answers.map((answer) => [answer.id, 'ok' in answer]),
    [
      ['ap/a', true],
      ['ap/b', false],
    ],
  );
  const demote = storageStep('demote-source');
  const source = callOf(demote, items, {});
  await demote.run(source.call);
  t.deepEqual(source.far.calls[0]?.ids, ['a', 'b']);
});

test('promote-target: in a disaster the side is the source still → it is left as it is', async (t) => {
  const looks = (access: Access) => (id: string) => {
    const pairState = 'partitioned' as const;
    return { id, value: [{ id: `${id}-1`, direction: 'outgoing' as const, access, pairState }] };
  };
  for (const [access, calls] of [
    ['read-write', 0],
    ['read-only', 1],
  ] as const) {
    const script = { deviceStatus: looks(access) };
    const step = storageStep('promote-target');
    const { far, call } = callOf(step, [groupItem('a')], script, { mode: 'disaster' });
    t.true('ok' in ((await step.run(call))[0] as Answer));
    t.is(far.calls.filter(({ verb }) => verb === 'failover').length, calls, access);
  }
});

test('promote-target: forced in a disaster and only then, in run and settle', async (t) => {
  const step = storageStep('promote-target');
  for (const [mode, force] of [
    ['planned', false],
    ['disaster', true],
  ] as const) {
    const { far, call } = callOf(step, [groupItem('a')], {}, { mode });
    await step.run(call);
    await step.settle(call);
    const changing = far.calls.filter(({ verb }) => verb !== 'deviceStatus');
    t.deepEqual(
      changing.map(({ args }) => args),
      [{ force }, { force }],
    );
  }
});

test('promote-target: evidence of the recovery point passes through', async (t) => {
  const step = storageStep('promote-target');
  const evidence = { recoveryPoint: 'rp7', recoveryPointAtMs: 12, lineage: 'l2' };
  const { call } = callOf(step, [groupItem('a')], {
    failover: (id) => ({ id, ok: true, evidence }),
  });
  t.deepEqual(await step.run(call), [{ id: 'ap/a', ok: true, evidence }]);
});

test('undo: demote-source and promote-target → the directions found before', async (t) => {
  for (const name of ['demote-source', 'promote-target']) {
    const step = storageStep(name);
    if (step.before === undefined || typeof step.undo === 'string') return t.fail();
    const { far, call } = callOf(step, [groupItem('a'), groupItem('b')], {
      deviceStatus: (id) => ({
        id,
        value: [{ id: `${id}-dev`, direction: 'outgoing', access: 'read-write' }],
      }),
    });
    const found = await step.before({ ...call, before: {} });
    const before = Object.fromEntries(
      found.map((each) => [each.id, 'value' in each ? each.value : undefined]),
    );
    const answers = await step.undo({ ...call, before });
    t.true(answers.every((answer) => 'ok' in answer));
    const to = Object.fromEntries((far.calls[0]?.ids ?? []).map((id) => [`${id}-dev`, 'outgoing']));
    t.deepEqual(far.calls.at(-1)?.args, { to });
  }
});

test('undo: items of which nothing was found were never changed → no call for them', async (t) => {
  const step = storageStep('promote-target');
  if (typeof step.undo === 'string') return t.fail();
  const before = { 'ap/a': { d: 'incoming' } };
  const { far, call } = callOf(step, [groupItem('a'), groupItem('b')], {}, { before });
  t.deepEqual(await step.undo(call), [
    { id: 'ap/a', ok: true },
    { id: 'ap/b', ok: true },
  ]);
  t.deepEqual(far.calls[0]?.ids, ["a'"]);
});

test('before: a group whose roles cannot be read → its fault, the others go on', async (t) => {
  const step = storageStep('demote-source');
  const { call } = callOf(step, [groupItem('a'), groupItem('b')], {
    deviceStatus: (id) => (id === 'a' ? failing('missing')(id) : { id, value: [] }),
  });
  t.deepEqual(
    (await step.before?.(call))?.map((each) => 'fault' in each),
    [true, false],
  );
});

test('mount, unmount: datastores with the devices of that side', async (t) => {
  for (const [name, deviceId] of [
    ['mount', 'a-r'],
    ['unmount', 'a-p'],
  ] as const) {
    const step = storageStep(name);
    const { far, call } = callOf(step, [groupItem('a')], {}, { instance: 'test' });
    await step.run(call);
    t.deepEqual(far.calls[0]?.targets, [
      {
        id: 'ds-a',
        instance: 'test',
        devices: [{ arrayId: deviceId === 'a-r' ? 'ar' : 'ap', deviceId }],
      },
    ]);
  }
});

test('mount: a group succeeds only if all its datastores do', async (t) => {
  const step = storageStep('mount');
  const items = [groupItem('a', ['x', 'y']), groupItem('b', ['z'])];
  const { call } = callOf(step, items, {
    mount: (id) => (id === 'y' ? failing('refused')(id) : { id, ok: true }),
  });
  const [a, b] = await step.run(call);
  t.like(a, { id: 'ap/a', fault: { kind: 'refused', members: ['y'] } });
  t.deepEqual(b, { id: 'ap/b', ok: true });
});

test('mount: of several faults the one in doubt counts, because it must be settled', async (t) => {
  const step = storageStep('mount');
  const { call } = callOf(step, [groupItem('a', ['x', 'y'])], {
    mount: (id) => failing(id === 'x' ? 'refused' : 'timeout')(id),
  });
  t.like((await step.run(call))[0], { fault: { kind: 'timeout', members: ['x', 'y'] } });
});

test('mount: a group without datastores → done without a call', async (t) => {
  const step = storageStep('mount');
  const { far, call } = callOf(step, [groupItem('a', [])], {});
  t.deepEqual(await step.run(call), [{ id: 'ap/a', ok: true }]);
  t.deepEqual(await step.settle(call), [{ id: 'ap/a', verdict: 'done' }]);
  t.deepEqual(far.calls, []);
});

test('settle: verdicts of several datastores → the most doubtful one', async (t) => {
  const step = storageStep('mount');
  const verdictOf = async (x: string, y: string) => {
    const { call } = callOf(step, [groupItem('a', ['x', 'y'])], {
      'settle:mount': (id) =>
        ({ id, verdict: id === 'x' ? x : y, why: 'silent' }) as { id: string; verdict: 'done' },
    });
    return (await step.settle(call))[0]?.verdict;
  };
  t.is(await verdictOf('done', 'done'), 'done');
  t.is(await verdictOf('done', 'absent'), 'absent');
  t.is(await verdictOf('absent', 'running'), 'running');
  t.is(await verdictOf('unknowable', 'running'), 'unknowable');
});

test('vm steps: targets carry instance and datastores', async (t) => {
  const step = vmStep('register');
  const { far, call } = callOf(step, [vmItem('a')], {}, { instance: 'test' });
  await step.run(call);
  const [target] = (far.calls[0]?.targets ?? []) as VmTarget[];
  t.deepEqual(target, { id: 'a', instance: 'test', datastoreIds: ['ds'] });
});

test('verify: on, registered and writing → done', async (t) => {
  const step = vmStep('verify');
  const verdict = async (status: object, instance: 'production' | 'test' = 'production') => {
    const { call } = callOf(step, [vmItem('a')], { vmStatus: statusOf(status) }, { instance });
    return (await step.run(call))[0];
  };
  t.deepEqual(await verdict({ bootId: 'b1', heartbeat: 9, resumedAt: 8 }), {
    id: 'a',
    ok: true,
  });
  t.like(await verdict({ heartbeat: 8, resumedAt: 8 }), { fault: { kind: 'busy' } });
  t.like(await verdict({ heartbeat: 0 }), { fault: { kind: 'busy' } });
  t.like(await verdict({ heartbeat: 8, resumedAt: 8 }, 'test'), { ok: true });
  t.like(await verdict({ power: 'off' }), { fault: { kind: 'conflict' } });
  t.like(await verdict({ registered: false }), { fault: { kind: 'missing' } });
  t.deepEqual(await verdict({}), { id: 'a', ok: true });
});

test('register-protection: the new way, healthy → done; coming → busy', async (t) => {
  const step = storageStep('register-protection');
  const verdict = async (direction: string, pairState: string) => {
    const { call } = callOf(step, [groupItem('a')], {
      deviceStatus: (id) => ({ id, value: [{ id: 'd', direction, pairState }] }),
    });
    const [answer] = await step.run(call);
    return answer !== undefined && 'fault' in answer ? answer.fault.kind : 'done';
  };
  t.is(await verdict('outgoing', 'synchronized'), 'done');
  t.is(await verdict('outgoing', 'unsynchronized'), 'done');
  t.is(await verdict('stretched', 'synchronized'), 'done');
  t.is(await verdict('outgoing', 'initialized'), 'busy');
  t.is(await verdict('outgoing', 'broken'), 'conflict');
  t.is(await verdict('incoming', 'synchronized'), 'conflict');
});

test('device steps: the arguments asked for; forced only in so many words', async (t) => {
  const argsOf = async (name: string, args?: Record<string, unknown>) => {
    const step = storageStep(name);
    const more = args === undefined ? {} : { args };
    const { far, call } = callOf(step, [groupItem('a', [])], {}, { mode: 'device', ...more });
    await step.run(call);
    return far.calls[0]?.args;
  };
  t.deepEqual(await argsOf('device-failover'), { force: false });
  t.deepEqual(await argsOf('device-failover', { force: 'yes' }), { force: false });
  t.deepEqual(await argsOf('device-failover', { force: true }), { force: true });
  t.deepEqual(await argsOf('device-sync'), {});
  const to = { d: 'outgoing' };
  t.deepEqual(await argsOf('device-restoreReplication', { to }), { to });
});

test('power-on: a conflict about a VM that runs → done, about another → the fault', async (t) => {
  const step = vmStep('power-on');
  const { far, call } = callOf(step, [vmItem('a'), vmItem('b'), vmItem('c'), vmItem('d')], {
    powerOn: (id) => (id === 'd' ? { id, ok: true } : failing('conflict')(id)),
    vmStatus: (id) =>
      (id === 'c' ? failing('timeout') : statusOf({ power: id === 'a' ? 'on' : 'off' }))(id),
  });
  const answers = await step.run(call);
  t.deepEqual(answers[0], { id: 'a', ok: true, evidence: { alreadyOn: true } });
  t.like(answers[1], { fault: { kind: 'conflict' } });
  t.like(answers[2], { fault: { kind: 'conflict' } });
  t.deepEqual(answers[3], { id: 'd', ok: true });
  t.deepEqual(far.calls[1]?.ids, ['a', 'b', 'c']);
});
