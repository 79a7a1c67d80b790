/** Scenarios of the storage verbs. */
import type { Snapshot, TargetVerb } from '../plugin/index.ts';
import { show } from './failure.ts';
import type { GroupFixture, Side } from './fixture.ts';
import { storage, verbs } from './needs.ts';
import type { Scenario } from './scenario.ts';
import type { World } from './world.ts';

type Device = Awaited<ReturnType<World['status']>>[number];

const groupOf = (world: World, side: Side, id: string): GroupFixture => {
  const group = world.groups.find((candidate) => candidate[side].id === id);
  return group ?? world.group;
};

const seen =
  (side: Side, test: (device: Device) => boolean): NonNullable<Scenario['has']> =>
  (world, id) =>
    world.every(side, groupOf(world, side, id), test);

/** Lineages of a group's devices: a second promote would open another. */
const lineages: NonNullable<Scenario['identity']> = async (world, id) =>
  show((await world.status('target', groupOf(world, 'target', id))).map(({ lineage }) => lineage));

const onGroups = (
  verb: TargetVerb,
  side: Side,
  rest: Pick<Scenario, 'effect'> & Partial<Scenario>,
): Scenario => ({
  name: verb,
  verb,
  kind: 'array',
  side,
  arrange: (world) => world.bare(),
  targets: (world) => world.groups.map((group) => group[side]),
  ...rest,
  needs: [...storage, ...(rest.needs ?? [])],
});

/** What the pair is called after a promote differs among arrays; that it takes writers does not. */
const promoted = (device: Device): boolean => device.access === 'read-write';

const isPassive = (device: Device): boolean =>
  device.access === 'read-only' && device.direction === 'incoming';

const rolesOf = (
  world: World,
  side: Side,
  to: 'incoming' | 'outgoing',
): { to: Record<string, string> } => ({
  to: Object.fromEntries(
    world.groups.flatMap((group) => group[side].devices).map((id) => [id, to]),
  ),
});

const moving: readonly Scenario[] = [
  onGroups('sync', 'source', { effect: 'what changed is at the target' }),
  onGroups('prepareFailover', 'source', {
    effect: 'the source refuses writers',
    needs: verbs('restoreReplication'),
    has: seen('source', ({ access }) => access === 'read-only'),
  }),
  onGroups('failover', 'target', {
    name: 'failover (planned)',
    effect: 'the target is writable',
    needs: verbs('prepareFailover', 'restoreReplication'),
    arrange: async (world) => {
      await world.bare();
      await world.demote(world.groups);
    },
    args: () => ({ force: false }),
    has: seen('target', promoted),
    identity: lineages,
  }),
  onGroups('failover', 'target', {
    name: 'failover (forced)',
    effect: 'the target is writable without any word to the source',
    needs: verbs('restoreReplication'),
    arrange: async (world) => {
      await world.bare();
      if (!world.offers('sync')) return;
      await world.array('source').must(
        'sync',
        world.groups.map((group) => group.source),
      );
    },
    args: () => ({ force: true }),
    has: seen('target', promoted),
    identity: lineages,
  }),
  onGroups('reverse', 'target', {
    effect: 'the promoted side is the source of the replication',
    needs: verbs('failover', 'prepareFailover', 'restoreReplication'),
    arrange: async (world) => {
      await world.bare();
      await world.failOver(world.groups);
    },
    has: seen(
      'target',
      ({ direction, access }) => direction === 'outgoing' && access !== 'read-only',
    ),
  }),
];

const restoring: readonly Scenario[] = [
  onGroups('restoreReplication', 'target', {
    name: 'restoreReplication (of a promote)',
    effect: 'the target is passive again',
    needs: verbs('failover', 'prepareFailover'),
    arrange: async (world) => {
      await world.bare();
      await world.failOver(world.groups);
    },
    args: (world) => rolesOf(world, 'target', 'incoming'),
    has: seen('target', isPassive),
  }),
  onGroups('restoreReplication', 'source', {
    name: 'restoreReplication (of a demote)',
    effect: 'the source accepts writers again',
    needs: verbs('prepareFailover'),
    arrange: async (world) => {
      await world.bare();
      await world.demote(world.groups);
    },
    args: (world) => rolesOf(world, 'source', 'outgoing'),
    has: seen(
      'source',
      ({ access, direction }) => access === 'read-write' && direction === 'outgoing',
    ),
  }),
];

const snapshotName = 'conformance';

const removeSnapshots = async (world: World): Promise<void> => {
  const targets = world.groups.map((group) => group.source);
  await world.array('source').must('removeSnapshot', targets, { args: { name: snapshotName } });
};

const hasSnapshot: NonNullable<Scenario['has']> = async (world, id) => {
  const target = groupOf(world, 'source', id).source;
  const listed = await world.array('source').value<readonly Snapshot[]>('listSnapshots', target);
  return listed?.some(({ name }) => name === snapshotName) ?? false;
};

const snapshots: readonly Scenario[] = [
  onGroups('snapshot', 'source', {
    effect: 'a snapshot was taken',
    needs: verbs('listSnapshots', 'removeSnapshot'),
    arrange: async (world) => {
      await world.bare();
      await removeSnapshots(world);
    },
    args: () => ({ name: snapshotName }),
    has: hasSnapshot,
  }),
  onGroups('removeSnapshot', 'source', {
    effect: 'the snapshot is gone',
    needs: verbs('snapshot', 'listSnapshots'),
    arrange: async (world) => {
      await world.bare();
      await removeSnapshots(world);
      const targets = world.groups.map((group) => group.source);
      await world.array('source').must('snapshot', targets, { args: { name: snapshotName } });
    },
    args: () => ({ name: snapshotName }),
    has: async (world, id) => !(await hasSnapshot(world, id)),
  }),
];

const afterDisaster: readonly Scenario[] = [
  onGroups('fence', 'target', {
    effect: 'older writers are cut off',
    needs: verbs('failover', 'restoreReplication'),
    arrange: async (world) => {
      await world.bare();
      await world.forceOver(world.groups);
    },
  }),
];

const besideReplication: readonly Scenario[] = [
  onGroups('testFailoverStart', 'target', {
    effect: 'there is a writable copy while replication goes on',
    needs: verbs('testFailoverStop'),
  }),
  onGroups('testFailoverStop', 'target', {
    effect: 'the copy is gone',
    needs: verbs('testFailoverStart'),
    arrange: async (world) => {
      await world.bare();
      await world.array('target').must(
        'testFailoverStart',
        world.groups.map((group) => group.target),
      );
    },
  }),
  onGroups('suspendReplication', 'source', {
    effect: 'the pair is suspended',
    needs: verbs('resumeReplication'),
    has: seen('source', ({ pairState }) => pairState === 'suspended'),
  }),
  onGroups('resumeReplication', 'source', {
    effect: 'the pair is not suspended any more',
    needs: verbs('suspendReplication'),
    arrange: async (world) => {
      await world.bare();
      await world.array('source').must(
        'suspendReplication',
        world.groups.map((group) => group.source),
      );
    },
    has: seen('source', ({ pairState }) => pairState !== 'suspended'),
  }),
];

export const storageScenarios: readonly Scenario[] = [
  ...moving,
  ...restoring,
  ...snapshots,
  ...afterDisaster,
  ...besideReplication,
];
