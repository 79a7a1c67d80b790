import test from 'ava';
import type { FrozenRun } from '../../daemon/core/frozen.ts';
import { type Mode, modes } from '../../daemon/core/plan.ts';
import { freeze } from '../../daemon/planner/freeze.ts';
import { modeSteps, steps } from '../../daemon/steps/registry.ts';
import {
  contextFor,
  inventoryOf,
  planOf,
  protect,
  type Sketch,
  sketch,
  turned,
  vmOf,
} from '../_support/inventory.ts';

const groups = [{ id: 'a', devices: 2 }, { id: 'b' }];
const vms = [
  { id: 'web', on: ['a'] },
  { id: 'db', on: ['a'] },
  { id: 'mail', on: ['b'] },
];

const frozenOf = (world: Sketch, plan = planOf([protect(groups)]), mode: Mode = 'planned') => {
  const inventory = inventoryOf(world);
  const result = freeze(plan, inventory, mode, contextFor(inventory));
  if ('problems' in result) throw new Error(JSON.stringify(result.problems));
  return result.frozen;
};

/** The recovery devices as a failover leaves them. */
const failOver = (world: Sketch) => {
  for (const [i, device] of world.ar.devices.entries()) {
    world.ar.devices[i] = { ...device, access: 'read-write' };
  }
};

/** Every gate in words: `kind: waits before holds`. */
const gatesOf = (run: FrozenRun): string[] => {
  const side = ({ step, workgroups }: FrozenRun['gates'][number]['waits']) =>
    `${run.steps[step]?.name}(${workgroups.map((i) => run.workgroups[i]?.id).join(' ')})`;
  return run.gates.map(
    ({ kind, waits, holds, after }) =>
      `${kind}: ${side(waits)} before ${side(holds)}${after === undefined ? '' : ` #${after}`}`,
  );
};

test('planner: each mode → its steps in order, with side, unit and undo', (t) => {
  for (const mode of modes) {
    const world = sketch(groups, vms);
    if (mode === 'reprotect' || mode === 'fence') failOver(world);
    const run = frozenOf(world, planOf([protect(groups)]), mode);
    t.deepEqual(
      run.steps.map(({ name }) => name),
      modeSteps[mode]
        .filter((name) => steps.get(name)?.paths?.includes('cold') ?? true)
        .filter((name) => steps.get(name)?.when !== 'diverged'),
      mode,
    );
  }
});

test('planner: every mode but planned and fence → no step at the protected site', (t) => {
  for (const mode of ['test', 'cleanup', 'disaster', 'reprotect'] as const) {
    const world = sketch(groups, vms);
    failOver(world);
    const run = frozenOf(world, planOf([protect(groups)]), mode);
    t.true(
      run.steps.every(({ side }) => side === 'recovery'),
      mode,
    );
    t.deepEqual(Object.keys(run.inFlightMax).sort(), mode === 'reprotect' ? ['ar'] : ['ar', 'cr']);
  }
});

test('planner: a group of two devices → one item with both ends in the same order', (t) => {
  const run = frozenOf(sketch(groups, vms));
  const [item] = run.workgroups[0]?.items ?? [];
  t.deepEqual(item, {
    id: 'ap/a-p',
    protected: {
      id: 'a-p',
      devices: ['a-d0p', 'a-d1p'],
      peers: [
        { arrayId: 'ar', deviceId: 'a-d0r' },
        { arrayId: 'ar', deviceId: 'a-d1r' },
      ],
    },
    recovery: {
      id: 'a-r',
      devices: ['a-d0r', 'a-d1r'],
      peers: [
        { arrayId: 'ap', deviceId: 'a-d0p' },
        { arrayId: 'ap', deviceId: 'a-d1p' },
      ],
    },
    datastores: [
      {
        id: 'ds-a',
        protectedDevices: [
          { arrayId: 'ap', deviceId: 'a-d0p' },
          { arrayId: 'ap', deviceId: 'a-d1p' },
        ],
        recoveryDevices: [
          { arrayId: 'ar', deviceId: 'a-d0r' },
          { arrayId: 'ar', deviceId: 'a-d1r' },
        ],
      },
    ],
  });
});

test('planner: named at either array, either side protected → the same group ids', (t) => {
  const idsOf = (run: FrozenRun) => run.workgroups[0]?.items.map(({ id }) => id);
  const world = sketch(groups, vms);
  const byRecovery = {
    id: 'pg',
    groups: [
      { arrayId: 'ar', id: 'a-r' },
      { arrayId: 'ar', id: 'b-d0r' },
    ],
  };
  t.deepEqual(idsOf(frozenOf(world)), ['ap/a-p', 'ap/b-d0p']);
  t.deepEqual(idsOf(frozenOf(world, planOf([byRecovery]))), ['ap/a-p', 'ap/b-d0p']);
  const back = turned(world);
  const plan = { ...planOf([byRecovery]), protectedSiteId: 'r', recoverySiteId: 'p' };
  back.cr.vms = back.cp.vms;
  back.cr.datastores = back.cp.datastores;
  t.deepEqual(idsOf(frozenOf(back, plan)), ['ap/a-p', 'ap/b-d0p']);
});

test('planner: no VMs named → all on the datastores, at the default priority', (t) => {
  const run = frozenOf(sketch(groups, vms));
  const found = run.workgroups.filter(({ unit }) => unit === 'vm');
  t.deepEqual(
    found.flatMap(({ items }) => items.map(({ id }) => id)),
    ['db', 'mail', 'web'],
  );
  t.deepEqual(found[0]?.items[1], {
    id: 'mail',
    on: [1],
    datastoreIds: ['ds-b'],
  });
});

test('planner: two priorities on two storage workgroups → the gates of a planned run', (t) => {
  const plan = planOf([protect(groups, [vmOf('web', 2, ['db']), vmOf('db', 1), vmOf('mail', 2)])], {
    storageWorkgroupMax: 1,
  });
  const run = frozenOf(sketch(groups, vms), plan);
  t.deepEqual(
    run.workgroups.map(({ id, priority, storage, items }) =>
      [id, priority, storage, ...items.map((item) => item.id)].join(' '),
    ),
    ['s1 1 0 ap/a-p', 's2 2 1 ap/b-d0p', 'v1 1 0 db', 'v2 2 0 web', 'v3 2 1 mail'],
  );
  t.deepEqual(gatesOf(run), [
    'stands-on: sync(s1) before shut-down(v1 v2)',
    'stands-on: sync(s2) before shut-down(v3)',
    'stands-on: shut-down(v1 v2) before final-sync(s1)',
    'stands-on: shut-down(v3) before final-sync(s2)',
    'stands-on: mount(s1) before resolve-instances(v1 v2)',
    'stands-on: mount(s2) before resolve-instances(v3)',
    'priority: shut-down(v2 v3) before shut-down(v1)',
    'priority: power-on(v1) before power-on(v2 v3)',
    'dependency: power-on(v1) before power-on(v2)',
  ]);
  t.deepEqual(run.workgroups[3]?.dependsOn, [[2, 0]]);
});

test('planner: three priorities → their gates are chained', (t) => {
  const plan = planOf([protect(groups, [vmOf('web', 1), vmOf('db', 3), vmOf('mail', 5)])]);
  const chain = gatesOf(frozenOf(sketch(groups, vms), plan)).filter((gate) =>
    gate.startsWith('priority'),
  );
  t.deepEqual(chain, [
    'priority: shut-down(v3) before shut-down(v2)',
    'priority: shut-down(v2) before shut-down(v1) #3',
    'priority: power-on(v1) before power-on(v2)',
    'priority: power-on(v2) before power-on(v3) #5',
  ]);
});

test('planner: priorityGates off → no priority gate', (t) => {
  const plan = planOf([protect(groups, [vmOf('web', 1), vmOf('db', 3), vmOf('mail', 5)])], {
    priorityGates: false,
  });
  t.false(frozenOf(sketch(groups, vms), plan).gates.some(({ kind }) => kind === 'priority'));
});

test('planner: release in batches of 2 → a gate between the steps of each unit', (t) => {
  const three = [{ id: 'a' }, { id: 'b' }, { id: 'c' }];
  const plan = planOf([protect(three, [])], {
    storageWorkgroupMax: 1,
    release: { kind: 'batch', size: 2 },
  });
  const gates = gatesOf(frozenOf(sketch(three, []), plan, 'disaster'));
  t.deepEqual(gates, ['batch: promote-target(s1 s2) before mount(s1 s2)']);
});

test('planner: a group without VMs → its storage workgroup goes on, no VM steps', (t) => {
  const run = frozenOf(sketch([{ id: 'a' }], []), planOf([protect([{ id: 'a' }])]));
  t.deepEqual(
    run.steps.map(({ name }) => name),
    ['sync', 'final-sync', 'unmount', 'demote-source', 'promote-target', 'mount'],
  );
  t.deepEqual(run.gates, []);
});

test('planner: no compute and no datastore → only steps at the arrays', (t) => {
  const world = sketch([{ id: 'a' }], []);
  world.cp.datastores = [];
  const inventory = new Map([...inventoryOf(world)].filter(([id]) => id.startsWith('a')));
  const plan = planOf([protect([{ id: 'a' }])]);
  const result = freeze(plan, inventory, 'disaster', contextFor(inventory));
  t.deepEqual('frozen' in result && result.frozen.steps.map(({ name }) => name), [
    'promote-target',
  ]);
});

test('planner: a VM on two groups → both in one storage workgroup, above the maximum', (t) => {
  const plan = planOf([protect(groups)], { storageWorkgroupMax: 1 });
  const run = frozenOf(sketch(groups, [{ id: 'wide', on: ['a', 'b'] }]), plan);
  const [storage, vm] = run.workgroups;
  t.deepEqual(
    storage?.items.map(({ id }) => id),
    ['ap/a-p', 'ap/b-d0p'],
  );
  t.deepEqual(vm?.items[0], { id: 'wide', on: [0, 1], datastoreIds: ['ds-a', 'ds-b'] });
});

test('planner: several computes at the protected site → the one that has the VMs', (t) => {
  const world = sketch(groups, vms);
  const remote = { ...world.cp.remote, id: 'c-spare' };
  world.more.push({ remote, devices: [], vms: [], datastores: world.cp.datastores });
  // In a disaster nobody calls it: it is still the one that people are told of.
  for (const mode of ['planned', 'disaster'] as const) {
    const run = frozenOf(world, undefined, mode);
    t.true(run.workgroups.every(({ protectedComputeId }) => protectedComputeId === 'cp'));
  }
});

test('planner: several computes at the recovery site → the one that lists the devices', (t) => {
  const world = sketch(groups, vms);
  const remote = { ...world.cr.remote, id: 'c-spare' };
  const seen = groups.map(({ id }, i) => ({
    id: `ds-${id}`,
    name: '',
    devices: [{ arrayId: 'ar', deviceId: `${id}-d0r` }],
    mounted: i === 0,
    instance: 'production' as const,
  }));
  world.more.push({ remote, devices: [], vms: [], datastores: seen });
  t.true(frozenOf(world).workgroups.every((group) => group.recoveryComputeId === 'c-spare'));
});

test('planner: disaster, peers known to the recovery side only → frozen by its own view', (t) => {
  const world = sketch(groups, vms);
  world.ap.devices = world.ap.devices.map(({ peer: _, ...device }) => device);
  t.is(frozenOf(world, undefined, 'disaster').workgroups[0]?.items.length, 2);
});

test('planner: disaster, protected array never heard → frozen by the recovery array', (t) => {
  const world = sketch([{ id: 'b' }], []);
  const ref = { id: 'pg', groups: [{ arrayId: 'ar', id: 'b-d0r' }] };
  const inventory = new Map(inventoryOf(world));
  inventory.delete('ap');
  const result = freeze(planOf([ref]), inventory, 'disaster', contextFor(inventory));
  t.is('frozen' in result && result.frozen.workgroups[0]?.items[0]?.id, 'ap/b-d0p');
});

test('planner: disaster over a pair that is promoted already → frozen, with a warning', (t) => {
  const world = turned(sketch([{ id: 'b' }], []));
  const inventory = inventoryOf(world);
  const plan = planOf([protect([{ id: 'b' }])]);
  const result = freeze(plan, inventory, 'disaster', contextFor(inventory));
  t.true('frozen' in result);
  t.regex(result.warnings[0]?.message ?? '', /b-d0p.*may be promoted already/);
});

test('planner: policies → run override over plan over default', (t) => {
  const inventory = inventoryOf(sketch(groups, vms));
  const own = { rules: [], otherwise: { action: 'continue' } } as const;
  const override = { rules: [], otherwise: { action: 'stop', reach: 'run' } } as const;
  const plan = { ...planOf([protect(groups)]), policies: { sync: own, mount: own } };
  const context = contextFor(inventory, { policies: { mount: override } });
  const result = freeze(plan, inventory, 'planned', context);
  if ('problems' in result) return t.fail(JSON.stringify(result.problems));
  const policyOf = (name: string) => result.frozen.steps.find((step) => step.name === name)?.policy;
  t.deepEqual(policyOf('sync'), own);
  t.deepEqual(policyOf('mount'), override);
  t.is(policyOf('unmount')?.otherwise.action, 'stop');
});

test('planner: limits → per array, per compute and per step', (t) => {
  const limits = { perArray: 2, perCompute: 3, perStep: { mount: 4 } };
  const run = frozenOf(sketch(groups, vms), planOf([protect(groups)], { limits }));
  t.deepEqual(run.inFlightMax, { ap: 2, ar: 2, cp: 3, cr: 3 });
  t.is(run.steps.find(({ name }) => name === 'mount')?.inFlightMax, 4);
});

test('planner: VMs on the groups that the plan does not name → off: warned; on: refused', (t) => {
  const from = sketch(groups, vms);
  const plan = planOf([protect(groups, [vmOf('web'), vmOf('db')])]);
  const told = (mode: Mode) => {
    const inventory = inventoryOf(from);
    const { warnings, obstacles } = freeze(plan, inventory, mode, contextFor(inventory));
    const isOther = ({ message }: { readonly message: string }) =>
      /is not in the plan/.test(message);
    return { warnings: warnings.filter(isOther), obstacles };
  };
  const field = 'protectionGroups[0].groups[1]';
  const what = 'VM "mail" stands on "ap/b-d0p" and is not in the plan';
  const loses = 'it will lose its disks to the other site; add it, or move it away first';
  const warned = { warnings: [{ field, message: `${what}: ${loses}` }], obstacles: [] };
  const held = 'its disks cannot go over under it; add it, power it off, or move it away first';
  t.deepEqual(told('planned'), {
    warnings: [],
    obstacles: [{ field, message: `${what}, and runs: ${held}` }],
  });
  t.deepEqual(told('disaster'), warned);
  for (const vm of from.cp.vms) if (vm.id === 'mail') Object.assign(vm, { power: 'off' });
  t.deepEqual(told('planned'), warned);
});
