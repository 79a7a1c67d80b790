/** What an array says of its devices when it is only asked. */
import type { DeviceStatus, RecoveryPoint, Snapshot, SyncStatus } from '@siteswap/sdk/plugin';
import type { GroupCall } from './groups.ts';
import { type LabDevice, lineageOf, type World } from './model.ts';
import { progressOf } from './operations.ts';
import { accessOf, directionOf, divergedBytesOf, lastPointOf, pairStateOf } from './replication.ts';

/** While it is being made: of a hundred thousand, each by assignments, which cost the least. */
export type Draft<T> = { -readonly [K in keyof T]: T[K] };

/** What can change about a device, as its array knows it now. */
export const statusOf = (world: World, device: LabDevice, now: number): DeviceStatus => {
  const { link, preferredSiteId } = device;
  const point = link === undefined ? undefined : lastPointOf(device, now);
  const divergedBytes = divergedBytesOf(world, device, now);
  const status: Draft<DeviceStatus> = {
    id: device.id,
    direction: directionOf(device),
    access: accessOf(device),
    pairState: pairStateOf(device),
    lineage: lineageOf(device),
  };
  if (preferredSiteId !== undefined) {
    status.stretched = true;
    status.preferredSiteId = preferredSiteId;
  }
  if (point !== undefined) status.lastRecoveryPoint = point;
  if (divergedBytes !== undefined) status.divergedBytes = divergedBytes;
  return status;
};

/** Time alone changes nothing of its status. */
export const isStill = (device: LabDevice): boolean => {
  const { link, held } = device;
  return link === undefined || (!link.flowing && (held?.writers.size ?? 0) === 0);
};

export const deviceStatus = ({ world, devices, now }: GroupCall): readonly DeviceStatus[] =>
  devices.map((device) => statusOf(world, device, now));

export const recoveryPoints = ({ devices, now }: GroupCall): readonly RecoveryPoint[] =>
  devices.flatMap((device) => {
    const newest = device.link === undefined ? undefined : lastPointOf(device, now);
    const isListed = newest === undefined || device.points.some(({ id }) => id === newest.id);
    return isListed ? device.points : [...device.points, newest];
  });

/** Of a group those that each of its devices has. */
export const listSnapshots = ({ devices }: GroupCall): readonly Snapshot[] => {
  const [first, ...others] = devices;
  return (first?.points ?? [])
    .filter(({ id }) => first?.snapshots.has(id) && others.every((one) => one.snapshots.has(id)))
    .map(({ id, atMs }) => ({ name: id, atMs }));
};

export const syncStatus = ({ world, devices, id, now }: GroupCall): SyncStatus => {
  const { link } = devices[0] as LabDevice;
  if (link?.operation !== undefined) {
    const progress = progressOf(world, link.operation, now);
    return { id, state: 'in-progress', progress, clockMs: now };
  }
  const point = link?.whole ? lastPointOf(devices[0] as LabDevice, now) : undefined;
  return point === undefined
    ? { id, state: 'none', clockMs: now }
    : { id, state: 'complete', recoveryPoint: point, clockMs: now };
};
