/**
 * Replication as arithmetic: how far a replica is behind is a function of time while replication
 * flows, and a stored copy while it does not. Nothing is copied until somebody needs the copy.
 */
import type { Access, Direction, PairState, RecoveryPoint } from '@siteswap/sdk/plugin';
import { heartbeatBytes, recoveryPointsMax } from './limits.ts';
import {
  heartbeatAt,
  isStretched,
  type LabDevice,
  type Link,
  lastWriteAt,
  type Medium,
  mediumOf,
  type Role,
  type World,
  writable,
} from './model.ts';

const directions: Record<Role, Direction> = {
  source: 'outgoing',
  prepared: 'outgoing',
  'handed-over': 'outgoing',
  replica: 'incoming',
  promoted: 'none',
  single: 'none',
  stretched: 'stretched',
};

export const directionOf = (device: LabDevice): Direction => directions[device.role];

export const accessOf = (device: LabDevice): Access =>
  writable(device) ? 'read-write' : 'read-only';

/** The side whose writes are sent, if there is one. */
const senderOf = (device: LabDevice): LabDevice | undefined => {
  const { peer } = device;
  if (peer === undefined) return undefined;
  if (device.role === 'replica') return peer;
  return peer.role === 'replica' ? device : undefined;
};

/** Both arrays of the pair answer, and see each other. */
export const linkUp = ({ storage, peer }: LabDevice): boolean =>
  !storage.down && peer?.storage.down === false && !storage.cutFrom.has(peer.storage.siteId);

/** A source whose peer has gone back hears of it, at the latest when it is next asked for. */
export const hearOfPeer = (device: LabDevice): void => {
  const isBack = device.role === 'handed-over' && device.peer?.role === 'replica';
  if (isBack && linkUp(device)) device.role = 'prepared';
};

/** The moment up to which the replica holds everything written. */
export const replicaAt = (link: Link, now: number): number =>
  link.flowing ? Math.max(link.at, now - link.lagMs) : link.at;

/** The replica lacks nothing that was written. */
export const caughtUp = (source: LabDevice, link: Link, now: number): boolean =>
  link.whole && replicaAt(link, now) >= lastWriteAt(mediumOf(source), now);

/** What a medium held at a moment, as a medium of its own. */
export const imageAt = (world: World, medium: Medium, at: number): Medium => {
  const image: Medium = {
    boots: new Map(),
    files: medium.files.filter((file) => file.at <= at),
    writers: new Set(),
    arrivals: undefined,
    writtenAt: Math.min(medium.writtenAt, at),
  };
  for (const [vmId, boot] of medium.boots) {
    const base = heartbeatAt(boot, at, world.spec.heartbeatMs);
    image.boots.set(vmId, { ...boot, base, onAt: at, offAt: at, pace: undefined });
  }
  return image;
};

/** What a device holds now; for a replica, what its recovery point holds. */
export const contentOf = (world: World, device: LabDevice, now: number): Medium => {
  const { link, peer } = device;
  if (device.role !== 'replica' || !link?.flowing || peer === undefined) {
    return mediumOf(device);
  }
  return imageAt(world, mediumOf(peer), replicaAt(link, now));
};

/** Replication stands from now on; the replica keeps what it has. */
export const stopFlow = (world: World, device: LabDevice, now: number): void => {
  const { link } = device;
  const sender = senderOf(device);
  if (!link?.flowing || sender?.peer === undefined) return;
  sender.peer.held = sender.held && contentOf(world, sender.peer, now);
  link.at = replicaAt(link, now);
  link.flowing = false;
};

/** Replication flows again, if everything that it needs is there. */
export const startFlow = (device: LabDevice, now: number): void => {
  const { link } = device;
  const sender = senderOf(device);
  if (link === undefined || link.flowing || link.suspended || !link.whole) return;
  if (isStretched(device)) return;
  if (sender === undefined || sender.role === 'promoted' || !linkUp(device)) return;
  link.at = Math.max(link.at, now - link.lagMs);
  link.flowing = true;
};

export const dropPoint = ({ points, snapshots }: LabDevice, id: string): void => {
  const at = points.findIndex((point) => point.id === id);
  if (at >= 0) points.splice(at, 1);
  snapshots.delete(id);
};

export const addPoint = (device: LabDevice, point: RecoveryPoint): void => {
  device.points.push(point);
  const { points, snapshots } = device;
  if (points.length - snapshots.size <= recoveryPointsMax) return;
  // A snapshot goes when somebody removes it.
  dropPoint(device, points.find(({ id }) => !snapshots.has(id))?.id ?? '');
};

/** The newest moment as of which this device is consistent, when it is a copy. */
export const lastPointOf = (device: LabDevice, now: number): RecoveryPoint | undefined => {
  const { link } = device;
  if (link === undefined || !link.whole || device.role === 'promoted') return device.points.at(-1);
  const atMs = replicaAt(link, now);
  return { id: `${link.id}@${atMs}`, atMs, by: device.storage.id };
};

const linkStateOf = (device: LabDevice, link: Link): PairState => {
  if (link.suspended) return 'suspended';
  if (!linkUp(device)) return 'partitioned';
  if (!link.whole) return 'unsynchronized';
  return link.flowing ? 'synchronized' : 'fractured';
};

const stretchedStateOf = (device: LabDevice, link: Link): PairState => {
  if (link.suspended) return 'suspended';
  if (!linkUp(device)) return device.lineage > device.lineageBefore ? 'failedover' : 'partitioned';
  if (!link.whole) return 'unsynchronized';
  if (device.role === 'stretched') return 'synchronized';
  return device.lineage === device.peer?.lineage ? 'fractured' : 'split';
};

/** Health of the pair, as this device's array knows it. */
export const pairStateOf = (device: LabDevice): PairState => {
  const { link, peer } = device;
  if (link === undefined || peer === undefined) return 'inactive';
  if (isStretched(device)) return stretchedStateOf(device, link);
  const peerRole = linkUp(device) ? peer.role : undefined;
  switch (device.role) {
    case 'promoted':
      return peerRole === 'source' ? 'split' : 'failedover';
    case 'handed-over':
      return 'failedover';
    case 'prepared':
      return peerRole === 'promoted' ? 'split' : 'prepared';
    case 'source':
      return peerRole === 'promoted' ? 'split' : linkStateOf(device, link);
    default:
      return peerRole === 'prepared' ? 'prepared' : linkStateOf(device, link);
  }
};

/** Bytes written here since the ends parted; absent while nothing parts them. */
export const divergedBytesOf = (
  world: World,
  device: LabDevice,
  now: number,
): number | undefined => {
  const { link, held } = device;
  const stands = device.fenced || device.role === 'source' || device.role === 'promoted';
  if (link === undefined || link.flowing || !stands) return undefined;
  const { heartbeatMs } = world.spec;
  let bytes = 0;
  for (const boot of held?.boots.values() ?? []) {
    const beats = heartbeatAt(boot, now, heartbeatMs) - heartbeatAt(boot, link.at, heartbeatMs);
    bytes += beats * heartbeatBytes;
  }
  for (const { at, content } of held?.files ?? []) {
    if (at > link.at) bytes += Buffer.byteLength(content);
  }
  return bytes;
};
