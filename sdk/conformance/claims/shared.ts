/**
 * Claims about a device that the arrays of both sites give access to and that has no peer: what
 * `present: shared-as-stretched` is placed around.
 */
import type { Device } from '../../plugin/index.ts';
import { type ClaimDefinition, looking, touching } from '../claim.ts';
import { claim, show } from '../failure.ts';
import type { Side } from '../fixture.ts';
import { shared, verbs } from '../needs.ts';
import { sides, type World } from '../world.ts';
import { mustWrite } from '../writing.ts';

const write = (world: World, side: Side, expected: 'written' | 'refused', lineage?: string) =>
  mustWrite(world, { group: world.shared, side }, expected, lineage);

/** Hosts of both sites write, whichever of them is the first. */
const serveAll = async (world: World): Promise<void> => {
  for (const side of sides) await write(world, side, 'written');
};

const found = async (world: World, side: Side, id: string): Promise<Device> => {
  const device = (await world.devices(side)).find((one) => one.id === id);
  claim(device !== undefined, `discoverDevices at the ${side} does not name ${id}`);
  return device;
};

const oneId: ClaimDefinition = looking(
  'identity: a shared device → the same id at both sides, without a peer, and one to its hosts',
  [...shared, ...verbs('discoverDevices')],
  async (world) => {
    const { source, target } = world.shared;
    const ids = [source, target].map(({ devices }) => show([...devices].sort()));
    claim(ids[0] === ids[1], `it is ${ids[0]} at the source, and ${ids[1]} at the target`);
    for (const id of source.devices) {
      const [here, there] = [await found(world, 'source', id), await found(world, 'target', id)];
      for (const { peer } of [here, there]) {
        claim(peer === undefined, `${id} is shown with the peer ${show(peer)}`);
      }
      const isOne = here.hostIdentity === there.hostIdentity;
      claim(isOne, `hosts see ${id} as ${here.hostIdentity}, and as ${there.hostIdentity}`);
    }
  },
);

const prefers: ClaimDefinition = touching(
  'shared: the one site preferred, then the other → both serve all along, in one lineage',
  [...shared, ...verbs('setSitePreference'), { hook: 'write' }],
  async (world) => {
    const before = (await world.status('source', world.shared))[0]?.lineage;
    for (const side of ['target', 'source'] as const) {
      const args = { siteId: world.array(side).fixture.siteId };
      await world.array('source').must('setSitePreference', [world.shared.source], { args });
      await serveAll(world);
      const after = (await world.status(side, world.shared))[0]?.lineage;
      claim(after === before, `it was in lineage ${before}, and is in ${after}`);
    }
  },
);

const copies: ClaimDefinition = touching(
  'shared: a test copy at either side → both serve beside it, and nothing is left of it',
  [...shared, ...verbs('testFailoverStart', 'testFailoverStop'), { hook: 'write' }],
  async (world) => {
    for (const side of sides) {
      const before = show(await world.status(side, world.shared));
      await world.array(side).must('testFailoverStart', [world.shared[side]]);
      await serveAll(world);
      await world.array(side).must('testFailoverStop', [world.shared[side]]);
      const after = show(await world.status(side, world.shared));
      claim(after === before, `it was ${before} at the ${side}, and is ${after}`);
    }
  },
);

const turns: ClaimDefinition = touching(
  'shared: a failover and a reverse, there and back → done or refused, and both sides serve',
  [...shared, ...verbs('failover', 'reverse'), { hook: 'write' }],
  async (world) => {
    for (const side of ['target', 'source'] as const) {
      const targets = [world.shared[side]];
      const calls = [
        ['failover', { force: false }],
        ['reverse', {}],
      ] as const;
      for (const [verb, args] of calls) {
        const [ended] = await world.array(side).call(verb, targets, { args });
        const kind = ended?.fault?.kind ?? 'refused';
        claim(kind === 'refused', `${verb} at the ${side} failed with ${show(ended?.fault)}`);
        await serveAll(world);
      }
    }
  },
);

const fences: ClaimDefinition = touching(
  'fencing: one side of a shared device → the other takes no writers until it is taken back',
  [...shared, ...verbs('fence', 'resync'), { hook: 'write' }],
  async (world) => {
    const before = (await world.status('target', world.shared))[0]?.lineage;
    await world.array('target').must('fence', [world.shared.target]);
    await write(world, 'source', 'refused');
    await write(world, 'target', 'refused', before);
    await write(world, 'target', 'written');
    const args = { changes: 'discard' };
    await world.array('target').must('resync', [world.shared.target], { args });
    await write(world, 'source', 'refused', before);
    await serveAll(world);
  },
);

export const sharedClaims: readonly ClaimDefinition[] = [oneId, prefers, copies, turns, fences];
