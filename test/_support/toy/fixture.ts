/** The toy's world as a conformance fixture. */
import { randomUUID } from 'node:crypto';
import type { Fixture } from '@siteswap/sdk/conformance';
import { type Defect, toyPlugin } from './plugin.ts';
import { datastoreOf, groups, type Side, storeOf, vmOn } from './store.ts';

export const toyFixture = (...broken: readonly Defect[]): Fixture => {
  const store = randomUUID();
  const world = storeOf(store);
  const remote = (side: Side) => ({
    id: side,
    siteId: `site-${side}`,
    config: { store, side, token: 'right' },
  });
  const remotes = { source: remote('source'), target: remote('target') };
  return {
    plugin: toyPlugin(...broken),
    arrays: remotes,
    computes: remotes,
    groups: Object.entries(groups).map(([id, devices]) => ({
      source: { id, devices },
      target: { id, devices },
    })),
    datastores: Object.entries(datastoreOf).map(([id, deviceId]) => ({
      id,
      devices: {
        source: [{ arrayId: 'source', deviceId }],
        target: [{ arrayId: 'target', deviceId }],
      },
    })),
    vms: Object.entries(vmOn).map(([id, datastoreId]) => ({ id, datastoreIds: [datastoreId] })),
    accepts: ['reverse'],
    bounds: { cancelMsMax: 1_000, pollDelayMs: 1, operationMsMax: 1_000 },
    hooks: {
      slow: async (id, delayMs) => {
        world.side(id as Side).delayMs = delayMs;
      },
      unreachable: async (id, cut) => {
        world.side(id as Side).cut = cut;
      },
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
