/** The state of a world as plain data, for comparing a before with an after. */
import { type Access, FaultError, type Instance, type PairState } from '@siteswap/sdk/plugin';
import {
  heartbeatAt,
  type LabCompute,
  type LabDevice,
  type LabStorage,
  lineageOf,
  type Role,
  type World,
} from './model.ts';
import { no } from './outcome.ts';
import { accessOf, contentOf, lastPointOf, pairStateOf } from './replication.ts';

export interface DeviceView {
  readonly role: Role;
  readonly access: Access;
  readonly pairState: PairState;
  readonly lineage: string;
  readonly testCopy: boolean;
  /** Of a stretched device. */
  readonly preferredSiteId?: string;
}

/** Roles, exports, registrations and power states; nothing that only passes with time. */
export interface Snapshot {
  /** Array → device. */
  readonly devices: Readonly<Record<string, Readonly<Record<string, DeviceView>>>>;
  /** Compute → `instance id` of every mounted datastore, sorted. */
  readonly mounted: Readonly<Record<string, readonly string[]>>;
  /** Compute → `instance id` of every registered VM → its power. */
  readonly vms: Readonly<Record<string, Readonly<Record<string, 'on' | 'off'>>>>;
}

/** What a device holds; of a replica, what its recovery point holds. */
export interface Contents {
  readonly atMs: number;
  /** VM → sequence number of its last heartbeat there. */
  readonly heartbeats: Readonly<Record<string, number>>;
  /** Path → content. */
  readonly files: Readonly<Record<string, string>>;
}

const deviceView = (device: LabDevice): DeviceView => ({
  role: device.role,
  access: accessOf(device),
  pairState: pairStateOf(device),
  lineage: lineageOf(device),
  testCopy: device.copy !== undefined,
  ...(device.preferredSiteId === undefined ? {} : { preferredSiteId: device.preferredSiteId }),
});

const record = <T, V>(
  list: Iterable<T>,
  name: (one: T) => string,
  value: (one: T) => V,
): Record<string, V> => Object.fromEntries([...list].map((one) => [name(one), value(one)]));

const mountedAt = (compute: LabCompute): readonly string[] =>
  compute.datastoreOrder
    .filter((datastore) => datastore.mounted)
    .map((datastore) => `${datastore.instance} ${datastore.id}`)
    .sort();

const idOf = (one: { readonly id: string }): string => one.id;

export const snapshotOf = (world: World): Snapshot => ({
  devices: record(world.storages.values(), idOf, (storage: LabStorage) =>
    record(storage.order, idOf, deviceView),
  ),
  mounted: record(world.computes.values(), idOf, mountedAt),
  vms: record(world.computes.values(), idOf, (compute: LabCompute) =>
    record(
      compute.vmOrder.filter((vm) => vm.registered),
      (vm) => `${vm.instance} ${vm.image.id}`,
      (vm) => (vm.on ? 'on' : 'off'),
    ),
  ),
});

const momentOf = (device: LabDevice, now: number, snapshotId: string | undefined): number => {
  const point =
    snapshotId === undefined
      ? device.role === 'replica' && lastPointOf(device, now)
      : device.points.find(({ id }) => id === snapshotId);
  return point ? point.atMs : now;
};

export const contentsOf = (
  world: World,
  device: LabDevice,
  now: number,
  snapshotId?: string,
): Contents => {
  const kept = device.snapshots.get(snapshotId ?? '');
  if (snapshotId !== undefined && kept === undefined) {
    throw new FaultError(no('missing', 'UNKNOWN_SNAPSHOT', `${device.id} has no ${snapshotId}`));
  }
  const medium = kept ?? contentOf(world, device, now);
  const { heartbeatMs } = world.spec;
  return {
    atMs: momentOf(device, now, snapshotId),
    heartbeats: record(
      medium.boots,
      ([vmId]) => vmId,
      ([, boot]) => heartbeatAt(boot, now, heartbeatMs),
    ),
    files: record(
      medium.files,
      (file) => file.path,
      (file) => file.content,
    ),
  };
};

/** One running of a VM, as the world knows it. */
export interface Running {
  readonly computeId: string;
  readonly instance: Instance;
  readonly bootId: string;
  readonly lineage: number;
  /** False: it is on, and what it writes is refused. */
  readonly writes: boolean;
  /** Sequence number of its last acknowledged heartbeat. */
  readonly heartbeat: number;
  /** Time from one heartbeat to the next: longer where each crosses to the other site. */
  readonly everyMs: number;
}

/** Every compute at which a VM is on; more than one only in lineages of their own. */
export const runsOf = (world: World, vmId: string, now: number): readonly Running[] => {
  const { heartbeatMs } = world.spec;
  const found: Running[] = [];
  for (const { id: computeId, vms } of world.computes.values()) {
    for (const instance of ['production', 'test'] as const) {
      const { on = false, boot } = vms[instance].get(vmId) ?? {};
      if (!on || boot === undefined) continue;
      found.push({
        computeId,
        instance,
        bootId: boot.id,
        lineage: boot.lineage,
        writes: boot.offAt > now,
        heartbeat: heartbeatAt(boot, now, heartbeatMs),
        everyMs: boot.pace?.everyMs ?? heartbeatMs,
      });
    }
  }
  return found;
};
