/** Claims about declared properties: fences, atomic groups, recovery points, update modes. */
import type { Device, RecoveryPoint } from '../../plugin/index.ts';
import { type ClaimDefinition, looking, touching } from '../claim.ts';
import { mustFault, unknownId } from '../expect.ts';
import { claim, show } from '../failure.ts';
import type { Side } from '../fixture.ts';
import { pageItemsMax } from '../limits.ts';
import { storage, verbs } from '../needs.ts';
import { freshKey } from '../remote.ts';
import { sides, type World } from '../world.ts';

/** Two members drive one run: the licence of the first has run out. */
const fencesEpochs: ClaimDefinition = touching(
  'fences: a call under an older epoch → fenced, nothing done',
  [...storage, { property: 'fences' }, ...verbs('prepareFailover', 'restoreReplication')],
  async (world) => {
    await world.bare();
    const [run] = freshKey('').split('/');
    const remote = world.array('source');
    const targets = [world.group.source];
    await remote.must('prepareFailover', targets, {
      key: `${run}/demote/run/1`,
      epoch: Date.now(),
    });
    const roles = await world.status('source', world.group);
    const to = Object.fromEntries(world.group.source.devices.map((id) => [id, 'outgoing']));
    const [ended] = await remote.call('restoreReplication', targets, {
      key: `${run}/demote/undo/1`,
      epoch: 1,
      args: { to },
    });
    mustFault('restoreReplication under an older epoch', ended, ['fenced']);
    const after = await world.status('source', world.group);
    claim(show(after) === show(roles), `fenced, but the roles became ${show(after)}`);
  },
);

const write = async (
  world: World,
  side: Side,
  lineage: string | undefined,
  expected: 'written' | 'refused',
): Promise<void> => {
  const device = world.group[side].devices[0] as string;
  const found = await world.fixture.hooks?.write?.(world.array(side).fixture.id, device, lineage);
  const under = lineage === undefined ? '' : ` under lineage ${lineage}`;
  claim(found === expected, `a write to ${device} at the ${side}${under} was ${found}`);
};

const fencesWriters: ClaimDefinition = touching(
  'fences: a writer of the lineage before a forced promote → refused, a new one accepted',
  [...storage, { property: 'fences' }, { hook: 'write' }, ...verbs('failover')],
  async (world) => {
    await world.bare();
    const lineageOf = async (side: Side) => (await world.status(side, world.group))[0]?.lineage;
    const before = await lineageOf('source');
    claim(before !== undefined, 'deviceStatus names no lineage, which a plugin that fences does');
    await world.forceOver([world.group]);
    const after = await lineageOf('target');
    claim(after !== undefined && after !== before, `a forced promote left lineage ${after}`);
    await write(world, 'target', before, 'refused');
    await write(world, 'target', after, 'written');
  },
);

const passiveRefuses: ClaimDefinition = touching(
  'writers: refused at the passive side, at both while none is promoted, then at the old source',
  [...storage, { hook: 'write' }, ...verbs('prepareFailover', 'failover')],
  async (world) => {
    await world.bare();
    await write(world, 'source', undefined, 'written');
    await write(world, 'target', undefined, 'refused');
    await world.demote([world.group]);
    for (const side of sides) await write(world, side, undefined, 'refused');
    const args = { force: false };
    await world.array('target').must('failover', [world.group.target], { args });
    await write(world, 'source', undefined, 'refused');
    await write(world, 'target', undefined, 'written');
  },
);

/** The last member of a group cannot do it: none may have done it. */
const atomic = (verb: 'prepareFailover' | 'failover', side: Side): ClaimDefinition =>
  touching(
    `atomic groups: ${verb} with one bad device → a fault of the group, no device changed`,
    [...storage, { property: 'atomicGroups' }, { fixture: 'large group' }, ...verbs(verb)],
    async (world) => {
      await world.bare();
      const group = world.groups.find(({ target }) => target.devices.length > 1) ?? world.group;
      const { id, devices } = group[side];
      const broken = { id, devices: [...devices, unknownId] };
      const args = verb === 'failover' ? { force: true } : {};
      const [ended] = await world.array(side).call(verb, [broken], { args });
      const { fault } = ended ?? {};
      claim(fault !== undefined, `${verb} of ${id} with the unknown device ${unknownId} succeeded`);
      const named = fault.members === undefined || fault.members.includes(unknownId);
      claim(named, `${verb} of ${id}: the fault names ${show(fault.members)}, not ${unknownId}`);
      await world.checkStart();
    },
  );

const newest = (points: readonly RecoveryPoint[]): number =>
  Math.max(0, ...points.map(({ atMs }) => atMs));

const keepsPoints: ClaimDefinition = touching(
  'recovery points: sync → a newer one at the target, each with its own id',
  [...storage, { property: 'keepsRecoveryPoints' }, ...verbs('sync', 'recoveryPoints')],
  async (world) => {
    await world.bare();
    const before = await world.recoveryPoints('target', world.group);
    const [ended] = await world.array('source').must('sync', [world.group.source]);
    const after = await world.recoveryPoints('target', world.group);
    const ids = new Set(after.map(({ id }) => id));
    claim(after.length > 0, 'no recovery point at the target after a sync');
    claim(ids.size === after.length, `recovery points share an id: ${show(after)}`);
    claim(newest(after) >= newest(before), 'the newest recovery point is older than before');
    const { recoveryPoint, recoveryPointAtMs } = ended?.evidence ?? {};
    const kept = recoveryPoint === undefined || ids.has(String(recoveryPoint));
    const passed = newest(after) > Number(recoveryPointAtMs);
    claim(
      kept || passed,
      `sync said recovery point ${recoveryPoint}, and the target lists ${show(after)}`,
    );
  },
);

const forcedOntoPoint: ClaimDefinition = touching(
  'recovery points: forced promote → says which one it stands on, and it is listed',
  [...storage, { property: 'keepsRecoveryPoints' }, ...verbs('failover', 'recoveryPoints', 'sync')],
  async (world) => {
    await world.bare();
    await world.array('source').must('sync', [world.group.source]);
    const before = await world.recoveryPoints('target', world.group);
    const args = { force: true };
    const [ended] = await world.array('target').must('failover', [world.group.target], { args });
    // A synchronous pair moves on between the question and the promote.
    const listed = [...before, ...(await world.recoveryPoints('target', world.group))];
    const { recoveryPoint, recoveryPointAtMs } = ended?.evidence ?? {};
    const known = listed.find(({ id }) => id === recoveryPoint);
    claim(known, `failover stands on ${show(recoveryPoint)}, not on one of ${show(listed)}`);
    claim(
      known.atMs === recoveryPointAtMs,
      `failover says ${recoveryPoint} is as of ${recoveryPointAtMs}, not ${known.atMs} as listed`,
    );
  },
);

const modes: ClaimDefinition = looking(
  'update modes: every device → one of those declared',
  [...storage, { property: 'updateModes' }, ...verbs('discoverDevices')],
  async (world) => {
    const declared = world.definition.properties?.updateModes ?? [];
    for (const side of sides) {
      const found = await world.array(side).all<Device>('discoverDevices', pageItemsMax);
      for (const { id, updateMode } of found) {
        const known = updateMode === undefined || declared.includes(updateMode);
        claim(known, `${id} is updated ${updateMode}, declared are ${show(declared)}`);
      }
    }
  },
);

export const propertyClaims: readonly ClaimDefinition[] = [
  fencesEpochs,
  fencesWriters,
  passiveRefuses,
  atomic('prepareFailover', 'source'),
  atomic('failover', 'target'),
  keepsPoints,
  forcedOntoPoint,
  modes,
];
