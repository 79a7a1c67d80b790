/** Plans over stretched storage, alone and beside plain: who goes which way, what is refused. */
import test from 'ava';
import type { FrozenRun, StorageItem, VmItem } from '../../daemon/core/frozen.ts';
import { takes } from '../../daemon/core/frozen.ts';
import type { Mode, PlanOptions } from '../../daemon/core/plan.ts';
import { freeze } from '../../daemon/planner/freeze.ts';
import {
  contextFor,
  inventoryOf,
  planOf,
  protect,
  type Sketch,
  sketch,
  stretch,
  tell,
  vmOf,
} from '../_support/inventory.ts';

const groups = [{ id: 'a' }, { id: 'b' }, { id: 'plain' }];
const vms = [
  { id: 'a1', on: ['a'] },
  { id: 'a2', on: ['a'] },
  { id: 'b1', on: ['b'] },
  { id: 'cold', on: ['plain'] },
];
const world = () => stretch(sketch(groups, vms), ['a', 'b']);

const live: Partial<PlanOptions> = { liveMigration: true };

const frozenFrom = (from: Sketch, options: Partial<PlanOptions> = live, mode: Mode = 'planned') => {
  const inventory = inventoryOf(from);
  return freeze(planOf([protect(groups)], options), inventory, mode, contextFor(inventory));
};

const runOf = (...given: Parameters<typeof frozenFrom>): FrozenRun => {
  const made = frozenFrom(...given);
  if ('problems' in made) throw new Error(JSON.stringify(made.problems));
  return made.frozen;
};

const problemsOf = (...given: Parameters<typeof frozenFrom>): string[] => {
  const made = frozenFrom(...given);
  return 'problems' in made ? made.problems.map(({ message }) => message) : [];
};

const obstaclesOf = (...given: Parameters<typeof frozenFrom>): string[] =>
  frozenFrom(...given).obstacles.map(({ message }) => message);

const warningsOf = (...given: Parameters<typeof frozenFrom>): string[] =>
  frozenFrom(...given).warnings.map(({ message }) => message);

/** Item id → the steps of its workgroup. */
const waysIn = (run: FrozenRun): Record<string, string> =>
  Object.fromEntries(
    run.workgroups.flatMap((group) => {
      const way = run.steps.filter((step) => takes(step, group)).map(({ name }) => name);
      return group.items.map(({ id }) => [id, way.join(' ')]);
    }),
  );

const itemIn = (run: FrozenRun, id: string) =>
  run.workgroups
    .flatMap(({ items }) => [...items] as (StorageItem | VmItem)[])
    .find((item) => item.id === id);

const power = (from: Sketch, id: string, to: 'on' | 'off'): Sketch => {
  from.cp.vms = from.cp.vms.map((vm) => (vm.id === id ? { ...vm, power: to } : vm));
  return from;
};

/** The VM runs at the recovery site. */
const goOver = (from: Sketch, id: string): Sketch => {
  from.cr.vms.push(...from.cp.vms.filter((vm) => vm.id === id));
  from.cp.vms = from.cp.vms.filter((vm) => vm.id !== id);
  return from;
};

test('planned, mixed: stretched devices, a VM of them that is off, and a plain group', (t) => {
  const run = runOf(power(world(), 'a2', 'off'));
  t.deepEqual(waysIn(run), {
    'ap/a-d0p': 'switch-site-preference mount',
    'ap/b-d0p': 'switch-site-preference mount',
    'ap/plain-d0p': 'sync final-sync unmount demote-source promote-target mount',
    a1: 'live-migrate verify',
    a2: 'shut-down resolve-instances register power-on verify',
    b1: 'live-migrate verify',
    cold: 'shut-down resolve-instances register power-on verify',
  });
  t.like(itemIn(run, 'ap/a-d0p'), { preference: { from: 'p', to: 'r' } });
  t.like(itemIn(run, 'a1'), { toComputeId: 'cr', leftOff: undefined });
  t.like(itemIn(run, 'a2'), { toComputeId: undefined, leftOff: true });
  t.like(itemIn(run, 'cold'), { toComputeId: undefined, leftOff: undefined });
});

test('planned, again: a VM that is off here and runs there already → not one that is left off', (t) => {
  const from = world();
  from.cr.vms.push(...from.cp.vms.filter(({ id }) => id === 'a2'));
  t.like(itemIn(runOf(power(from, 'a2', 'off')), 'a2'), { leftOff: undefined });
});

test('planned: every stretched device has a storage workgroup of its own', (t) => {
  const run = runOf(world(), { ...live, storageWorkgroupMax: 100 });
  t.deepEqual(
    run.workgroups.filter(({ unit }) => unit === 'storage').map(({ items }) => items.length),
    [1, 1, 1],
  );
});

test('planned: the preference of a device is switched before its VMs start anything', (t) => {
  const run = runOf(power(world(), 'a2', 'off'));
  for (const [at, group] of run.workgroups.entries()) {
    if (group.unit !== 'vm' || group.path === undefined) continue;
    const first = run.steps.findIndex((step) => takes(step, group));
    const waits = run.gates.filter(
      ({ kind, holds }) =>
        kind === 'stands-on' && holds.step === first && holds.workgroups.includes(at),
    );
    t.true(waits.length > 0, group.id);
    const last = Math.max(...waits.map((gate) => gate.waits.step));
    t.true(last >= run.steps.findIndex(({ name }) => name === 'switch-site-preference'));
    t.deepEqual(waits[0]?.waits.workgroups, [group.storage]);
  }
});

test('planned, liveMigration off → no step migrates, every VM stops and starts', (t) => {
  const run = runOf(world(), {});
  t.false(run.steps.some(({ name }) => name === 'live-migrate'));
  t.is(waysIn(run).a1, 'shut-down resolve-instances register power-on verify');
  t.is(waysIn(run)['ap/a-d0p'], 'switch-site-preference mount');
});

test('planned: nothing stretched has to wait for a VM to stop', (t) => {
  const run = runOf(world(), {});
  const stretched = run.workgroups.flatMap(({ path, unit }, at) =>
    path === 'stretched' && unit === 'storage' ? [at] : [],
  );
  const held = run.gates.flatMap(({ holds }) => holds.workgroups);
  t.false(stretched.some((at) => held.includes(at)));
});

test('planned: what was mounted at the recovery site before is told', (t) => {
  const from = world();
  from.cr.datastores = from.cr.datastores.filter(({ id }) => id === 'ds-a');
  const mountedIn = (id: string) => (itemIn(runOf(from), id) as StorageItem).datastores[0];
  t.is(mountedIn('ap/a-d0p')?.mountedThere, true);
  t.is(mountedIn('ap/b-d0p')?.mountedThere, undefined);
});

test('planned: dependencies on a VM that goes live → open when it has gone over', (t) => {
  const inventory = inventoryOf(world());
  const plan = planOf(
    [protect(groups, [vmOf('a1'), vmOf('b1'), vmOf('a2'), vmOf('cold', 3, ['b1'])])],
    live,
  );
  const made = freeze(plan, inventory, 'planned', contextFor(inventory));
  if (!('frozen' in made)) return t.fail();
  const run = made.frozen;
  const gates = run.gates.filter(({ kind }) => kind === 'dependency');
  t.deepEqual(
    gates.map(({ waits, holds }) => [run.steps[waits.step]?.name, run.steps[holds.step]?.name]),
    [['live-migrate', 'power-on']],
  );
});

test('disaster: stretched storage is fenced, plain is promoted, no call to the lost site', (t) => {
  const run = runOf(world(), live, 'disaster');
  t.deepEqual(waysIn(run)['ap/a-d0p'], 'fence-lost-side mount');
  t.deepEqual(waysIn(run)['ap/plain-d0p'], 'promote-target mount');
  t.deepEqual(waysIn(run).a1, 'adopt-migrated resolve-instances register power-on verify');
  t.true(run.steps.every(({ side }) => side === 'recovery'));
});

test('reprotect: nothing of stretched storage is reversed', (t) => {
  const from = world();
  tell(from.ar, 'plain', { access: 'read-write' });
  for (const id of ['a', 'b']) {
    for (const end of [from.ap, from.ar]) tell(end, id, { preferredSiteId: 'r' });
  }
  for (const id of ['a1', 'a2', 'b1']) goOver(from, id);
  const ways = waysIn(runOf(from, live, 'reprotect'));
  t.is(ways['ap/a-d0p'], 'register-protection');
  t.is(ways['ap/plain-d0p'], 'reverse sync-back register-protection');
});

test('test and cleanup: stretched storage is copied as any other', (t) => {
  for (const mode of ['test', 'cleanup'] as const) {
    t.true(runOf(world(), live, mode).workgroups.every(({ path }) => path === undefined));
  }
});

test('planned: the preference at the recovery site → refused, with the way out', (t) => {
  const from = stretch(sketch(groups, vms), ['a']);
  for (const end of [from.ap, from.ar]) tell(end, 'a', { preferredSiteId: 'r' });
  t.deepEqual(problemsOf(from), [
    '"ap/a-d0p" prefers site "r", the plan protects "p": let it prefer "p" (siteswap device ' +
      'set-site-preference), or run reprotect if the plan was failed over, or exchange the ' +
      "plan's sites",
  ]);
});

test('planned: opposite preferences on one pair of arrays → refused', (t) => {
  const from = world();
  for (const end of [from.ap, from.ar]) tell(end, 'a', { preferredSiteId: 'r' });
  t.deepEqual(problemsOf(from), [
    '"ap/a-d0p" prefers site "r", other groups on the same pair of arrays the other way: ' +
      'let it prefer "p" (siteswap device set-site-preference), or put it in a plan of its ' +
      'own, the other way',
  ]);
});

test('a VM that is off the cold way, and in any disaster → warned that it is started', (t) => {
  const from = power(power(world(), 'a2', 'off'), 'cold', 'off');
  const told = (mode: Mode): string[] =>
    warningsOf(from, live, mode).filter((text) => / is off: /.test(text));
  const started = 'VM "cold" is off: it is started at "r"';
  t.deepEqual(told('planned'), ['VM "a2" is off: it is off at "r" too, then', started]);
  t.deepEqual(told('disaster'), ['VM "a2" is off: it is started at "r"', started]);
  t.deepEqual(told('test'), []);
});

test('planned: one side of a stretched device was cut off → refused until it is resynced', (t) => {
  const from = world();
  tell(from.ap, 'a', { direction: 'outgoing' });
  tell(from.ar, 'a', { direction: 'incoming', access: 'read-only' });
  t.regex(obstaclesOf(from).join('\n'), /a-d0p.*one side of it was cut off.*resync it/);
});

test('planned: a stretched pair that was never synced → refused, sync it', (t) => {
  const from = world();
  const pairState = 'unsynchronized';
  tell(from.ap, 'a', { direction: 'outgoing', pairState });
  tell(from.ar, 'a', { direction: 'incoming', access: 'read-only', pairState });
  const said = obstaclesOf(from).join('\n');
  t.regex(said, /a-d0p.*never synced: `siteswap device sync`/);
  t.notRegex(said, /cut off/);
});

test('planned: a group with stretched and plain devices → refused', (t) => {
  const both = [{ id: 'a', devices: 2 }];
  const from = stretch(sketch(both, [{ id: 'a1', on: ['a'] }]), ['a']);
  for (const [end, direction] of [
    [from.ap, 'outgoing'],
    [from.ar, 'incoming'],
  ] as const) {
    end.devices = end.devices.map((device, at) =>
      at === 0 ? { ...device, stretched: false, direction } : device,
    );
  }
  const inventory = inventoryOf(from);
  const made = freeze(planOf([protect(both)]), inventory, 'planned', contextFor(inventory));
  t.regex('problems' in made ? (made.problems[0]?.message ?? '') : '', /is not stretched, others/);
});

test('planned: a VM on stretched and plain storage → refused', (t) => {
  const from = stretch(sketch(groups, [{ id: 'a1', on: ['a', 'plain'] }]), ['a', 'b']);
  t.regex(problemsOf(from)[0] ?? '', /of which only one is stretched/);
});

test('planned again, after some VMs went over → they are there, nobody calls for them', (t) => {
  const from = goOver(world(), 'a1');
  for (const end of [from.ap, from.ar]) tell(end, 'a', { preferredSiteId: 'r' });
  const run = runOf(from);
  t.is(waysIn(run).a1, 'live-migrate verify');
  t.like(itemIn(run, 'a1'), { foundThere: true });
  t.like(itemIn(run, 'ap/a-d0p'), { preference: { from: 'r', to: 'r' } });
  t.regex(warningsOf(from).join('\n'), /"ap\/a-d0p" prefers site "r" already, and VM "a1" runs/);
});

test('planned: a VM that runs at the recovery site on plain storage → refused as ever', (t) => {
  const inventory = inventoryOf(goOver(world(), 'cold'));
  const plan = planOf([protect(groups, [vmOf('cold')])], live);
  const made = freeze(plan, inventory, 'planned', contextFor(inventory));
  t.regex('problems' in made ? (made.problems[0]?.message ?? '') : '', /"cold" is at compute "cr"/);
});

test('planned: liveMigration without stretched storage, a VM that is off → warnings', (t) => {
  t.true(
    warningsOf(sketch(groups, vms)).includes(
      'no group of the plan is stretched: every VM is stopped and started',
    ),
  );
  t.true(
    warningsOf(power(world(), 'a2', 'off')).includes('VM "a2" is off: it is off at "r" too, then'),
  );
});

test('planned: a compute that cannot migrate live → refused, and how to go on without', (t) => {
  const inventory = inventoryOf(world());
  const context = contextFor(inventory);
  const capabilities = new Map(
    [...context.capabilities].map(([id, verbs]) => [
      id,
      verbs.filter(({ verb }) => verb !== 'migrateLive'),
    ]),
  );
  const made = freeze(planOf([protect(groups)], live), inventory, 'planned', {
    ...context,
    capabilities,
  });
  t.regex(
    'problems' in made ? (made.problems[0]?.message ?? '') : '',
    /does not offer the verb migrateLive.*turn the plan's liveMigration off/,
  );
});
