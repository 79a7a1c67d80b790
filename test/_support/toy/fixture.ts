/** The toy's world as a conformance fixture. */
import { randomUUID } from 'node:crypto';
import type { Fixture } from '@siteswap/sdk/conformance';
import type { Defect } from './calls.ts';
import { toyPlugin } from './plugin.ts';
import {
  datastoreOf,
  groups,
  isStretched,
  type Side,
  siteOf,
  storeOf,
  type ToyStore,
  vmOn,
} from './store.ts';

const isPlain = (id: string): boolean => !isStretched(id);

const groupOf = (id: string) => {
  const group = { id, devices: groups[id] ?? [] };
  return { source: group, target: group };
};

const datastoreAt = (id: string) => {
  const at = (arrayId: Side) => [{ arrayId, deviceId: datastoreOf[id] ?? '' }];
  return { id, devices: { source: at('source'), target: at('target') } };
};

const vmAt = (id: string) => ({ id, datastoreIds: [vmOn[id] ?? ''] });

/** The sites lose each other: the end that is not preferred takes no writers. */
const part = (world: ToyStore, parted: boolean, broken: readonly Defect[]): void => {
  if (broken.includes('serves-while-parted')) return;
  const device = world.target.devices.get('s1');
  if (device?.direction === 'stretched') device.access = parted ? 'read-only' : 'read-write';
};

const onShared: readonly Defect[] = ['shares-with-a-peer', 'serves-the-preferred-alone'];

export const toyFixture = (...broken: readonly Defect[]): Fixture => {
  const store = randomUUID();
  const world = storeOf(store);
  const remote = (side: Side) => ({
    id: side,
    siteId: siteOf(side),
    config: { store, side, token: 'right' },
  });
  const remotes = { source: remote('source'), target: remote('target') };
  return {
    plugin: toyPlugin(...broken),
    arrays: remotes,
    computes: remotes,
    groups: Object.keys(groups).filter(isPlain).map(groupOf),
    datastores: Object.keys(datastoreOf).filter(isPlain).map(datastoreAt),
    vms: Object.keys(vmOn).filter(isPlain).map(vmAt),
    stretched: { group: groupOf('g3'), datastores: [datastoreAt('ds3')], vms: [vmAt('vm3')] },
    // A stretched group is none that is shared: only what breaks on one is told that it is.
    ...(broken.some((defect) => onShared.includes(defect)) && { shared: groupOf('g3') }),
    accepts: ['reverse'],
    bounds: { cancelMsMax: 1_000, pollDelayMs: 1, operationMsMax: 1_000 },
    hooks: {
      slow: async (id, delayMs) => {
        world.side(id as Side).delayMs = delayMs;
      },
      unreachable: async (id, cut) => {
        world.side(id as Side).cut = cut;
      },
      part: async (parted) => part(world, parted, broken),
      write: async (id, deviceId, lineage) => {
        const device = world.side(id as Side).devices.get(deviceId);
        const old = lineage !== undefined && lineage !== device?.lineage;
        const takesOld = broken.includes('takes-old-writers');
        if (device?.access !== 'read-write' || (old && !takesOld)) return 'refused';
        device.heartbeat += 1;
        return 'written';
      },
    },
  };
};
