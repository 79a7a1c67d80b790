/** What an array says of its devices when it is only asked. */
import type { DeviceStatus, RecoveryPoint, SyncStatus } from '@siteswap/sdk/plugin';
import type { GroupCall } from './groups.ts';
import { type LabDevice, lineageOf } from './model.ts';
import { progressOf } from './operations.ts';
import { accessOf, directionOf, lastPointOf, pairStateOf, stretchOf } from './replication.ts';

export const deviceStatus = ({ devices }: GroupCall): readonly DeviceStatus[] =>
  devices.map((device) => ({
    id: device.id,
    direction: directionOf(device),
    access: accessOf(device),
    pairState: pairStateOf(device),
    lineage: lineageOf(device),
    ...stretchOf(device),
  }));

export const recoveryPoints = ({ devices, now }: GroupCall): readonly RecoveryPoint[] =>
  devices.flatMap((device) => {
    const newest = device.link === undefined ? undefined : lastPointOf(device, now);
    const isListed = newest === undefined || device.points.some(({ id }) => id === newest.id);
    return isListed ? device.points : [...device.points, newest];
  });

export const syncStatus = ({ world, devices, id, now }: GroupCall): SyncStatus => {
  const { link } = devices[0] as LabDevice;
  if (link?.operation !== undefined) {
    return { id, state: 'in-progress', progress: progressOf(world, link.operation, now) };
  }
  const point = link?.whole ? lastPointOf(devices[0] as LabDevice, now) : undefined;
  return point === undefined
    ? { id, state: 'none' }
    : { id, state: 'complete', recoveryPoint: point };
};
