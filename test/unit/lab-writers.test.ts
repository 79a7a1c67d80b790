/** Whatever is called in whatever order, the lab never has two writers of one lineage. */

import type { Direction, TargetVerb } from '@siteswap/sdk/plugin';
import test from 'ava';
import fc from 'fast-check';
import { datastore, device, group, makeLab, type TestLab, vm } from '../_support/lab.ts';

type Move = (lab: TestLab) => Promise<unknown>;

const side = fc.constantFrom('a' as const, 'b' as const);
const instance = fc.constantFrom('production' as const, 'test' as const);

const onGroup = (verb: TargetVerb, args: object = {}) =>
  side.map((at): [string, Move] => [
    `${verb} ${JSON.stringify(args)} at ${at}`,
    (lab) => lab.verb(`lab-${at}`, verb, [group()], { args }),
  ]);

const onVm = (verb: TargetVerb) =>
  fc
    .tuple(side, instance)
    .map(([at, kind]): [string, Move] => [
      `${verb} ${kind} at ${at}`,
      (lab) => lab.verb(`lab-compute-${at}`, verb, [vm(1, kind), vm(2, kind)]),
    ]);

const onDatastore = (verb: TargetVerb) =>
  fc
    .tuple(side, instance)
    .map(([at, kind]): [string, Move] => [
      `${verb} ${kind} at ${at}`,
      (lab) => lab.verb(`lab-compute-${at}`, verb, [datastore(1, kind)]),
    ]);

/** What it takes to have a writer at a side: moves that seldom come in a row by chance. */
const start = side.map((at): [string, Move] => [
  `start production at ${at}`,
  async ({ verb }) => {
    await verb(`lab-compute-${at}`, 'mount', [datastore()]);
    await verb(`lab-compute-${at}`, 'register', [vm(1), vm(2)]);
    await verb(`lab-compute-${at}`, 'powerOn', [vm(1), vm(2)]);
  },
]);

const change = side.map((at): [string, Move] => [
  `planned change of roles from ${at}`,
  async ({ verb }) => {
    await verb(`lab-compute-${at}`, 'powerOff', [vm(1), vm(2)]);
    await verb(`lab-${at}`, 'sync', [group()]);
    await verb(`lab-${at}`, 'prepareFailover', [group()]);
    await verb(`lab-${at === 'a' ? 'b' : 'a'}`, 'failover', [group()], { args: { force: false } });
  },
]);

const restore = fc
  .tuple(side, fc.constantFrom<Direction>('outgoing', 'incoming'))
  .map(([at, to]): [string, Move] => [
    `restore ${to} at ${at}`,
    (lab) =>
      lab.verb(`lab-${at}`, 'restoreReplication', [group()], {
        args: { to: { [device(at)]: to } },
      }),
  ]);

const breaking = fc
  .tuple(side, fc.constantFrom('crash' as const, 'keep' as const, 'return' as const))
  .map(([at, how]): [string, Move] => [
    `site ${at}: ${how}`,
    (lab) =>
      how === 'return'
        ? lab.control.returnSite(`site-${at}`)
        : lab.control.loseSite(`site-${at}`, { vms: how }),
  ]);

const late = fc
  .constantFrom<TargetVerb>('powerOn', 'failover', 'prepareFailover', 'restoreReplication', 'mount')
  .map((verb): [string, Move] => [
    `next ${verb} lands late`,
    (lab) => lab.control.failNext({ verb, kind: 'timeout', effect: 'late', lateMs: 700 }),
  ]);

const move = fc.oneof(
  onGroup('sync'),
  onGroup('prepareFailover'),
  onGroup('failover', { force: false }),
  onGroup('failover', { force: true }),
  onGroup('fence'),
  onGroup('reverse'),
  onGroup('resync', { changes: 'keep' }),
  onGroup('resync', { changes: 'discard' }),
  onGroup('suspendReplication'),
  onGroup('resumeReplication'),
  onGroup('testFailoverStart'),
  onGroup('testFailoverStop'),
  onVm('register'),
  onVm('unregister'),
  onVm('powerOn'),
  onVm('powerOff'),
  onVm('powerOff'),
  onDatastore('mount'),
  onDatastore('unmount'),
  breaking,
  late,
  // Chance alone seldom brings a writer to both sides: these come more often than the rest.
  { weight: 6, arbitrary: start },
  { weight: 4, arbitrary: change },
  { weight: 4, arbitrary: restore },
);

const settings = fc.record({
  mode: fc.constantFrom('synchronous' as const, 'asynchronous' as const),
  lagMs: fc.constantFrom(0, 1_500),
  operationMs: fc.constantFrom(
    { sync: 0, reverse: 0, resync: 0 },
    { sync: 900, reverse: 900, resync: 900 },
  ),
});

test('any calls, losses and late effects in any order: every invariant holds', async (t) => {
  let promoted = 0;
  const holds = fc.asyncProperty(
    settings,
    fc.array(move, { minLength: 20, maxLength: 80 }),
    async (options, moves) => {
      const lab = makeLab({ ...options, vmsPerGroup: 2 });
      for (const [name, make] of moves) {
        // An unreachable remote throws: that is an answer too.
        await make(lab).catch(() => undefined);
        await lab.time.advance(300);
        const violations = await lab.control.verify();
        if (violations.length > 0) throw new Error(`${name}: ${JSON.stringify(violations)}`);
      }
      promoted += (await lab.control.effects('failover')).length;
    },
  );
  await fc.assert(holds, { numRuns: 500, seed: 20_260_101 });
  t.true(promoted > 50, `the moves promoted ${promoted} times: too few to prove anything`);
});
