/** What the planner remembers of a plan must never show, but in what it need not make again. */
import test from 'ava';
import fc from 'fast-check';
import type { Inventory, RemoteEvidence } from '../../daemon/core/inventory.ts';
import { type Mode, modes, type Plan } from '../../daemon/core/plan.ts';
import { stop } from '../../daemon/core/policy.ts';
import { type FreezeContext, type FrozenFound, freeze } from '../../daemon/planner/freeze.ts';
import { Memories } from '../../daemon/planner/memory.ts';
import type { Device, Vm } from '../../sdk/plugin/model.ts';
import { contextFor } from '../_support/inventory.ts';
import { type PlanCase, planCases } from '../_support/plan-cases.ts';
import { holds } from '../_support/property.ts';

/** What a plan is frozen from. */
interface Given {
  readonly plan: Plan;
  readonly inventory: Inventory;
  readonly mode: Mode;
  readonly context: FreezeContext;
}

const givenBy = ({ plan, inventory }: PlanCase): Given => ({
  plan,
  inventory,
  mode: 'planned',
  context: contextFor(inventory),
});

/** One remote said something else: its list is another object. */
const relisted = (
  given: Given,
  remoteId: string,
  change: (evidence: RemoteEvidence) => Partial<RemoteEvidence>,
): Given => {
  const evidence = given.inventory.get(remoteId) as RemoteEvidence;
  const inventory = new Map(given.inventory);
  inventory.set(remoteId, { ...evidence, ...change(evidence) });
  return { ...given, inventory };
};

const nth = <T>(list: readonly T[], n: number, change: (item: T) => T | undefined): T[] =>
  list.flatMap((item, at) => (at === n % list.length ? (change(item) ?? []) : [item]));

const turned = (vm: Vm): Vm => ({ ...vm, power: vm.power === 'on' ? 'off' : 'on' });
const released = (device: Device): Device => ({ ...device, access: 'read-only' });
const stretched = (device: Device): Device => ({
  ...device,
  direction: 'stretched',
  stretched: true,
  preferredSiteId: 'p',
  updateMode: 'active',
});

/** An earlier run brought them over. */
const givenUp = (device: Device): Device => ({
  ...device,
  access: 'read-only',
  pairState: 'failedover',
});
const promoted = (device: Device): Device => ({
  ...device,
  direction: 'none',
  access: 'read-write',
  pairState: 'failedover',
});
const asOf =
  (atMs: number) =>
  (device: Device): Device => ({ ...device, lastRecoveryPoint: { id: 'p', atMs, by: 'ar' } });

/** Everything that may differ from one start to the next. */
const edits: readonly ((given: Given, n: number) => Given)[] = [
  (given) => given,
  (given, n) => relisted(given, 'cp', ({ vms }) => ({ vms: nth(vms, n, turned) })),
  (given, n) => relisted(given, 'cp', ({ vms }) => ({ vms: nth(vms, n, () => undefined) })),
  (given, n) =>
    relisted(given, 'cp', ({ datastores }) => ({
      datastores: nth(datastores, n, (one) => ({ ...one, id: `${one.id}x` })),
    })),
  (given, n) =>
    relisted(given, 'cr', ({ datastores }) => ({
      datastores: nth(datastores, n, (one) => ({ ...one, mounted: !one.mounted })),
    })),
  (given, n) => relisted(given, 'ap', ({ devices }) => ({ devices: nth(devices, n, released) })),
  (given, n) =>
    relisted(given, 'ar', ({ devices }) => ({
      devices: nth(devices, n, ({ peer: _, ...device }) => device),
    })),
  (given) =>
    relisted(
      relisted(given, 'ap', ({ devices }) => ({ devices: devices.map(stretched) })),
      'ar',
      ({ devices }) => ({ devices: devices.map(stretched) }),
    ),
  (given) =>
    relisted(
      relisted(given, 'ap', ({ devices }) => ({ devices: devices.map(givenUp) })),
      'ar',
      ({ devices }) => ({ devices: devices.map(promoted) }),
    ),
  (given, n) => ({
    ...relisted(given, 'ar', ({ devices }) => ({ devices: devices.map(asOf(n)) })),
    mode: 'disaster',
  }),
  (given, n) => ({ ...given, mode: modes[n % modes.length] as Mode }),
  (given, n) => ({
    ...given,
    plan: {
      ...given.plan,
      options: { ...given.plan.options, vmWorkgroupMax: (n % 3) + 1, liveMigration: n % 2 === 0 },
    },
  }),
  (given, n) => ({ ...given, context: { ...given.context, now: given.context.now + n * 60_000 } }),
  (given, n) => ({
    ...given,
    context: {
      ...given.context,
      policies: n % 2 === 0 ? {} : { 'shut-down': { rules: [], otherwise: stop('run') } },
    },
  }),
  (given, n) => ({
    ...given,
    context: {
      ...given.context,
      capabilities: new Map([...given.context.capabilities].slice(n % 2)),
    },
  }),
  (given, n) => {
    const { changes: _, ...context } = given.context;
    return { ...given, context: n % 2 === 0 ? context : { ...context, changes: 'keep' } };
  },
];

const histories = fc.tuple(planCases, fc.array(fc.tuple(fc.nat(edits.length - 1), fc.nat(50))));

test('planner: any history of starts → with its memory as without one', (t) => {
  holds(t, histories, ([first, changes]) => {
    const memories = new Memories();
    let given = givenBy(first);
    for (const [edit, n] of [[0, 0], ...changes] as [number, number][]) {
      given = (edits[edit] as (typeof edits)[number])(given, n);
      const { plan, inventory, mode, context } = given;
      const memory = memories.of(plan.id);
      const remembered = freeze(plan, inventory, mode, { ...context, memory });
      t.deepEqual(remembered, freeze(plan, inventory, mode, context));
    }
  });
});

test('planner: devices that only moved on in time → the very same frozen run', (t) => {
  holds(t, planCases, (first) => {
    const given = givenBy(first);
    const memory = {};
    const later = relisted(given, 'ar', ({ devices }) => ({
      devices: devices.map((device) => ({ ...device, divergedBytes: 7 })),
    }));
    const [one, other] = [given, later].map(({ plan, inventory, mode, context }) => {
      const made = freeze(plan, inventory, mode, { ...context, memory });
      return (made as FrozenFound).frozen;
    });
    t.not(one, undefined);
    t.is(one, other);
  });
});
