/**
 * What the door costs a call while nothing is injected: the same calls to the same plugin through
 * the gateway and around it, in turns, so that both see the same machine. Processor time, for what
 * else runs there has no part in that.
 */
import { Gateway } from '../daemon/gateway/gateway.ts';
import { Wire } from '../daemon/gateway/wire.ts';
import { Host } from '../daemon/host/host.ts';
import { checkLoaded } from '../daemon/host/load.ts';
import { systemClock } from '../daemon/workers/system-clock.ts';
import { connect, definePlugin, z } from '../sdk/plugin/index.ts';
import type { Figure } from './figures.ts';
import { quantile } from './numbers.ts';
import type { Scale } from './scale.ts';

const plugin = definePlugin({
  name: 'nothing',
  version: '1',
  contract: 1,
  config: z.object({}),
  open: () => ({}),
  verbs: {
    failover: {
      run: ({ targets }) => targets.map(({ id }) => ({ id, ok: true as const })),
      repeatable: true,
    },
  },
});

/** A job opens a door, makes a few calls and ends it. */
const callsPerJob = 3;

/** Calls in one lot, long enough to be timed in whole microseconds. */
const callsPerLot = 4_000;

const timed = async (body: () => Promise<unknown>): Promise<number> => {
  const start = process.cpuUsage();
  for (let calls = 0; calls < callsPerLot; calls++) await body();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / callsPerLot;
};

/** Both ways to the same plugin. */
const ways = () => {
  const clock = systemClock();
  const config = {};
  const remote = {
    id: 'a',
    kind: 'array',
    siteId: 's',
    pluginId: 'p',
    module: 'p',
    config,
  } as const;
  const host = new Host({
    remotes: [remote],
    load: async () => checkLoaded('p', plugin),
    clock,
    refusal: () => undefined,
    connectorFor: () => connect,
  });
  const isLost = () => false;
  const wire = new Wire(isLost, () => {});
  const gateway = new Gateway({ host, wire, clock, siteOf: () => 's', isLost });
  const targets = [{ id: 'g1', devices: ['d1'] }];
  const deadlineMs = clock.now() + 3_600_000;
  const context = { key: 'k/failover', attempt: 1, epoch: 1, deadlineMs };
  const { signal } = new AbortController();
  const errand = { remoteId: 'a', key: 'k', attempt: 1, epoch: 1, deadlineMs, injections: [] };
  const crash = () => new Promise<never>(() => {});
  let door = gateway.door({ ...errand, crash });
  let calls = 0;
  const args = { force: false };
  const around = { remoteId: 'a', verb: 'failover', targets, args } as const;
  return {
    end: () => door.end(),
    through: () => {
      calls += 1;
      if (calls % callsPerJob === 0) {
        door.end();
        door = gateway.door({ ...errand, crash });
      }
      return door.call('failover', targets, args);
    },
    around: () => host.call({ ...around, context: { ...context, signal }, admit: () => undefined }),
  };
};

export const gateway = async ({ doorLots }: Scale): Promise<readonly Figure[]> => {
  const { through, around, end } = ways();
  // Once each, so that nothing is compiled on the way.
  for (const way of [through, around]) await timed(way);
  const found: { through: number; around: number }[] = [];
  for (let lots = 0; lots < doorLots; lots++) {
    found.push({ through: await timed(through), around: await timed(around) });
  }
  end();
  const limit = quantile(
    found.map((lot) => lot.around),
    0.5,
  );
  const added = quantile(
    found.map((lot) => lot.through - lot.around),
    0.5,
  );
  return [
    {
      name: 'processor time that the gateway adds to a call, nothing injected, p50',
      value: added,
      unit: 'µs',
      limit: { name: 'the call around it', value: limit },
      wanted: { of: 'value', is: '≤', than: 5 },
    },
  ];
};
