/** The gateway and the sessions behind it, by a clock that the test drives. */
import test from 'ava';
import type { Injection } from '../../daemon/core/injection.ts';
import { lostFault } from '../../daemon/gateway/faults.ts';
import { Gateway } from '../../daemon/gateway/gateway.ts';
import { verbsOf } from '../../daemon/gateway/verbs.ts';
import { Wire } from '../../daemon/gateway/wire.ts';
import { Host } from '../../daemon/host/host.ts';
import { openMsMax } from '../../daemon/host/limits.ts';
import { checkLoaded } from '../../daemon/host/load.ts';
import { type Answer, definePlugin, type VerbCall, z } from '../../sdk/plugin/index.ts';
import { ManualClock } from '../_support/manual-clock.ts';

type Behaviour = (call: VerbCall<unknown, 'failover'>) => Promise<never> | readonly Answer[];
const succeed: Behaviour = ({ targets }) => targets.map(({ id }) => ({ id, ok: true }));
const hang: Behaviour = () => new Promise(() => {});

/** A gateway before one array whose failover and open behave as told; what arrived is noted. */
const scene = (behaviour: Behaviour = succeed, open: () => unknown = () => ({})) => {
  const clock = new ManualClock();
  const lost = new Set<string>();
  const arrived: string[] = [];
  const signals: AbortSignal[] = [];
  const plugin = definePlugin({
    name: 'p',
    version: '1',
    contract: 1,
    config: z.object({}),
    open: ({ signal }) => {
      arrived.push('open');
      signals.push(signal);
      return open();
    },
    close: () => {
      arrived.push('close');
    },
    verbs: {
      failover: {
        run: (call) => {
          arrived.push(`failover ${call.targets.map(({ id }) => id)} until ${call.deadlineMs}`);
          signals.push(call.signal);
          return behaviour(call);
        },
        repeatable: true,
      },
    },
  });
  const remote = {
    id: 'a1',
    kind: 'array',
    siteId: 'west',
    pluginId: 'p',
    module: 'p',
    config: {},
  };
  const isLost = (siteId: string) => lost.has(siteId);
  const wire = new Wire(isLost, () => {});
  const host = new Host({
    remotes: [remote as never],
    load: async () => checkLoaded('p', plugin),
    clock,
    refusal: ({ siteId }) => (lost.has(siteId) ? lostFault(siteId, 'open') : undefined),
    connectorFor: ({ id, siteId }) => wire.connectorFor(id, siteId),
  });
  const siteOf = () => 'west';
  const gateway = new Gateway({ host, wire, clock, siteOf, isLost });
  const door = (injections: readonly Injection[] = [], timeoutMs = 1_000) =>
    gateway.door({
      remoteId: 'a1',
      key: 'k',
      attempt: 1,
      epoch: 1,
      deadlineMs: clock.now() + timeoutMs,
      injections,
      crash: () => new Promise(() => {}),
    });
  return { clock, lost, arrived, signals, gateway, host, door };
};

/** Lets everything happen that waits for nothing but its turn. */
const settleDown = () => new Promise((resolve) => setImmediate(resolve));
const group = (id: string) => ({ id, devices: [] });
const codesOf = (answers: readonly object[]) =>
  answers.map((answer) => ('fault' in answer ? (answer.fault as { code?: string }).code : 'ok'));

test('a call → once at the plugin, with the door’s deadline', async (t) => {
  const { door, arrived, clock } = scene();
  const answers = await verbsOf(door()).failover([group('g1'), group('g2')]);
  t.deepEqual(codesOf(answers), ['ok', 'ok']);
  t.deepEqual(arrived, ['open', `failover g1,g2 until ${clock.now() + 1_000}`]);
});

test('no targets → no call', async (t) => {
  const { door, arrived } = scene();
  t.deepEqual(await verbsOf(door()).failover([]), []);
  t.deepEqual(arrived, []);
});

test('the deadline passes → time-out, signal aborted, and no later call of the job', async (t) => {
  const { door, arrived, clock, signals } = scene(hang);
  const verbs = verbsOf(door());
  const answers = verbs.failover([group('g1')]);
  await settleDown();
  clock.advance(999);
  await settleDown();
  t.false(signals.at(-1)?.aborted);
  clock.advance(1);
  t.deepEqual(codesOf(await answers), ['DEADLINE']);
  t.true(signals.at(-1)?.aborted);
  t.deepEqual(codesOf(await verbs.failover([group('g2')])), ['DEADLINE']);
  t.is(arrived.length, 2);
});

test('a share of the time → the first call ends early, the second has what is left', async (t) => {
  const { door, arrived, clock, signals } = scene(hang);
  const verbs = verbsOf(door());
  const first = verbs.failover([group('g1')], { force: false }, { timeoutMs: 300 });
  await settleDown();
  clock.advance(300);
  t.deepEqual(codesOf(await first), ['DEADLINE']);
  t.true(signals.at(-1)?.aborted);
  const second = verbs.failover([group('g2')]);
  await settleDown();
  t.is(arrived.length, 3);
  clock.advance(700);
  t.deepEqual(codesOf(await second), ['DEADLINE']);
});

test('the site is lost before the call → refused by name, the session not even opened', async (t) => {
  const { door, lost, arrived } = scene();
  lost.add('west');
  const one = door();
  t.deepEqual(codesOf(await verbsOf(one).failover([group('g1')])), ['SITE_LOST']);
  t.deepEqual([...one.refused], ['failover']);
  t.deepEqual(arrived, []);
});

test('the site is lost while the session opens → the verb is not called', async (t) => {
  const opening = Promise.withResolvers<object>();
  const { door, lost, arrived, gateway } = scene(succeed, () => opening.promise);
  const one = door();
  const answers = verbsOf(one).failover([group('g1')]);
  await settleDown();
  lost.add('west');
  opening.resolve({});
  gateway.siteLost('west');
  t.deepEqual(codesOf(await answers), ['SITE_LOST_IN_CALL']);
  await settleDown();
  t.deepEqual(arrived, ['open']);
});

test('the site is lost in the call → cut off; the session is given up without a word', async (t) => {
  const { door, lost, arrived, gateway, signals } = scene(hang);
  const answers = verbsOf(door()).failover([group('g1')]);
  await settleDown();
  lost.add('west');
  gateway.siteLost('west');
  t.deepEqual(codesOf(await answers), ['SITE_LOST_IN_CALL']);
  t.true(signals.every(({ aborted }) => aborted));
  t.false(arrived.includes('close'));
});

test('a delay that ends after the site was lost → the call is not made', async (t) => {
  const { door, lost, arrived, clock } = scene();
  const one = door([{ effect: 'delay', delayMs: 500, rule: 'r' }]);
  const answers = verbsOf(one).failover([group('g1')]);
  await settleDown();
  lost.add('west');
  clock.advance(500);
  t.deepEqual(codesOf(await answers), ['SITE_LOST']);
  t.deepEqual(arrived, []);
});

test('injections: for the first call when no verb is named; several wrap each other', async (t) => {
  const fault = { kind: 'busy', owner: 'array', message: 'injected', code: 'INJECTED' } as const;
  const { door, clock, arrived } = scene();
  const one = door([
    { effect: 'delay', delayMs: 200, rule: 'r1' },
    { effect: 'error', fault, targets: ['g1'], rule: 'r2' },
    { effect: 'hang', verb: 'sync', rule: 'r3' },
  ]);
  const first = verbsOf(one).failover([group('g1'), group('g2')]);
  await settleDown();
  t.deepEqual(arrived, []);
  clock.advance(200);
  t.deepEqual(codesOf(await first), ['INJECTED', 'ok']);
  t.deepEqual(codesOf(await verbsOf(one).failover([group('g1')])), ['ok']);
});

test('a session is opened once for calls that come together', async (t) => {
  const opening = Promise.withResolvers<object>();
  const { door, arrived } = scene(succeed, () => opening.promise);
  const answers = ['g1', 'g2', 'g3'].map((id) => verbsOf(door()).failover([group(id)]));
  await settleDown();
  opening.resolve({});
  await Promise.all(answers);
  t.is(arrived.filter((line) => line === 'open').length, 1);
});

test('a failed open → the same fault for a moment, then opened again', async (t) => {
  let tries = 0;
  const { door, arrived, clock } = scene(succeed, () => {
    if (++tries === 1) throw new Error('not yet');
    return {};
  });
  const call = async () => codesOf(await verbsOf(door([], 60_000)).failover([group('g1')]));
  t.deepEqual(await call(), [undefined]);
  t.deepEqual(await call(), [undefined]);
  t.is(tries, 1);
  clock.advance(1_000);
  t.deepEqual(await call(), ['ok']);
  t.is(arrived.filter((line) => line === 'open').length, 2);
});

test('an open without end → given up at its bound, then opened afresh', async (t) => {
  let tries = 0;
  const { door, clock, signals } = scene(succeed, () =>
    ++tries === 1 ? new Promise(() => {}) : {},
  );
  const first = verbsOf(door([], 10 * openMsMax)).failover([group('g1')]);
  await settleDown();
  clock.advance(openMsMax);
  t.deepEqual(codesOf(await first), ['OPEN_DEADLINE']);
  t.true(signals[0]?.aborted);
  clock.advance(1_000);
  const again = await verbsOf(door([], 10 * openMsMax)).failover([group('g1')]);
  t.deepEqual(codesOf(again), ['ok']);
  t.false(signals[1]?.aborted);
});

test('settle of a repeatable verb: what repeating it says becomes the verdict', async (t) => {
  const answers: readonly Answer[] = [
    { id: 'g1', ok: true, evidence: { at: 1 } },
    { id: 'g2', fault: { kind: 'missing', owner: 'array', message: 'gone' } },
    { id: 'g3', fault: { kind: 'timeout', owner: 'array', message: 'slow' } },
    { id: 'g4', fault: { kind: 'corrupt', owner: 'array', message: 'torn' } },
  ];
  const { door } = scene(() => answers);
  const settled = await verbsOf(door()).settle(
    'failover',
    answers.map(({ id }) => group(id)),
  );
  t.deepEqual(settled, [
    { id: 'g1', verdict: 'done', evidence: { at: 1 } },
    { id: 'g2', verdict: 'absent' },
    { id: 'g3', verdict: 'running' },
    { id: 'g4', verdict: 'unknowable', why: 'torn' },
  ]);
});

for (const nonsense of [42, undefined, [{ id: 'g1' }]]) {
  const title = JSON.stringify(nonsense) ?? 'undefined';
  test(`settle of a repeatable verb that answers ${title} → unknowable, not under way`, async (t) => {
    const { door } = scene(() => nonsense as never);
    const [settled] = await verbsOf(door()).settle('failover', [group('g1')]);
    t.is(settled?.verdict, 'unknowable');
    t.regex(JSON.stringify(settled), /failover of g1: the plugin (answered|gave)/);
  });
}

test('settle: what the plugin does not offer, or only reads, left nothing behind', async (t) => {
  const { door, arrived } = scene();
  const verbs = verbsOf(door());
  t.deepEqual(await verbs.settle('sync', [group('g1')]), [{ id: 'g1', verdict: 'absent' }]);
  t.deepEqual(await verbs.settle('deviceStatus', [group('g1')]), [{ id: 'g1', verdict: 'absent' }]);
  t.deepEqual(arrived, []);
});

test('settle that cannot ask → throws the fault: nothing new is known', async (t) => {
  const { door, lost } = scene();
  lost.add('west');
  const error = await t.throwsAsync(verbsOf(door()).settle('failover', [group('g1')]));
  t.like(error, { fault: { code: 'SITE_LOST' } });
});

const refused = { kind: 'refused', owner: 'array', message: 'no', code: 'E42' } as const;

test('error after: the call is made, and the fault is the answer all the same', async (t) => {
  const { door, arrived } = scene();
  const one = door([{ effect: 'error', fault: refused, after: true, rule: 'r' }]);
  t.deepEqual(codesOf(await verbsOf(one).failover([group('g1')])), ['E42']);
  t.is(arrived.length, 2);
  t.deepEqual(one.injected, ['r']);
});

test('refuse: the chosen target is not called, its neighbour is', async (t) => {
  const { door, arrived } = scene();
  const one = door([{ effect: 'refuse', targets: ['g2'], rule: 'r' }]);
  const answers = await verbsOf(one).failover([group('g1'), group('g2')]);
  t.deepEqual(codesOf(answers), ['ok', 'INJECTED']);
  t.regex(arrived[1] ?? '', /failover g1 until/);
});

test('duplicate: the call arrives twice, under one key', async (t) => {
  const keys: string[] = [];
  const { door } = scene((call) => {
    keys.push(call.key);
    return succeed(call);
  });
  const one = door([{ effect: 'duplicate', rule: 'r' }]);
  t.deepEqual(codesOf(await verbsOf(one).failover([group('g1')])), ['ok']);
  t.deepEqual(keys, ['k/failover', 'k/failover']);
});

test('parameter: the remote gets other targets and arguments, answers come under our ids', async (t) => {
  const seen: unknown[] = [];
  const { door } = scene(({ targets, args }) => {
    seen.push(targets, args);
    return targets.map(({ id }) => ({ id, fault: { ...refused, message: `no ${id}` } }));
  });
  const effect = { effect: 'parameter', target: { id: 'nobody' }, args: { force: true } } as const;
  const one = door([{ ...effect, rule: 'r' }]);
  const answers = await verbsOf(one).failover([group('g1'), group('g2')], { force: false });
  const messages = answers.map((answer) => 'fault' in answer && answer.fault.message);
  t.deepEqual(messages, ['no nobody', 'no nobody-1']);
  t.deepEqual(
    answers.map(({ id }) => id),
    ['g1', 'g2'],
  );
  t.deepEqual(seen[1], { force: true });
});

test('partial: the first target of a batch is done, the rest get the fault', async (t) => {
  const { door, arrived } = scene();
  const one = door([{ effect: 'partial', done: 1, fault: refused, rule: 'r' }]);
  const answers = await verbsOf(one).failover([group('g1'), group('g2'), group('g3')]);
  t.deepEqual(codesOf(answers), ['ok', 'E42', 'E42']);
  t.regex(arrived[1] ?? '', /failover g1 until/);
});

test('wrong-result of a changing verb: done, it says, and nothing arrived', async (t) => {
  const { door, arrived } = scene();
  const one = door([{ effect: 'wrong-result', set: { lineage: 'l2' }, rule: 'r' }]);
  const answers = await verbsOf(one).failover([group('g1')]);
  t.deepEqual(answers, [{ id: 'g1', ok: true, evidence: { lineage: 'l2' } }]);
  t.deepEqual(arrived, []);
});

test('fail-later: the call is done, its operation fails; without the injection the truth is told', async (t) => {
  const { door } = scene(({ targets }) =>
    targets.map(({ id }) => ({ id, ok: true, evidence: { at: 1 } })),
  );
  const injections = [{ effect: 'fail-later', fault: refused, rule: 'r' }] as const;
  const [answer] = await verbsOf(door(injections)).failover([group('g1')]);
  const operation = answer !== undefined && 'accepted' in answer ? answer.accepted.operation : '';
  t.deepEqual(await door(injections).poll('failover', [{ id: 'g1', operation }]), [
    { id: 'g1', state: 'failed', fault: refused },
  ]);
  t.deepEqual(await door().poll('failover', [{ id: 'g1', operation }]), [
    { id: 'g1', state: 'done', evidence: { at: 1 } },
  ]);
});

test('an ordinal: only the second call of the verb', async (t) => {
  const { door } = scene();
  const one = verbsOf(door([{ effect: 'refuse', verb: 'failover', call: 2, rule: 'r' }]));
  const codes: unknown[] = [];
  for (const id of ['g1', 'g2', 'g3']) codes.push(...codesOf(await one.failover([group(id)])));
  t.deepEqual(codes, ['ok', 'INJECTED', 'ok']);
});

test('settle: an error is the fault of asking, a wrong result is a wrong verdict', async (t) => {
  const { door } = scene();
  const failing = verbsOf(door([{ effect: 'error', fault: refused, rule: 'r' }]));
  t.like(await t.throwsAsync(failing.settle('failover', [group('g1')])), {
    fault: { code: 'E42' },
  });
  const lying = door([{ effect: 'wrong-result', set: { verdict: 'absent' }, rule: 'r' }]);
  t.deepEqual(await verbsOf(lying).settle('failover', [group('g1')]), [
    { id: 'g1', verdict: 'absent' },
  ]);
});
