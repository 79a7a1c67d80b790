/** Claims about stretched devices: preference, fencing of one side, and what hosts see. */
import type { Device } from '../../plugin/index.ts';
import { type ClaimDefinition, looking, touching } from '../claim.ts';
import { mustFault, unknownId } from '../expect.ts';
import { claim, show } from '../failure.ts';
import type { Side } from '../fixture.ts';
import { pageItemsMax } from '../limits.ts';
import { compute, type Need, storage, stretched, verbs } from '../needs.ts';
import { otherSide, sides, type World } from '../world.ts';
import { mustWrite } from '../writing.ts';

const deviceOf = (devices: readonly Device[], id: string): Device => {
  const found = devices.find((device) => device.id === id);
  claim(found !== undefined, `discoverDevices does not name ${id}`);
  return found;
};

const oneDevice: ClaimDefinition = looking(
  'identity: a stretched device → found at both sides, each the other’s peer, one to its hosts',
  [...stretched, ...verbs('discoverDevices')],
  async (world) => {
    const { group } = world.stretched;
    const found = { source: await world.devices('source'), target: await world.devices('target') };
    for (const side of sides) {
      for (const id of group[side].devices) {
        const device = deviceOf(found[side], id);
        const { peer, direction, hostIdentity } = device;
        claim(
          device.stretched === true && direction === 'stretched',
          `${id} at the ${side} is not shown as stretched: ${show(device)}`,
        );
        const away = otherSide(side);
        const known = peer !== undefined && group[away].devices.includes(peer.deviceId);
        claim(known, `${id} at the ${side} has the peer ${show(peer)}`);
        const other = deviceOf(found[away], peer.deviceId);
        claim(other.peer?.deviceId === id, `the peer of ${id} has the peer ${show(other.peer)}`);
        claim(
          hostIdentity === other.hostIdentity,
          `hosts see ${id} as ${hostIdentity}, and its other end as ${other.hostIdentity}`,
        );
      }
    }
  },
);

const identitiesAt = async (world: World, side: Side) => {
  const found = await world.array(side).all<Device>('discoverDevices', pageItemsMax);
  return found
    .map(({ id, peer, groupId, hostIdentity }) => ({ id, peer, groupId, hostIdentity }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
};

const steadyIdentity: ClaimDefinition = looking(
  'identity: every device → the same id, peer, group and host identity in a new session',
  [...storage, ...verbs('discoverDevices')],
  async (world) => {
    for (const side of sides) {
      const first = show(await identitiesAt(world, side));
      await world.forgetSessions();
      const again = show(await identitiesAt(world, side));
      claim(first === again, `the devices at the ${side} were ${first}, and then ${again}`);
    }
  },
);

const ownIdentity: ClaimDefinition = looking(
  'identity: two devices of one array → never one to its hosts',
  [...storage, ...verbs('discoverDevices')],
  async (world) => {
    for (const side of sides) {
      const names = (await identitiesAt(world, side)).flatMap((one) => one.hostIdentity ?? []);
      claim(new Set(names).size === names.length, `hosts of the ${side} see ${show(names)}`);
    }
  },
);

const noSuchSite: ClaimDefinition = touching(
  'stretched: a preference for a site where the group does not stand → refused, as before',
  [...stretched, ...verbs('setSitePreference')],
  async (world) => {
    const targets = [world.stretched.group.source];
    const args = { siteId: unknownId };
    const [ended] = await world.array('source').call('setSitePreference', targets, { args });
    mustFault(`a preference for ${unknownId}`, ended, ['refused', 'missing']);
    await world.checkStart();
  },
);

/** The same device at both sides, and what becomes of a write of a host there. */
const write = (world: World, side: Side, expected: 'written' | 'refused', lineage?: string) =>
  mustWrite(world, { group: world.stretched.group, side }, expected, lineage);

const lineageAt = async (world: World, side: Side): Promise<string | undefined> =>
  (await world.status(side, world.stretched.group))[0]?.lineage;

const fence = (world: World) => world.array('target').must('fence', [world.stretched.group.target]);

const fences: ClaimDefinition = touching(
  'fencing: one side of a stretched group → a new lineage, writers of the other side refused',
  [...stretched, ...verbs('fence', 'resync'), { hook: 'write' }],
  async (world) => {
    await world.bare();
    const before = await lineageAt(world, 'target');
    for (const side of sides) await write(world, side, 'written');
    await fence(world);
    const after = await lineageAt(world, 'target');
    claim(after !== undefined && after !== before, `the fence left lineage ${after}`);
    await write(world, 'source', 'refused');
    await write(world, 'source', 'refused', before);
    await write(world, 'target', 'refused', before);
    await write(world, 'target', 'written', after);
  },
);

const fencesAlone: ClaimDefinition = touching(
  'fencing: the other array out of reach → fenced all the same, and it hears of it later',
  [...stretched, ...verbs('fence', 'resync'), { hook: 'unreachable' }],
  async (world) => {
    await world.bare();
    const lost = world.array('source').fixture.id;
    const unreachable = world.fixture.hooks?.unreachable;
    await unreachable?.(lost, true);
    try {
      await fence(world);
    } finally {
      await unreachable?.(lost, false);
    }
    const open = await world.every(
      'source',
      world.stretched.group,
      ({ access }) => access === 'read-write',
    );
    claim(!open, 'the side that was fenced while it was away takes writers again');
  },
);

const startsNoFenced: ClaimDefinition = touching(
  'fencing: a VM of the isolated side → runs at the other one, and is not started again here',
  [...stretched, ...compute, ...verbs('fence', 'resync', 'powerOn')],
  async (world) => {
    const { stretched } = world;
    await world.bring('source', 'running', stretched);
    await fence(world);
    await world.bring('target', 'running', stretched);
    const targets = stretched.vms.map((vm) => world.vmTarget(vm));
    await world.compute('source').call('powerOff', targets);
    for (const target of targets) {
      const [ended] = await world.compute('source').call('powerOn', [target]);
      mustFault(`powerOn of ${target.id} at the fenced side`, ended, ['fenced', 'conflict']);
    }
  },
);

const rejoins: ClaimDefinition = touching(
  'fencing: resync at the side that fenced → stretched again at both, in its lineage alone',
  [...stretched, ...verbs('fence', 'resync'), { hook: 'write' }],
  async (world) => {
    await world.bare();
    const before = await lineageAt(world, 'source');
    await fence(world);
    const after = await lineageAt(world, 'target');
    const args = { changes: 'discard' };
    await world.array('target').must('resync', [world.stretched.group.target], { args });
    for (const side of sides) {
      const lineage = await lineageAt(world, side);
      claim(lineage === after, `the ${side} is in lineage ${lineage}, not in ${after}`);
      await write(world, side, 'refused', before);
      await write(world, side, 'written');
    }
  },
);

const parts: ClaimDefinition = touching(
  'stretched: sites that lose each other → the preferred one serves, the other one does not',
  [...stretched, { hook: 'part' }, { hook: 'write' }],
  async (world) => {
    await world.bare();
    await world.fixture.hooks?.part?.(true);
    await write(world, 'source', 'written');
    await write(world, 'target', 'refused');
    await world.fixture.hooks?.part?.(false);
    for (const side of sides) await write(world, side, 'written');
  },
);

const needs: readonly Need[] = [...stretched, ...compute, ...verbs('migrateLive', 'powerOn')];

const toTarget = (world: World) => ({ toComputeId: world.compute('target').fixture.id });

const sameBoot: ClaimDefinition = touching(
  'live migration: a VM that runs → on at the target alone, in the same boot, with all it wrote',
  needs,
  async (world) => {
    const { stretched } = world;
    await world.bring('source', 'running', stretched);
    for (const vm of stretched.vms) {
      const before = await world.vmStatus('source', vm);
      const args = toTarget(world);
      await world.compute('source').must('migrateLive', [world.vmTarget(vm)], { args });
      const left = await world.vmStatus('source', vm);
      const there = await world.vmStatus('target', vm);
      claim(left.power === 'off', `${vm.id} is still on at the source: ${show(left)}`);
      claim(there.power === 'on', `${vm.id} is not on at the target: ${show(there)}`);
      claim(there.bootId === before.bootId, `${vm.id} was booted anew: ${show(there)}`);
      const all = before.heartbeat === undefined || (there.heartbeat ?? 0) >= before.heartbeat;
      claim(all, `${vm.id} had acknowledged ${before.heartbeat}, and is at ${there.heartbeat}`);
    }
  },
);

const notHere: ClaimDefinition = touching(
  'live migration: of a VM that is there already → success; off → refused, and it stays off',
  [...needs, ...verbs('powerOff')],
  async (world) => {
    const { stretched } = world;
    await world.bring('source', 'running', stretched);
    const [vm = world.vm] = stretched.vms;
    const targets = [world.vmTarget(vm)];
    const args = toTarget(world);
    await world.compute('source').must('migrateLive', targets, { args });
    const { bootId } = await world.vmStatus('target', vm);
    await world.compute('source').must('migrateLive', targets, { args });
    const there = await world.vmStatus('target', vm);
    claim(there.bootId === bootId, `asked again, ${vm.id} was booted anew: ${show(there)}`);
    await world.compute('target').must('powerOff', targets);
    const [ended] = await world.compute('source').call('migrateLive', targets, { args });
    mustFault(`migrateLive of ${vm.id}, which is off`, ended, ['conflict', 'missing']);
    for (const side of sides) {
      const { power } = await world.vmStatus(side, vm);
      claim(power === 'off', `${vm.id} is on at the ${side} after that was refused`);
    }
  },
);

const plainStays: ClaimDefinition = touching(
  'live migration: a VM on a device that is not stretched → refused or conflict, and goes on',
  [...needs, { fixture: 'groups' }],
  async (world) => {
    await world.bring('source', 'running');
    const targets = [world.vmTarget(world.vm)];
    const args = toTarget(world);
    const [ended] = await world.compute('source').call('migrateLive', targets, { args });
    mustFault(`migrateLive of ${world.vm.id}`, ended, ['refused', 'conflict']);
    const { power } = await world.vmStatus('source', world.vm);
    claim(power === 'on', `${world.vm.id} is off after a migration that was refused`);
  },
);

const stateAt = async (world: World, side: Side): Promise<string | undefined> => {
  const [vm] = world.stretched.vms;
  const target = world.vmTarget(vm ?? world.vm);
  return (await world.compute(side).value<{ state: string }>('migrationStatus', target))?.state;
};

const cancels: ClaimDefinition = touching(
  'live migration: cancelled before it began → done; after it went → conflict, and it stays there',
  [...needs, ...verbs('cancelMigration', 'migrationStatus')],
  async (world) => {
    const { stretched } = world;
    await world.bring('source', 'running', stretched);
    const targets = stretched.vms.slice(0, 1).map((vm) => world.vmTarget(vm));
    await world.compute('source').must('cancelMigration', targets);
    await world.compute('source').must('migrateLive', targets, { args: toTarget(world) });
    const [ended] = await world.compute('source').call('cancelMigration', targets);
    mustFault('cancelMigration of a VM that has gone over', ended, ['conflict']);
    for (const side of sides) {
      const state = await stateAt(world, side);
      claim(state === 'completed', `the migration is ${state} at the ${side}, not completed`);
    }
  },
);

interface Told {
  readonly fromComputeId?: string;
  readonly arrival?: {
    readonly startedId?: string;
    readonly placeholder?: { readonly vmId: string; readonly migrationId: string };
    readonly completedId?: string;
    readonly execution: string;
  };
  readonly departure?: string;
}

const tells: ClaimDefinition = touching(
  'live migration: gone over → its destination alone tells all three facts, of one migration',
  [...needs, ...verbs('migrationStatus', 'cancelMigration')],
  async (world) => {
    const { stretched } = world;
    await world.bring('source', 'running', stretched);
    const target = world.vmTarget(stretched.vms[0] ?? world.vm);
    await world.compute('source').must('migrateLive', [target], { args: toTarget(world) });
    const there = await world.compute('target').value<Told>('migrationStatus', target);
    const { startedId, placeholder, completedId, execution } = there?.arrival ?? {};
    const isOne = startedId !== undefined && completedId === startedId;
    claim(isOne, `started and completed are not of one migration: ${show(there)}`);
    const isPlaced = placeholder?.vmId === target.id && placeholder.migrationId === startedId;
    claim(isPlaced, `the placeholder is not of this VM and migration: ${show(there)}`);
    claim(execution === 'running', `it is ${execution} at its destination`);
    const left = await world.compute('source').value<Told>('migrationStatus', target);
    const gone = left?.departure === 'gone' || left?.departure === 'handed-over';
    claim(gone, `its source says that it is ${left?.departure}: ${show(left)}`);
    const [ended] = await world.compute('target').call('cancelMigration', [target]);
    mustFault('cancelMigration at the destination of a VM that runs there', ended, ['conflict']);
    const { power } = await world.vmStatus('target', world.stretched.vms[0] ?? world.vm);
    claim(power === 'on', `${target.id} is off at its destination after that was refused`);
  },
);

export const stretchedClaims: readonly ClaimDefinition[] = [
  oneDevice,
  steadyIdentity,
  ownIdentity,
  noSuchSite,
  parts,
  fences,
  fencesAlone,
  startsNoFenced,
  rejoins,
  sameBoot,
  notHere,
  plainStays,
  cancels,
  tells,
];
