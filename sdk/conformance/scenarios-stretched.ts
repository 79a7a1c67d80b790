/** Scenarios of the verbs that stretched groups have: preference, fence, live migration. */
import { compute, stretched, verbs } from './needs.ts';
import type { Scenario } from './scenario.ts';
import { sides, type World } from './world.ts';

const bare = (world: World): Promise<void> => world.bare();

const lineage = async (world: World): Promise<string> =>
  (await world.status('target', world.stretched.group))[0]?.lineage ?? 'no lineage';

const vmOf = (world: World, id: string) =>
  world.stretched.vms.find((vm) => vm.id === id) ?? world.vm;

export const stretchedScenarios: readonly Scenario[] = [
  {
    name: 'setSitePreference',
    verb: 'setSitePreference',
    kind: 'array',
    side: 'source',
    effect: 'both sides know the preferred one',
    needs: stretched,
    arrange: bare,
    targets: (world) => [world.stretched.group.source],
    args: (world) => ({ siteId: world.array('target').fixture.siteId }),
    has: async (world) => {
      const wanted = world.array('target').fixture.siteId;
      for (const side of sides) {
        const known = await world.every(
          side,
          world.stretched.group,
          ({ preferredSiteId }) => preferredSiteId === wanted,
        );
        if (!known) return false;
      }
      return true;
    },
  },
  {
    name: 'fence (stretched)',
    verb: 'fence',
    kind: 'array',
    side: 'target',
    effect: 'the other side takes no writers',
    needs: [...stretched, ...verbs('resync')],
    arrange: bare,
    targets: (world) => [world.stretched.group.target],
    has: (world) =>
      world.every('source', world.stretched.group, ({ access }) => access === 'read-only'),
    identity: lineage,
  },
  {
    name: 'migrateLive',
    verb: 'migrateLive',
    kind: 'compute',
    side: 'source',
    effect: 'the VM runs at the other compute',
    needs: [...stretched, ...compute, ...verbs('powerOn')],
    arrange: (world) => world.bring('source', 'running', world.stretched),
    targets: (world) => world.stretched.vms.map((vm) => world.vmTarget(vm)),
    args: (world) => ({ toComputeId: world.compute('target').fixture.id }),
    has: async (world, id) => (await world.vmStatus('target', vmOf(world, id))).power === 'on',
    identity: async (world, id) =>
      (await world.vmStatus('target', vmOf(world, id))).bootId ?? 'no boot id',
  },
];
