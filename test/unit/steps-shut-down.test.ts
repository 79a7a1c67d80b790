/** Shutting VMs down: politely, by the plug, and what of both may still arrive. */
import test from 'ava';
import { guestStopMsMax } from '../../daemon/steps/limits.ts';
import { FaultError, fault } from '../../sdk/plugin/fault.ts';
import { callOf, failing, statusOf, vmItem, vmStep } from '../_support/remote.ts';

test('shut-down: a guest that does not stop in time → switched off, and said so', async (t) => {
  const step = vmStep('shut-down');
  const { far, call } = callOf(step, [vmItem('a'), vmItem('b')], {
    shutDown: (id) => (id === 'b' ? failing('timeout')(id) : { id, ok: true }),
  });
  t.deepEqual(await step.run(call), [
    { id: 'a', ok: true },
    { id: 'b', ok: true, evidence: { poweredOff: true } },
  ]);
  t.deepEqual(
    far.calls.map(({ verb, ids }) => [verb, ids]),
    [
      ['shutDown', ['a', 'b']],
      ['powerOff', ['b']],
      ['settle:shutDown', ['b']],
    ],
  );
  t.deepEqual(far.calls[0]?.share, { timeoutMs: guestStopMsMax });
  t.true(guestStopMsMax < step.timeoutMs);
});

test('shut-down: the plug is pulled while a polite order may still arrive → in doubt', async (t) => {
  const step = vmStep('shut-down');
  const { call } = callOf(step, [vmItem('a')], {
    shutDown: failing('timeout'),
    'settle:shutDown': (id) => ({ id, verdict: 'running' }),
  });
  const [answer] = await step.run(call);
  t.like(answer, { id: 'a', fault: { kind: 'timeout' } });
});

test('shut-down: the plug is pulled, and nobody can say of the polite order → in doubt', async (t) => {
  const step = vmStep('shut-down');
  const { call } = callOf(step, [vmItem('a')], {
    shutDown: failing('timeout'),
    'settle:shutDown': () => {
      throw new FaultError(fault('missing', 'no such VM'));
    },
  });
  t.like((await step.run(call))[0], { id: 'a', fault: { kind: 'timeout' } });
});

test('shut-down: the polite order was carried out unheard, the plug is refused → done', async (t) => {
  const step = vmStep('shut-down');
  for (const kind of ['missing', 'refused', 'conflict'] as const) {
    const far = {
      shutDown: failing('timeout'),
      powerOff: failing(kind),
      'settle:shutDown': (id: string) => ({ id, verdict: 'done' as const }),
    };
    t.deepEqual(await step.run(callOf(step, [vmItem('a')], far).call), [{ id: 'a', ok: true }]);
    const absent = {
      ...far,
      'settle:shutDown': (id: string) => ({ id, verdict: 'absent' as const }),
    };
    t.like((await step.run(callOf(step, [vmItem('a')], absent).call))[0], { fault: { kind } });
    const open = { ...far, powerOff: failing('unreachable') };
    t.like((await step.run(callOf(step, [vmItem('a')], open).call))[0], {
      fault: { kind: 'unreachable' },
    });
  }
});

test('shut-down: a VM that cannot be switched off either → a fault, never done', async (t) => {
  const step = vmStep('shut-down');
  const { call } = callOf(step, [vmItem('a')], {
    shutDown: failing('unsupported'),
    powerOff: failing('unreachable'),
  });
  t.like((await step.run(call))[0], { id: 'a', fault: { kind: 'unreachable' } });
});

test('shut-down: the compute is away or busy → the plug is left alone', async (t) => {
  const step = vmStep('shut-down');
  for (const kind of ['unreachable', 'busy', 'missing'] as const) {
    const { far, call } = callOf(step, [vmItem('a')], { shutDown: failing(kind) });
    t.like((await step.run(call))[0], { fault: { kind } });
    t.deepEqual(far.verbs(), ['shutDown']);
  }
});

test("shut-down: in doubt → off is done, on is the shut-down's own affair", async (t) => {
  const step = vmStep('shut-down');
  const { far, call } = callOf(step, [vmItem('off'), vmItem('on'), vmItem('mute')], {
    vmStatus: (id) => (id === 'mute' ? failing('timeout')(id) : statusOf({ power: id })(id)),
    'settle:shutDown': (id) => ({ id, verdict: id === 'mute' ? 'running' : 'absent' }),
    'settle:powerOff': (id) => ({ id, verdict: 'absent' }),
  });
  t.deepEqual(await step.settle(call), [
    { id: 'off', verdict: 'done' },
    { id: 'on', verdict: 'absent' },
    { id: 'mute', verdict: 'running' },
  ]);
  t.deepEqual(far.verbs(), ['vmStatus', 'settle:shutDown', 'settle:powerOff']);
});

test('shut-down: an order may still arrive at a VM that is off → not done yet', async (t) => {
  const step = vmStep('shut-down');
  for (const late of ['settle:shutDown', 'settle:powerOff']) {
    const { call } = callOf(step, [vmItem('a')], {
      vmStatus: statusOf({ power: 'off' }),
      'settle:shutDown': (id) => ({ id, verdict: 'absent' }),
      'settle:powerOff': (id) => ({ id, verdict: 'absent' }),
      [late]: (id) => ({ id, verdict: 'running' }),
    });
    t.deepEqual(await step.settle(call), [{ id: 'a', verdict: 'running' }]);
  }
});

test('shut-down: the plug was pulled and nobody heard of it → done', async (t) => {
  const step = vmStep('shut-down');
  const { call } = callOf(step, [vmItem('a')], {
    vmStatus: failing('timeout'),
    'settle:shutDown': (id) => ({ id, verdict: 'absent' }),
    'settle:powerOff': (id) => ({ id, verdict: 'done' }),
  });
  t.deepEqual(await step.settle(call), [{ id: 'a', verdict: 'done' }]);
});

test('undo: shut-down → only VMs that were on before are started', async (t) => {
  const step = vmStep('shut-down');
  if (typeof step.undo === 'string') return t.fail();
  const seen = callOf(step, [vmItem('a'), vmItem('b')], {
    vmStatus: (id) => statusOf({ power: id === 'a' ? 'on' : 'off' })(id),
  });
  const found = await step.before?.(seen.call);
  t.deepEqual(found, [
    { id: 'a', value: 'on' },
    { id: 'b', value: 'off' },
  ]);
  const { far, call } = callOf(
    step,
    [vmItem('a'), vmItem('b')],
    {},
    {
      before: { a: 'on', b: 'off' },
    },
  );
  t.deepEqual(await step.undo(call), [
    { id: 'a', ok: true },
    { id: 'b', ok: true },
  ]);
  t.deepEqual(
    far.calls.map(({ verb, ids }) => [verb, ids]),
    [['powerOn', ['a']]],
  );
});
