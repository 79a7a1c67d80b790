/**
 * Two sites on paper: arrays `ap` and `ar`, computes `cp` and `cr`, groups replicated from site `p`
 * to site `r`, one datastore per group. Tests change one thing in it and see what the planner says.
 */

import type { Inventory, RemoteEvidence } from '../../daemon/core/inventory.ts';
import type { Plan, PlanOptions, PlanVm, ProtectionGroup } from '../../daemon/core/plan.ts';
import { defaultOptions } from '../../daemon/planner/defaults.ts';
import type { FreezeContext } from '../../daemon/planner/freeze.ts';
import type { Datastore, Device, Direction, Vm } from '../../sdk/plugin/model.ts';
import { computeVerbs, storageVerbs } from '../../sdk/plugin/verbs.ts';

export interface GroupSketch {
  readonly id: string;
  /** Number of devices; default 1. */
  readonly devices?: number;
}

export interface VmSketch {
  readonly id: string;
  /** Ids of the groups on whose datastores it stands. */
  readonly on: readonly string[];
}

/** Evidence that a test may change before it is frozen. */
export interface Draft {
  remote: RemoteEvidence['remote'];
  devices: Device[];
  vms: Vm[];
  datastores: Datastore[];
}

const other = { ap: 'ar', ar: 'ap' } as const;

const deviceOf = (group: GroupSketch, n: number, at: 'ap' | 'ar', direction: Direction): Device => {
  const end = at === 'ap' ? 'p' : 'r';
  const far = end === 'p' ? 'r' : 'p';
  return {
    id: `${group.id}-d${n}${end}`,
    name: `${group.id} ${n}`,
    sizeBytes: 1 << 20,
    direction,
    access: direction === 'outgoing' ? 'read-write' : 'read-only',
    pairState: 'synchronized',
    peer: { arrayId: other[at], deviceId: `${group.id}-d${n}${far}` },
    ...((group.devices ?? 1) > 1 ? { groupId: `${group.id}-${end}` } : {}),
  };
};

/** The group's id at one array: a lone device is named by its own id. */
export const groupIdAt = (group: GroupSketch, end: 'p' | 'r'): string =>
  (group.devices ?? 1) > 1 ? `${group.id}-${end}` : `${group.id}-d0${end}`;

/** Its canonical id: the smaller array is `ap`. */
export const canonicalId = (group: GroupSketch): string => `ap/${groupIdAt(group, 'p')}`;

const draft = (id: string, kind: 'array' | 'compute', siteId: string): Draft => ({
  remote: { id, kind, siteId, pluginId: `plugin-${kind}` },
  devices: [],
  vms: [],
  datastores: [],
});

export interface Sketch {
  readonly ap: Draft;
  readonly ar: Draft;
  readonly cp: Draft;
  readonly cr: Draft;
  readonly more: Draft[];
}

export const sketch = (groups: readonly GroupSketch[], vms: readonly VmSketch[]): Sketch => {
  const ap = draft('ap', 'array', 'p');
  const ar = draft('ar', 'array', 'r');
  const cp = draft('cp', 'compute', 'p');
  const cr = draft('cr', 'compute', 'r');
  for (const group of groups) {
    for (let n = 0; n < (group.devices ?? 1); n++) {
      ap.devices.push(deviceOf(group, n, 'ap', 'outgoing'));
      ar.devices.push(deviceOf(group, n, 'ar', 'incoming'));
    }
    const own = ap.devices.slice(-(group.devices ?? 1));
    cp.datastores.push({
      id: `ds-${group.id}`,
      name: `ds-${group.id}`,
      devices: own.map(({ id }) => ({ arrayId: 'ap', deviceId: id })),
      mounted: true,
      instance: 'production',
    });
  }
  for (const { id, on } of vms) {
    const datastoreIds = on.map((group) => `ds-${group}`);
    cp.vms.push({ id, name: id, datastoreIds, power: 'on', instance: 'production' });
  }
  return { ap, ar, cp, cr, more: [] };
};

/** Changes what an array says of the devices of a group. */
export const tell = (end: Draft, groupId: string, change: Partial<Device>): void => {
  const own = (device: Device) => device.id.startsWith(`${groupId}-`);
  end.devices = end.devices.map((device) => (own(device) ? { ...device, ...change } : device));
};

/** The same world with some groups served by both sites, and preferring the protected one. */
export const stretch = (world: Sketch, groupIds: readonly string[]): Sketch => {
  for (const id of groupIds) {
    for (const end of [world.ap, world.ar]) {
      tell(end, id, {
        stretched: true,
        direction: 'stretched',
        access: 'read-write',
        preferredSiteId: 'p',
      });
    }
    const devices = world.ar.devices.filter((device) => device.id.startsWith(`${id}-`));
    world.cr.datastores.push({
      id: `ds-${id}`,
      name: `ds-${id}`,
      devices: devices.map((device) => ({ arrayId: 'ar', deviceId: device.id })),
      mounted: true,
      instance: 'production',
    });
  }
  return world;
};

export const inventoryOf = ({ ap, ar, cp, cr, more }: Sketch): Inventory =>
  new Map(
    [ap, ar, cp, cr, ...more].map((each) => [
      each.remote.id,
      { ...each, observedAtMs: 0, arrays: [] },
    ]),
  );

/** Every verb is offered, settled and repeatable, at every remote named. */
export const contextFor = (
  inventory: Inventory,
  more: Partial<FreezeContext> = {},
): FreezeContext => ({
  capabilities: new Map(
    [...inventory.values()].map(({ remote }) => [
      remote.id,
      (remote.kind === 'array' ? storageVerbs : computeVerbs).map((verb) => ({
        verb,
        settles: true,
        repeatable: true,
      })),
    ]),
  ),
  lostSites: new Set(),
  now: 0,
  ...more,
});

export const vmOf = (id: string, priority = 3, dependsOn: readonly string[] = []): PlanVm => ({
  id,
  priority,
  dependsOn,
});

/** One protection group over all sketched groups, named at the protected array. */
export const protect = (
  groups: readonly GroupSketch[],
  vms?: readonly PlanVm[],
  id = 'pg',
): ProtectionGroup => ({
  id,
  groups: groups.map((group) => ({ arrayId: 'ap', id: groupIdAt(group, 'p') })),
  ...(vms === undefined ? {} : { vms }),
});

export const planOf = (
  protectionGroups: readonly ProtectionGroup[],
  options: Partial<PlanOptions> = {},
): Plan => ({
  id: 'plan',
  name: 'Plan',
  protectedSiteId: 'p',
  recoverySiteId: 'r',
  protectionGroups,
  policies: {},
  options: { ...defaultOptions, ...options },
});

/** The same two sites after a failover and reprotect: data flows the other way. */
export const turned = (world: Sketch): Sketch => {
  const turn = (device: Device): Device => ({
    ...device,
    direction: device.direction === 'outgoing' ? 'incoming' : 'outgoing',
    access: device.direction === 'outgoing' ? 'read-only' : 'read-write',
  });
  return {
    ...world,
    ap: { ...world.ap, devices: world.ap.devices.map(turn) },
    ar: { ...world.ar, devices: world.ar.devices.map(turn) },
  };
};
