/**
 * Claims about what a repair reads: somebody has moved roles by hand, and what both arrays tell is
 * all there is to find out how things stand. A session that saw none of it has to tell the same.
 */
import type { DeviceStatus } from '../../plugin/index.ts';
import { type ClaimDefinition, touching } from '../claim.ts';
import { claim, show } from '../failure.ts';
import type { GroupFixture, Side } from '../fixture.ts';
import { storage, stretched, verbs } from '../needs.ts';
import type { World } from '../world.ts';

type Told = Partial<Pick<DeviceStatus, 'access' | 'direction'>>;

const mustTell = async (
  world: World,
  group: GroupFixture,
  expected: Readonly<Record<Side, Told>>,
): Promise<void> => {
  await world.forgetSessions();
  for (const [side, told] of Object.entries(expected) as [Side, Told][]) {
    const devices = await world.status(side, group);
    const isTold = devices.every(
      ({ access, direction }) =>
        access === (told.access ?? access) && direction === (told.direction ?? direction),
    );
    claim(isTold, `${group[side].id} at the ${side} is ${show(devices)}, not ${show(told)}`);
  }
};

const over: ClaimDefinition = touching(
  'repair: failed over in peace by somebody else → the target alone tells that it takes writers',
  [...storage, ...verbs('prepareFailover', 'failover')],
  async (world) => {
    await world.bare();
    await world.failOver([world.group]);
    await mustTell(world, world.group, {
      source: { access: 'read-only' },
      target: { access: 'read-write', direction: 'none' },
    });
  },
);

const turned: ClaimDefinition = touching(
  'repair: failed over and turned round by somebody else → both ends tell the new direction',
  [...storage, ...verbs('prepareFailover', 'failover', 'reverse')],
  async (world) => {
    await world.bare();
    await world.failOver([world.group]);
    await world.array('target').must('reverse', [world.group.target]);
    await mustTell(world, world.group, {
      source: { access: 'read-only', direction: 'incoming' },
      target: { access: 'read-write', direction: 'outgoing' },
    });
  },
);

const both: ClaimDefinition = touching(
  'repair: promoted by force beside its source → which of them was promoted last is told',
  [...storage, ...verbs('failover')],
  async (world) => {
    await world.bare();
    await world.forceOver([world.group]);
    await mustTell(world, world.group, {
      source: { direction: 'outgoing' },
      target: { access: 'read-write', direction: 'none' },
    });
  },
);

const cutOff: ClaimDefinition = touching(
  'repair: a stretched group of which one side was fenced → which of them goes on is told',
  [...stretched, ...verbs('fence', 'resync')],
  async (world) => {
    const { group } = world.stretched;
    await world.bare();
    await world.array('target').must('fence', [group.target]);
    await mustTell(world, group, {
      source: { access: 'read-only', direction: 'incoming' },
      target: { access: 'read-write', direction: 'outgoing' },
    });
  },
);

export const repairClaims: readonly ClaimDefinition[] = [over, turned, both, cutOff];
