/** A rule is told of only where its injection changed something. */
import test from 'ava';
import type { Injection, InjectionEffect } from '../../daemon/core/injection.ts';
import { Gateway } from '../../daemon/gateway/gateway.ts';
import { verbsOf } from '../../daemon/gateway/verbs.ts';
import { Wire } from '../../daemon/gateway/wire.ts';
import { Host } from '../../daemon/host/host.ts';
import { checkLoaded } from '../../daemon/host/load.ts';
import { definePlugin, z } from '../../sdk/plugin/index.ts';
import { ManualClock } from '../_support/manual-clock.ts';

const plugin = definePlugin({
  name: 'p',
  version: '1',
  contract: 1,
  config: z.object({}),
  open: () => ({}),
  close: () => {},
  verbs: {
    failover: {
      run: ({ targets }) => targets.map(({ id }) => ({ id, ok: true })),
      settle: ({ targets }) => targets.map(({ id }) => ({ id, verdict: 'absent' })),
    },
    syncStatus: {
      run: ({ targets }) => targets.map(({ id }) => ({ id, value: { id, state: 'none' } })),
    },
  },
});

const door = (
  effect: InjectionEffect,
  targets?: readonly string[],
  scope: Pick<Injection, 'verb' | 'call'> = {},
) => {
  const clock = new ManualClock();
  const remote = {
    id: 'a1',
    kind: 'array',
    siteId: 'west',
    pluginId: 'p',
    module: 'p',
    config: {},
  };
  const wire = new Wire(
    () => false,
    () => {},
  );
  const host = new Host({
    remotes: [remote as never],
    load: async () => checkLoaded('p', plugin),
    clock,
    refusal: () => undefined,
    connectorFor: ({ id, siteId }) => wire.connectorFor(id, siteId),
  });
  const gateway = new Gateway({ host, wire, clock, siteOf: () => 'west', isLost: () => false });
  const injection: Injection = { ...effect, ...scope, rule: 'r', ...(targets && { targets }) };
  return gateway.door({
    remoteId: 'a1',
    key: 'k',
    attempt: 1,
    epoch: 1,
    deadlineMs: clock.now() + 1_000,
    injections: [injection],
    remembers: true,
    crash: () => new Promise(() => {}),
  });
};

const groups = [
  { id: 'g1', devices: ['d1'] },
  { id: 'g2', devices: ['d2'] },
];
const fault = { kind: 'refused', owner: 'array', message: 'no' } as const;

const asks = {
  failover: (one: ReturnType<typeof door>) => verbsOf(one).failover(groups, { force: false }),
  syncStatus: (one: ReturnType<typeof door>) => verbsOf(one).syncStatus(groups),
  settle: (one: ReturnType<typeof door>) => verbsOf(one).settle('failover', groups),
};

for (const [ask, effect, hits] of [
  ['syncStatus', { effect: 'wrong-result', set: { nonsense: 'off' } }, 0],
  ['syncStatus', { effect: 'wrong-result', set: { state: 'none' } }, 0],
  ['syncStatus', { effect: 'wrong-result', set: { state: 'complete' } }, 1],
  ['settle', { effect: 'wrong-result', set: { nonsense: 'off' } }, 0],
  ['settle', { effect: 'wrong-result', set: { verdict: 'done' } }, 1],
  ['failover', { effect: 'parameter', args: { foo: 1 } }, 0],
  ['failover', { effect: 'parameter', args: { force: false } }, 0],
  ['failover', { effect: 'parameter', args: { force: true } }, 1],
  ['failover', { effect: 'parameter', target: { foo: 1 } }, 0],
  ['failover', { effect: 'parameter', target: { devices: ['d9'] } }, 1],
  ['failover', { effect: 'partial', done: 9, fault }, 0],
  ['failover', { effect: 'partial', done: 1, fault }, 1],
  ['failover', { effect: 'delay', delayMs: 0 }, 0],
  ['syncStatus', { effect: 'stale-read' }, 0],
  ['failover', { effect: 'fail-later', fault }, 1],
  ['failover', { effect: 'duplicate' }, 1],
] as const satisfies readonly (readonly [keyof typeof asks, InjectionEffect, number])[]) {
  test(`${JSON.stringify(effect)} of ${ask} → told ${hits} times`, async (t) => {
    const one = door(effect);
    await asks[ask](one);
    t.is(one.injected.length, hits);
  });
}

test('stale-read with something remembered → told of', async (t) => {
  const one = door({ effect: 'stale-read' }, undefined, { verb: 'syncStatus', call: 2 });
  await asks.syncStatus(one);
  t.deepEqual(one.injected, []);
  await asks.syncStatus(one);
  t.deepEqual(one.injected, ['r']);
});

for (const effect of [{ effect: 'refuse' }, { effect: 'duplicate' }] as const) {
  test(`${effect.effect} of a target that is not in the call → nothing happens`, async (t) => {
    const one = door(effect, ['g3']);
    t.deepEqual(await asks.failover(one), [
      { id: 'g1', ok: true },
      { id: 'g2', ok: true },
    ]);
    t.deepEqual(one.injected, []);
  });
}
