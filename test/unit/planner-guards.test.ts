/** What is wrong now, though the plan is sound: the run is refused, and the plan can be stored. */
import test from 'ava';
import type { FrozenRun } from '../../daemon/core/frozen.ts';
import type { LagGuard, Mode } from '../../daemon/core/plan.ts';
import { defaultLag, defaultOptions } from '../../daemon/planner/defaults.ts';
import { type FreezeContext, type Frozen, freeze } from '../../daemon/planner/freeze.ts';
import { freezeDevice } from '../../daemon/planner/freeze-device.ts';
import { type PairState, pairStates } from '../../sdk/plugin/model.ts';
import { contextFor, inventoryOf, type Sketch } from '../_support/inventory.ts';
import { group0, group1, plan, withDevice, world } from '../_support/refusals.ts';

const nowMs = 1_000_000_000;

const found = (
  of: Sketch,
  {
    mode = 'planned',
    lag = defaultLag,
    ...more
  }: Partial<FreezeContext> & {
    mode?: Mode;
    lag?: LagGuard;
  } = {},
): Frozen => {
  const inventory = inventoryOf(of);
  const given = plan({ options: { ...defaultOptions, lag } });
  return freeze(given, inventory, mode, contextFor(inventory, { now: nowMs, ...more }));
};

const frozenOf = (made: Frozen): FrozenRun => {
  if ('problems' in made) throw new Error(JSON.stringify(made.problems));
  return made.frozen;
};

const begun: readonly PairState[] = ['prepared', 'failedover'];
const sound: readonly PairState[] = ['synchronized', 'unsynchronized'];
const point = (ageMs: number) => ({ id: 'p', atMs: nowMs - ageMs, by: 'ar' });
const aged = (ageMs: number, change: object = {}) =>
  withDevice('b-d0r', { rpoMs: 60_000, lastRecoveryPoint: point(ageMs), ...change });

for (const pairState of pairStates) {
  const refused = !sound.includes(pairState) && !begun.includes(pairState);
  const fate = refused ? 'refused' : begun.includes(pairState) ? 'warned of' : 'fit';
  for (const end of ['b-d0p', 'b-d0r']) {
    test(`planned: a pair that is ${pairState}, by the word of ${end} → ${fate}`, (t) => {
      const made = found(withDevice(end, { pairState, lastRecoveryPoint: point(0) }));
      t.true('frozen' in made, 'the plan itself is sound');
      t.is(made.obstacles.length, refused ? 1 : 0);
      t.is(made.warnings.length, begun.includes(pairState) ? 1 : 0);
      const [finding] = [...made.obstacles, ...made.warnings];
      if (finding !== undefined) t.regex(finding.message, new RegExp(`${end}.*${pairState}`));
      if (finding !== undefined) t.is(finding.field, group1);
    });
  }
  test(`disaster: a pair that is ${pairState} → never refused`, (t) => {
    const made = found(withDevice('b-d0r', { pairState }), { mode: 'disaster' });
    t.true('frozen' in made);
    t.deepEqual(made.obstacles, []);
  });
}

test('planned: copied in full never → refused; with beyond: warn → warned of', (t) => {
  const copying = () => withDevice('b-d0r', { pairState: 'unsynchronized' });
  t.regex(found(copying()).obstacles[0]?.message ?? '', /not copied in full yet/);
  const lenient = found(copying(), { lag: { ...defaultLag, beyond: 'warn' } });
  t.deepEqual(lenient.obstacles, []);
  t.regex(lenient.warnings[0]?.message ?? '', /not copied in full yet/);
});

test('planned: a copy of 3 × its RPO is fit, one millisecond more is refused, by either name', (t) => {
  t.deepEqual(found(aged(180_000)).obstacles, []);
  t.deepEqual(found(aged(180_001)).obstacles, [
    {
      field: group1,
      message:
        'the copy of device "b-d0p" of array "ap" is 180 s old, more than 3 times its RPO of ' +
        '60 s: mend its replication, or sync it; options.lag of the plan says how far a pair ' +
        'may lag',
    },
  ]);
  t.deepEqual(found(aged(180_001), { lag: { rpoTimesMax: 4, beyond: 'refuse' } }).obstacles, []);
});

test('planned: beyond the RPO with beyond: warn → warned of; a test is only ever warned', (t) => {
  const lag: LagGuard = { rpoTimesMax: 3, beyond: 'warn' };
  for (const made of [found(aged(999_000), { lag }), found(aged(999_000), { mode: 'test' })]) {
    t.deepEqual(made.obstacles, []);
    t.regex(made.warnings[0]?.message ?? '', /999 s old/);
  }
});

test('planned: the newest word of either end counts; without an RPO nothing is judged', (t) => {
  const newer = withDevice('b-d0p', { lastRecoveryPoint: point(1_000) }, aged(999_000));
  t.deepEqual(found(newer).obstacles, []);
  t.deepEqual(found(aged(999_000, { rpoMs: undefined })).obstacles, []);
});

test('test: a copy that is worthless → refused; a link that is down → the age is warned of', (t) => {
  const at = (pairState: PairState) => found(withDevice('b-d0r', { pairState }), { mode: 'test' });
  t.regex(at('invalid').obstacles[0]?.message ?? '', /cannot be tested/);
  t.deepEqual(at('partitioned').obstacles, []);
  t.regex(at('partitioned').warnings[0]?.message ?? '', /last recovery point/);
});

const openRun = (change: Partial<FrozenRun> = {}) => {
  const frozen = frozenOf(found(world()));
  return [{ runId: 'r-1', frozen: { ...frozen, planId: 'other', ...change } }];
};

test('in use: same mode and direction → warned of at each group, with the run', (t) => {
  const made = found(world(), { openRuns: openRun() });
  t.deepEqual(made.obstacles, []);
  t.deepEqual(
    made.warnings.map(({ field }) => field),
    [group0, group1],
  );
  t.regex(made.warnings[0]?.message ?? '', /run r-1 \(planned, plan "other"\).*same way/);
});

for (const change of [{ mode: 'test' }, { protectedSiteId: 'r', recoverySiteId: 'p' }] as const) {
  test(`in use: ${JSON.stringify(change)} → refused, with the way out`, (t) => {
    const made = found(world(), { openRuns: openRun(change) });
    t.deepEqual(
      made.obstacles.map(({ field }) => field),
      [group0, group1],
    );
    t.regex(
      made.obstacles[0]?.message ?? '',
      /wait until that run has ended; where it waits for a person, siteswap resume r-1/,
    );
  });
}

test("in use: the plan's own run and runs on other devices → nothing", (t) => {
  t.deepEqual(
    found(world(), { openRuns: openRun({ planId: 'plan', mode: 'test' }) }).obstacles,
    [],
  );
  const elsewhere = openRun({ mode: 'test' }).map(({ runId, frozen }) => ({
    runId,
    frozen: {
      ...frozen,
      workgroups: frozen.workgroups.map((group) => ({
        ...group,
        protectedArrayId: 'ax',
        recoveryArrayId: 'ay',
      })),
    },
  }));
  t.deepEqual(found(world(), { openRuns: elsewhere }).obstacles, []);
});

test('device runs: refused on what a plan run has; a sync and a forced promote are not', (t) => {
  const inventory = inventoryOf(world());
  const ask = (verb: string, args: Record<string, unknown> = {}) =>
    freezeDevice(
      { verb, arrayId: 'ar', targets: [{ id: 'b-d0r', deviceIds: [] }], args },
      inventory,
      contextFor(inventory, { openRuns: openRun() }),
    ).obstacles;
  t.regex(ask('failover')[0]?.message ?? '', /"b-d0r" is in the hands of run r-1/);
  t.is(ask('failover')[0]?.field, 'targets[0].id');
  t.deepEqual(ask('sync'), []);
  t.deepEqual(ask('failover', { force: true }), []);
});

test('resync: refused where it would overwrite what VMs run on, however it is named', (t) => {
  const inventory = inventoryOf(world());
  const ask = (arrayId: string, id: string, deviceIds: readonly string[] = []) =>
    freezeDevice(
      { verb: 'resync', arrayId, targets: [{ id, deviceIds }], args: { changes: 'keep' } },
      inventory,
      contextFor(inventory),
    ).obstacles;
  for (const devices of [[], ['b-d0r']]) {
    const [finding] = ask('ar', 'b-d0r', devices);
    t.is(finding?.field, 'targets[0].id');
    t.regex(finding?.message ?? '', /at site "p" on the other end of "b-d0r".* call ap instead/);
  }
  t.deepEqual(ask('ap', 'b-d0p'), [], 'they run on what stays');
});

const splitWorld = withDevice('b-d0r', { access: 'read-write', direction: 'none' });

for (const mode of ['planned', 'reprotect'] as const) {
  test(`${mode}: both sides accept writers → refused, with both ways out`, (t) => {
    const { obstacles } = found(splitWorld, { mode });
    const finding = obstacles.find(({ message }) => /both sides accept writers/.test(message));
    // What destroys nothing comes first.
    const { message = '' } = finding ?? {};
    t.regex(message, /siteswap repair .*; only to give up .*device restore .* --array/);
  });
}

test('reprotect: both sides accept writers, and a person has chosen → not refused for it', (t) => {
  const { obstacles } = found(splitWorld, { mode: 'reprotect', changes: 'keep' });
  t.false(obstacles.some(({ message }) => /both sides accept writers/.test(message)));
});

/** Group b's source, closed by an earlier run; what is marked as found so. */
const foundClosed = (isMounted: boolean, more: Partial<FreezeContext> = {}): string[] => {
  const of = withDevice('b-d0p', { access: 'read-only', pairState: 'prepared' });
  of.cp.datastores = of.cp.datastores.map((each) => ({ ...each, mounted: isMounted }));
  const { workgroups } = frozenOf(found(of, more));
  const items = workgroups.flatMap((each) => [...each.items]);
  return items.flatMap((item) => ('closedBefore' in item ? [item.id] : []));
};

test('planned: a source found closed and off its hosts → marked, for a rollback to leave it so', (t) => {
  t.deepEqual(foundClosed(false), ['ap/b-d0p']);
});

test('planned: closed, but mounted still, or another run may give it back → not marked', (t) => {
  t.deepEqual(foundClosed(true), []);
  t.deepEqual(foundClosed(false, { openRuns: openRun() }), []);
});
