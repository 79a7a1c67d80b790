import test from 'ava';
import type { Mode } from '../../daemon/core/plan.ts';
import { freeze } from '../../daemon/planner/freeze.ts';
import { contextFor, inventoryOf, turned } from '../_support/inventory.ts';
import {
  group0,
  group1,
  obstaclesOf,
  oneGroup,
  plan,
  problemsOf,
  withDevice,
  world,
} from '../_support/refusals.ts';

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
        "exchange the plan's sites in its file; if the plan is stored, run reprotect " +
        `if it was failed over, or, if no run turned them: siteswap repair ${plan().id}`,
    );
  }
});

test('refused: planned over a pair without direction → the way on named', (t) => {
  const of = withDevice('b-d0p', { direction: 'none' });
  withDevice('b-d0r', { direction: 'none' }, of);
  t.is(
    obstaclesOf(of)[0]?.message,
    'device "b-d0p" of array "ap" is not being replicated now: ' +
      'after a failover run reprotect first, otherwise resume its replication',
  );
});

test('refused: reprotect of a plan that was not failed over → the mode to run first', (t) => {
  t.deepEqual(obstaclesOf(world(), 'reprotect')[1], {
    field: group1,
    message:
      'device "b-d0r" of array "ar" is still the target of its pair: ' +
      'run planned or disaster before reprotect, or take its group out of the plan',
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

test('warned: planned over a group that an earlier run promoted → the device named', (t) => {
  const of = withDevice('b-d0r', { access: 'read-write' });
  const inventory = inventoryOf(of);
  const result = freeze(plan(), inventory, 'planned', contextFor(inventory));
  t.true('frozen' in result);
  t.deepEqual(result.warnings, [
    {
      field: group1,
      message:
        'device "b-d0r" of array "ar" accepts writers already: an earlier run promoted it, ' +
        'this one goes on from there; restore its replication first if that was not meant to last',
    },
  ]);
});

test('test of a group that an earlier run promoted → refused, for there is no copy of it', (t) => {
  const inventory = inventoryOf(withDevice('b-d0r', { access: 'read-write' }));
  const { obstacles } = freeze(plan(), inventory, 'test', contextFor(inventory));
  t.deepEqual(
    obstacles.map(({ field }) => field),
    [group1],
  );
  t.regex(obstacles[0]?.message ?? '', /"b-d0r".*accepts writers already.*no copy to test/);
});
