import test from 'ava';
import type { Violation } from '../../daemon/core/errors.ts';
import type { Mode, Plan } from '../../daemon/core/plan.ts';
import { rerun, rollback, stop } from '../../daemon/core/policy.ts';
import { checkPlan } from '../../daemon/planner/check-plan.ts';
import { findingsMax } from '../../daemon/planner/defaults.ts';
import { type FreezeContext, freeze } from '../../daemon/planner/freeze.ts';
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
const world = () =>
  sketch(groups, [
    { id: 'web', on: ['a'] },
    { id: 'mail', on: ['b'] },
  ]);
const plan = (change: Partial<Plan> = {}): Plan => ({ ...planOf([protect(groups)]), ...change });

const problemsOf = (
  given: Plan,
  of: Sketch = world(),
  mode: Mode = 'planned',
  more: Partial<FreezeContext> = {},
): readonly Violation[] => {
  const inventory = inventoryOf(of);
  const result = freeze(given, inventory, mode, contextFor(inventory, more));
  return 'problems' in result ? result.problems : [];
};

const oneGroup = (arrayId: string, id: string) =>
  plan({
    protectionGroups: [{ id: 'pg', groups: [{ arrayId, id }] }],
  });

const group0 = 'protectionGroups[0].groups[0]';
const group1 = 'protectionGroups[0].groups[1]';

/** Changes one device of one end. */
const withDevice = (id: string, change: object, of = world()): Sketch => {
  for (const end of [of.ap, of.ar]) {
    end.devices = end.devices.map((each) => (each.id === id ? { ...each, ...change } : each));
  }
  return of;
};

test('refused: unknown array → named, with the way out', (t) => {
  t.deepEqual(problemsOf(oneGroup('nowhere', 'a-p')), [
    {
      field: `${group0}.arrayId`,
      message:
        'array "nowhere" is not known: correct its id, or discover it while its site answers',
    },
  ]);
});

test('refused: a compute where an array is meant → said so', (t) => {
  t.regex(problemsOf(oneGroup('cp', 'a-p'))[0]?.message ?? '', /^array "cp" is not known/);
});

test('refused: an array of a third site → both sites named', (t) => {
  const of = world();
  of.ap.remote = { ...of.ap.remote, siteId: 'x' };
  t.deepEqual(problemsOf(oneGroup('ap', 'a-p'), of), [
    {
      field: `${group0}.arrayId`,
      message:
        'array "ap" stands at site "x", which is not one of the plan\'s ("p", "r"): ' +
        'correct the array or the sites',
    },
  ]);
});

test('refused: unknown device → named', (t) => {
  t.deepEqual(problemsOf(oneGroup('ap', 'nothing')), [
    {
      field: `${group0}.id`,
      message:
        'array "ap" has no device or consistency group "nothing": ' +
        'list its devices and correct the id',
    },
  ]);
});

test('refused: one device of a group → the group named', (t) => {
  t.deepEqual(problemsOf(oneGroup('ap', 'a-d0p')), [
    {
      field: `${group0}.id`,
      message:
        'device "a-d0p" of array "ap" belongs to consistency group "a-p", ' +
        'which is never split: name the group',
    },
  ]);
});

test('refused: a device without a peer → the device named', (t) => {
  const of = withDevice('a-d1p', { peer: undefined });
  withDevice('a-d1r', { peer: undefined }, of);
  t.deepEqual(problemsOf(plan(), of), [
    {
      field: `${group0}.id`,
      message:
        'device "a-d1p" of array "ap" has no peer: ' +
        'set up its replication, or take its group out of the plan',
    },
  ]);
});

test('refused: peers at several arrays → the arrays named', (t) => {
  const of = withDevice('a-d1p', { peer: { arrayId: 'az', deviceId: 'z' } });
  t.regex(problemsOf(plan(), of)[0]?.message ?? '', /replicates to several arrays \(ar, az\)/);
});

test('refused: the peer array was never heard → named with its site', (t) => {
  const of = withDevice('b-d0p', { peer: { arrayId: 'az', deviceId: 'z' } });
  t.deepEqual(problemsOf(plan(), of), [
    {
      field: group1,
      message: 'peer array "az" is not known: configure it at site "r" and discover it',
    },
  ]);
});

test('refused: peers of one site → the peer array named', (t) => {
  const of = world();
  of.ar.remote = { ...of.ar.remote, siteId: 'p' };
  t.regex(
    problemsOf(plan(), of)[0]?.message ?? '',
    /^peer array "ar" stands at site "p", not at "r"/,
  );
});

test('refused: the peer device is gone → both ends named', (t) => {
  const of = world();
  of.ar.devices = of.ar.devices.filter(({ id }) => id !== 'b-d0r');
  t.deepEqual(problemsOf(plan(), of), [
    {
      field: group1,
      message:
        'array "ar" has no device "b-d0r", the peer of "b-d0p" of array "ap": ' +
        'discover both arrays again',
    },
  ]);
});

test('refused: the ends name different peers → both named', (t) => {
  const of = withDevice('b-d0r', { peer: { arrayId: 'ap', deviceId: 'else' } });
  t.deepEqual(problemsOf(plan(), of), [
    {
      field: group1,
      message:
        'device "b-d0p" of array "ap" names "b-d0r" of "ar" as its peer, ' +
        'which names "else" of "ap": repair the pair at the arrays',
    },
  ]);
});

test('refused: groups of different devices at the two ends → both named', (t) => {
  const of = withDevice('a-d1r', { groupId: 'odd' });
  t.deepEqual(problemsOf(plan(), of), [
    {
      field: group0,
      message:
        'consistency group "a-p" of array "ap" and its peers at "ar" (a-r, odd) ' +
        'do not hold the same devices: make them one group at each end',
    },
  ]);
});

test('refused: one group named by both its ends → the first place named', (t) => {
  const refs = [
    { arrayId: 'ap', id: 'b-d0p' },
    { arrayId: 'ar', id: 'b-d0r' },
  ];
  t.deepEqual(problemsOf(plan({ protectionGroups: [{ id: 'pg', groups: refs, vms: [] }] })), [
    {
      field: group1,
      message:
        'consistency group "b-d0r" of array "ar" is already named at ' +
        `${group0}, there or by its peer: name it once`,
    },
  ]);
});

test('refused: opposite directions in one plan → the odd group goes elsewhere', (t) => {
  const of = withDevice('b-d0p', { direction: 'incoming' });
  withDevice('b-d0r', { direction: 'outgoing' }, of);
  t.deepEqual(problemsOf(plan(), of), [
    {
      field: group1,
      message:
        'device "b-d0p" of array "ap" is replicated from "r" to "p", ' +
        'other groups of the plan the other way: put it in a plan of its own',
    },
  ]);
});

test('refused: both ends outgoing → the pair named', (t) => {
  t.deepEqual(problemsOf(plan(), withDevice('b-d0r', { direction: 'outgoing' })), [
    {
      field: group1,
      message:
        'device "b-d0p" of array "ap" and its peer both claim the same direction: ' +
        'repair the pair at the arrays',
    },
  ]);
});

test('refused: modes planned and test over a plan that flows back → reprotect named', (t) => {
  for (const mode of ['planned', 'test'] as const) {
    const problems = problemsOf(plan(), turned(world()), mode);
    t.is(problems.length, 2);
    t.is(
      problems[1]?.message,
      'device "b-d0p" of array "ap" is replicated from "r" to "p": ' +
        "run reprotect if the plan was failed over, or exchange the plan's sites",
    );
  }
});

test('refused: planned over a pair without direction → the way on named', (t) => {
  const of = withDevice('b-d0p', { direction: 'none' });
  withDevice('b-d0r', { direction: 'none' }, of);
  t.is(
    problemsOf(plan(), of)[0]?.message,
    'device "b-d0p" of array "ap" is not being replicated now: ' +
      'after a failover run reprotect first, otherwise resume its replication',
  );
});

test('refused: reprotect of a plan that was not failed over → the mode to run first', (t) => {
  t.deepEqual(problemsOf(plan(), world(), 'reprotect')[1], {
    field: group1,
    message:
      'device "b-d0r" of array "ar" is still the target of its pair: ' +
      'run planned or disaster before reprotect',
  });
});

test('refused: a lost site → every mode that needs it, and only those', (t) => {
  const lost = (mode: Mode, site: string) =>
    problemsOf(plan(), world(), mode, { lostSites: new Set([site]) })[0]?.message;
  t.is(
    lost('planned', 'p'),
    'site "p" is declared lost: run in disaster mode, or declare it reachable once it is',
  );
  t.is(lost('reprotect', 'p'), 'site "p" is declared lost: declare it reachable once it is');
  t.is(lost('disaster', 'p'), undefined);
  t.is(lost('test', 'p'), undefined);
  t.regex(
    lost('disaster', 'r') ?? '',
    /^site "r" is declared lost: nothing can be recovered there/,
  );
});

test('refused: a datastore on two consistency groups → both named', (t) => {
  const of = world();
  const [first] = of.cp.datastores;
  if (first === undefined) return t.fail();
  const devices = [...first.devices, { arrayId: 'ap', deviceId: 'b-d0p' }];
  of.cp.datastores[0] = { ...first, devices };
  t.true(
    problemsOf(plan(), of).some(
      ({ message }) =>
        message ===
        'datastore "ds-a" stands on two consistency groups, "ap/a-p" and "ap/b-d0p": ' +
          'put its devices into one group, they can only be right together',
    ),
  );
});

test('refused: a datastore partly on devices outside the plan → the device named', (t) => {
  t.deepEqual(
    problemsOf(
      oneGroup('ap', 'b-d0p'),
      (() => {
        const of = world();
        const [, second] = of.cp.datastores;
        if (second === undefined) return of;
        const devices = [...second.devices, { arrayId: 'ap', deviceId: 'a-d0p' }];
        of.cp.datastores[1] = { ...second, devices };
        return of;
      })(),
    ),
    [
      {
        field: group0,
        message:
          'datastore "ds-b" stands also on device "a-d0p" of array "ap", which is outside the ' +
          "plan: add that device's group to the plan",
      },
    ],
  );
});

test('refused: unknown VM → named', (t) => {
  t.deepEqual(problemsOf(planOf([protect(groups, [vmOf('ghost')])])), [
    {
      field: 'protectionGroups[0].vms[0].id',
      message: 'no compute of the plan\'s sites knows VM "ghost": list the VMs and correct the id',
    },
  ]);
});

test('refused: planned, a VM at the recovery site already → where it is', (t) => {
  const of = world();
  of.cr.vms = of.cp.vms.splice(0, 1);
  t.deepEqual(problemsOf(planOf([protect(groups, [vmOf('web')])]), of), [
    {
      field: 'protectionGroups[0].vms[0].id',
      message:
        'VM "web" is at compute "cr" of site "r", not at "p": ' +
        'run reprotect if the plan was failed over',
    },
  ]);
});

test('refused: a VM at two computes of a site → both named', (t) => {
  const of = world();
  of.more.push({ ...of.cp, remote: { ...of.cp.remote, id: 'c-spare' } });
  t.true(
    problemsOf(plan(), of).some(
      ({ message }) =>
        message === 'VM "web" is at several computes (c-spare, cp): remove all but one',
    ),
  );
});

test('refused: two computes that could both work for a group → both named', (t) => {
  const of = world();
  of.more.push({
    remote: { ...of.cr.remote, id: 'c-spare' },
    devices: [],
    vms: [],
    datastores: [],
  });
  t.is(
    problemsOf(plan(), of)[0]?.message,
    'it is not clear which compute of site "r" works for "ap/a-p" (c-spare, cr): ' +
      'let exactly one of them list its datastores',
  );
});

test('refused: no compute at the recovery site → said so', (t) => {
  const of = world();
  of.cr.remote = { ...of.cr.remote, siteId: 'x' };
  t.is(
    problemsOf(plan(), of)[0]?.message,
    'site "r" has no known compute for the datastores of "ap/a-p": ' +
      'configure one there and list its VMs',
  );
});

test('refused: a VM with a disk outside the plan → the datastore named', (t) => {
  const of = world();
  const [web] = of.cp.vms;
  if (web === undefined) return t.fail();
  of.cp.vms[0] = { ...web, datastoreIds: ['ds-a', 'local'] };
  t.deepEqual(problemsOf(planOf([protect(groups, [vmOf('web')])]), of), [
    {
      field: 'protectionGroups[0].vms[0]',
      message:
        'VM "web" stands on datastore "local" outside the plan: add that datastore\'s ' +
        'consistency group to the protection group, or take the VM out',
    },
  ]);
});

test('refused: a VM in two protection groups → by name and by its disks', (t) => {
  const [a, b] = groups.map((group, i) => protect([group], [vmOf('wide')], `pg${i}`));
  if (a === undefined || b === undefined) return t.fail();
  t.deepEqual(checkPlan(planOf([a, b])), [
    {
      field: 'protectionGroups[1].vms[0].id',
      message: 'VM "wide" is in two protection groups, "pg0" and "pg1": keep it in one place',
    },
  ]);
  const of = sketch(groups, [{ id: 'wide', on: ['a', 'b'] }]);
  t.deepEqual(problemsOf(planOf([a, { ...b, vms: [] }]), of), [
    {
      field: 'protectionGroups[0].vms[0]',
      message:
        'VM "wide" is in two protection groups, "pg0" and "pg1": its disks stand on ' +
        '"ap/b-d0p" too; put these groups into one protection group',
    },
  ]);
});

test('refused: a VM on two pairs of arrays → both named', (t) => {
  const of = sketch(groups, [{ id: 'wide', on: ['a', 'b'] }]);
  const far = (id: string, devices: typeof of.ap.devices, siteId: string) => ({
    remote: { ...of.ap.remote, id, siteId },
    devices,
    vms: [],
    datastores: [],
  });
  const move = (from: 'ap' | 'ar', to: string, peerArray: string) => {
    const moved = of[from].devices
      .filter(({ id }) => id.startsWith('b-'))
      .map((device) => ({
        ...device,
        peer: { arrayId: peerArray, deviceId: device.peer?.deviceId ?? '' },
      }));
    of[from].devices = of[from].devices.filter(({ id }) => !id.startsWith('b-'));
    of.more.push(far(to, moved, from === 'ap' ? 'p' : 'r'));
  };
  move('ap', 'bp', 'br');
  move('ar', 'br', 'bp');
  const [, second] = of.cp.datastores;
  if (second === undefined) return t.fail();
  of.cp.datastores[1] = { ...second, devices: [{ arrayId: 'bp', deviceId: 'b-d0p' }] };
  const refs = [
    { arrayId: 'ap', id: 'a-p' },
    { arrayId: 'bp', id: 'b-d0p' },
  ];
  t.is(
    problemsOf(plan({ protectionGroups: [{ id: 'pg', groups: refs }] }), of)[0]?.message,
    'VM "wide" stands on "ap/a-p" and "bp/b-d0p", which work with different remotes ' +
      '(ap, ar, cp, cr; bp, br, cp, cr): put its disks on one pair of arrays',
  );
});

test('refused: dependencies in a circle → the circle listed', (t) => {
  const of = sketch(
    groups,
    ['a', 'b', 'c', 'd'].map((id) => ({ id, on: ['a'] })),
  );
  const vms = [vmOf('d', 3, ['a']), vmOf('a', 3, ['b']), vmOf('b', 3, ['c']), vmOf('c', 3, ['a'])];
  t.deepEqual(problemsOf(planOf([protect(groups, vms)]), of), [
    {
      field: 'protectionGroups[0].vms[1].dependsOn',
      message:
        'VMs wait for each other in a circle: a -> b -> c -> a; remove one of these dependencies',
    },
  ]);
});

test('refused: a dependency against the priorities → both ways out', (t) => {
  const vms = [vmOf('web', 1, ['mail']), vmOf('mail', 4)];
  const problems = problemsOf(planOf([protect(groups, vms)]));
  t.deepEqual(problems, [
    {
      field: 'protectionGroups[0].vms[0].dependsOn',
      message:
        'VM "web" of priority 1 waits for "mail" of priority 4, which starts later: ' +
        'give "mail" priority 1 or a smaller one, or turn priorityGates off',
    },
  ]);
  t.deepEqual(problemsOf(planOf([protect(groups, vms)], { priorityGates: false })), []);
});

test('refused: a dependency on a VM outside the plan → named', (t) => {
  t.is(
    problemsOf(planOf([protect(groups, [vmOf('web', 3, ['ghost'])])]))[0]?.message,
    'VM "web" waits for "ghost", which is not in the plan: add it, or remove it there',
  );
});

test('refused: the plugin lacks a verb of a step → plugin, remote and verb named', (t) => {
  const inventory = inventoryOf(world());
  const context = contextFor(inventory);
  const capabilities = new Map(context.capabilities);
  capabilities.set(
    'ar',
    (capabilities.get('ar') ?? []).filter(({ verb }) => verb !== 'failover'),
  );
  t.deepEqual(problemsOf(plan(), world(), 'planned', { capabilities }), [
    {
      field: '',
      message:
        'plugin "plugin-array" of array "ar" does not offer the verb failover, ' +
        'which step promote-target needs: use a plugin that does, or a mode without that step',
    },
  ]);
});

test('refused: the plugin does not work → named; in a disaster the lost side is not asked', (t) => {
  const inventory = inventoryOf(world());
  const capabilities = new Map(contextFor(inventory).capabilities);
  capabilities.delete('ap');
  t.deepEqual(problemsOf(plan(), world(), 'planned', { capabilities }), [
    {
      field: '',
      message: 'plugin "plugin-array" of array "ap" does not work: see why in the list of plugins',
    },
  ]);
  t.deepEqual(problemsOf(plan(), world(), 'disaster', { capabilities }), []);
});

test('warned: the plugin lacks a verb of an undo → the run is possible', (t) => {
  const inventory = inventoryOf(world());
  const capabilities = new Map(contextFor(inventory).capabilities);
  const offered = capabilities.get('ap') ?? [];
  capabilities.set(
    'ap',
    offered.filter(({ verb }) => verb !== 'restoreReplication'),
  );
  const result = freeze(plan(), inventory, 'planned', contextFor(inventory, { capabilities }));
  t.true('frozen' in result);
  t.regex(result.warnings[0]?.message ?? '', /restoreReplication: step demote-source may need it/);
});

test('refused: RERUN of a verb that can be neither settled nor repeated', (t) => {
  const inventory = inventoryOf(world());
  const capabilities = new Map(contextFor(inventory).capabilities);
  const offered = capabilities.get('ar') ?? [];
  capabilities.set(
    'ar',
    offered.map((each) => ({ ...each, settles: false, repeatable: each.verb !== 'failover' })),
  );
  const again = rerun({ attemptsMax: 2, delayMsMin: 1, delayMsMax: 2 });
  const policies = { 'promote-target': { rules: [{ do: again }], otherwise: stop() } };
  t.deepEqual(problemsOf(plan({ policies }), world(), 'planned', { capabilities }), [
    {
      field: 'policies.promote-target.rules[0].do',
      message:
        'step promote-target cannot be run again: failover can neither be settled nor repeated ' +
        'there; use stop, continue or rollback',
    },
  ]);
  const result = freeze(plan(), inventory, 'planned', contextFor(inventory, { capabilities }));
  if ('problems' in result) return t.fail(JSON.stringify(result.problems));
  const step = result.frozen.steps.find(({ name }) => name === 'promote-target');
  t.deepEqual(
    step?.policy.rules.map((rule) => rule.do.action),
    ['rollback'],
  );
  t.regex(result.warnings[0]?.message ?? '', /promote-target will not be tried again by itself/);
});

test('refused: run overrides are checked like the plan’s own policies', (t) => {
  const policies = { 'power-on': { rules: [], otherwise: rollback('run') } };
  t.deepEqual(problemsOf(plan(), world(), 'planned', { policies }), [
    {
      field: 'policies.power-on.otherwise',
      message:
        'step power-on is the point of no return: nothing can be rolled back there; ' +
        'use stop, continue or rerun (the way back is a reprotect and a planned run)',
    },
  ]);
});

test('refused: thousands of problems → the first ones and their number', (t) => {
  const vms = Array.from({ length: findingsMax + 7 }, (_, i) => vmOf(`ghost-${i}`));
  const problems = problemsOf(planOf([protect(groups, vms)]));
  t.is(problems.length, findingsMax + 1);
  t.is(problems.at(-1)?.message, 'and 7 more problems');
});
