/** How an array and its groups look from outside. Nothing here changes anything. */

import { realpath } from 'node:fs/promises';
import type {
  ArrayInfo,
  Device,
  DeviceStatus,
  Direction,
  ListingCall,
  Page,
  PairState,
  Peer,
  RecoveryPoint,
  Snapshot,
  SyncStatus,
} from '@siteswap/sdk/plugin';
import { pageOf } from '@siteswap/sdk/plugin/kit';
import { type Diverged, divergedBytesOf } from './divergence.ts';
import {
  acceptsWriters,
  allGroups,
  type GroupAt,
  type GroupState,
  groupAt,
  type Point,
  type Role,
  readGroup,
  type StoredDevice,
} from './group.ts';
import { imageFile } from './layout.ts';
import { readOperation } from './operations.ts';
import { type Session, storageOf } from './session.ts';
import { isShared } from './shared.ts';
import type { Storage } from './storage.ts';

/** Version that this plugin shows as its arrays' software. */
export const softwareVersion = '0.1.0';

const directions: Readonly<Record<Role, Direction>> = {
  source: 'outgoing',
  demoted: 'outgoing',
  replica: 'incoming',
  promoted: 'none',
  stretched: 'stretched',
  single: 'none',
};

/** Stretched while both ends serve; after a fence the way in which the bytes would have to flow. */
const directionOf = (state: GroupState): Direction => {
  const { role, stretched, fenced } = state;
  if (stretched?.isolated === undefined) return isShared(state) ? 'none' : directions[role];
  return fenced ? 'incoming' : 'outgoing';
};

const pairStateOf = (state: GroupState): PairState => {
  const { stretched } = state;
  if (stretched?.isolated !== undefined) return 'split';
  if (stretched !== undefined) return stretched.parted ? 'partitioned' : 'synchronized';
  if (state.fenced) return 'broken';
  if (state.suspended) return 'suspended';
  if (state.role === 'demoted') return 'prepared';
  if (state.role === 'promoted') return 'failedover';
  if (state.role === 'single') return 'inactive';
  return state.point === undefined ? 'unsynchronized' : 'synchronized';
};

const stretchOf = (state: GroupState): Pick<DeviceStatus, 'stretched' | 'preferredSiteId'> => {
  const { stretched } = state;
  if (stretched === undefined || isShared(state)) return {};
  return { stretched: true, preferredSiteId: stretched.preferredSiteId };
};

const statusOf = (state: GroupState, { id }: StoredDevice, diverged: Diverged): DeviceStatus => ({
  id,
  direction: directionOf(state),
  access: acceptsWriters(state) ? 'read-write' : 'read-only',
  pairState: pairStateOf(state),
  lineage: state.lineage,
  ...stretchOf(state),
  ...divergenceOf(state, id, diverged),
});

const divergenceOf = (
  { devices }: GroupState,
  deviceId: string,
  diverged: Diverged,
): Pick<DeviceStatus, 'divergedBytes'> => {
  const divergedBytes = diverged?.[devices.findIndex(({ id }) => id === deviceId)];
  return divergedBytes === undefined ? {} : { divergedBytes };
};

const plain = ({ id, atMs, by }: Point): RecoveryPoint => ({ id, atMs, by });

/** A point whose blocks are all there counts, even while they are still on their way in. */
const lastPoint = ({ applying, point, promotedFrom }: GroupState): Point | undefined =>
  applying ?? point ?? promotedFrom?.point;

export const deviceStatusesOf = async (at: GroupAt, session: Session): Promise<DeviceStatus[]> => {
  const state = await readGroup(at);
  const diverged = await divergedBytesOf(session, at, state);
  return state.devices.map((device) => statusOf(state, device, diverged));
};

/** Newest first: what a promote would go to, then snapshots. */
export const pointsOf = async (at: GroupAt): Promise<RecoveryPoint[]> => {
  const state = await readGroup(at);
  const last = lastPoint(state);
  const snapshots = state.snapshots.map(({ name, atMs }) => ({
    id: `snapshot:${name}`,
    atMs,
    by: at.storage.id,
  }));
  return [...(last === undefined ? [] : [plain(last)]), ...snapshots.reverse()];
};

/** Oldest first. */
export const snapshotsOf = async (at: GroupAt): Promise<Snapshot[]> =>
  (await readGroup(at)).snapshots.map(({ name, atMs }) => ({ name, atMs }));

export const syncStatusOf = async (at: GroupAt, id: string): Promise<SyncStatus> => {
  const state = await readGroup(at);
  const last = lastPoint(state);
  const point = last === undefined ? {} : { recoveryPoint: plain(last) };
  const told = { ...point, clockMs: Date.now() };
  const operation =
    state.operation === undefined ? undefined : await readOperation(at.storage, state.operation);
  if (operation?.state === 'running') {
    return { id, state: 'in-progress', progress: operation.progress, ...told };
  }
  return { id, state: last === undefined ? 'none' : 'complete', ...told };
};

export const listArrays = async (call: ListingCall<Session>): Promise<Page<ArrayInfo>> => {
  const { id, name, peerArrayIds } = await storageOf(call.session, call.signal);
  const info = { id, name, vendor: 'Siteswap', model: 'files', softwareVersion, peerArrayIds };
  return { items: [info] };
};

/** Hosts of both sites see a stretched device as one: its bytes have one name, links lead to it. */
const hostIdentityOf = async (storage: Storage, state: GroupState, id: string): Promise<string> => {
  const image = imageFile(groupAt(storage, state.id).directory, id, 'production');
  return state.stretched === undefined ? image : realpath(image);
};

const deviceOf = async (
  storage: Storage,
  state: GroupState,
  device: StoredDevice,
  diverged: Diverged,
): Promise<Device> => {
  const last = lastPoint(state);
  const { peerId } = device;
  const { peerArrayId: arrayId } = state;
  const isAlone = arrayId === undefined || peerId === undefined || isShared(state);
  const peer: { peer?: Peer } = isAlone ? {} : { peer: { arrayId, deviceId: peerId } };
  const alone = state.devices.length === 1 && state.id === device.id;
  return {
    ...statusOf(state, device, diverged),
    name: device.name,
    sizeBytes: device.sizeBytes,
    ...peer,
    ...(alone ? {} : { groupId: state.id }),
    updateMode: state.stretched === undefined ? 'asynchronous' : 'active',
    ...(last === undefined ? {} : { lastRecoveryPoint: plain(last) }),
    hostIdentity: await hostIdentityOf(storage, state, device.id),
  };
};

export const listDevices = async (call: ListingCall<Session>): Promise<Page<Device>> => {
  const storage = await storageOf(call.session, call.signal);
  const devices: { readonly id: string; readonly of: GroupState; readonly device: StoredDevice }[] =
    (await allGroups(storage)).flatMap((of) =>
      of.devices.map((device) => ({ id: device.id, of, device })),
    );
  const { items, ...more } = pageOf(devices, call.page, ({ id }) => id);
  const diverged = new Map<GroupState, Promise<Diverged>>();
  for (const { of } of items) {
    if (diverged.has(of)) continue;
    diverged.set(of, divergedBytesOf(call.session, groupAt(storage, of.id), of));
  }
  const shown = items.map(async ({ of, device }) =>
    deviceOf(storage, of, device, await diverged.get(of)),
  );
  return { ...more, items: await Promise.all(shown) };
};
