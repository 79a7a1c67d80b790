import test from 'ava';
import { checkPlan } from '../../daemon/planner/check-plan.ts';
import { planOf, protect, sketch, vmOf } from '../_support/inventory.ts';
import { group0, groups, oneGroup, plan, problemsOf, world } from '../_support/refusals.ts';

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

test('refused: a circle through a VM that is named twice, another through unknown ones → all told', (t) => {
  const circle = [vmOf('web', 3, ['mail']), vmOf('mail', 3, ['web']), vmOf('web')];
  const ghosts = [vmOf('ghost', 3, ['spook']), vmOf('spook', 3, ['ghost'])];
  const bad = planOf([protect(groups, [...circle, ...ghosts])]);
  t.deepEqual(
    problemsOf(bad).map(({ field, message }) => `${field}: ${message.split(/:|;/)[0]}`),
    [
      'protectionGroups[0].vms[2].id: VM "web" is twice in protection group "pg"',
      'protectionGroups[0].vms[0].dependsOn: VMs wait for each other in a circle',
      'protectionGroups[0].vms[3].dependsOn: VMs wait for each other in a circle',
      'protectionGroups[0].vms[3].id: no compute of the plan\'s sites knows VM "ghost"',
      'protectionGroups[0].vms[4].id: no compute of the plan\'s sites knows VM "spook"',
    ],
  );
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

test('refused: a VM without any datastore → said so', (t) => {
  const of = world();
  const [web] = of.cp.vms;
  if (web === undefined) return t.fail();
  of.cp.vms[0] = { ...web, datastoreIds: [] };
  t.is(
    problemsOf(planOf([protect(groups, [vmOf('web')])]), of)[0]?.message,
    'VM "web" stands on no datastore: list the VMs again, or take it out of the plan',
  );
});

test('plan: a circle, and a VM that waits for a stranger → told without any inventory', (t) => {
  const vms = [vmOf('a', 3, ['b', 'ghost']), vmOf('b', 3, ['a'])];
  const messages = checkPlan(planOf([protect(groups, vms)])).map(({ message }) => message);
  t.regex(
    messages.join('\n'),
    /^VM "a" waits for "ghost".*\nVMs wait .* in a circle: a -> b -> a;/,
  );
  // Whether a group that takes every VM has the stranger, only its arrays and computes can say.
  const open = planOf([protect(groups, vms), protect(groups)]);
  t.false(checkPlan(open).some(({ message }) => message.includes('ghost')));
});
