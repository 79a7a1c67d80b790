/** How an array and its groups look from outside. Nothing here changes what they are. */

import type {
  Access,
  ArrayInfo,
  Device,
  DeviceStatus,
  Direction,
  ListingCall,
  Page,
  PairState,
  RecoveryPoint,
  SyncStatus,
  TargetVerb,
  VerbCall,
} from '@siteswap/sdk/plugin';
import { pageOf } from '@siteswap/sdk/plugin/kit';
import { nbdUri, type Storage } from './array.ts';
import { takeMonitor } from './daemon.ts';
import { exportNameOf } from './exports.ts';
import { faultOf } from './faults.ts';
import {
  acceptsWriters,
  allGroups,
  type GroupAt,
  type GroupState,
  groupAt,
  isLeftBehind,
  type Metro,
  newestPoint,
  type Role,
  readGroup,
  type StoredDevice,
} from './group.ts';
import { type BlockJob, type BlockNode, blockJobsOf, nodesOf } from './jobs.ts';
import { writtenOf } from './layers.ts';
import { mayBeLeftBehind } from './metro.ts';
import { readOperation } from './operations.ts';
import { mirrorStateOf } from './replicate.ts';
import { peerState, type Session, storageOf } from './session.ts';
import { roleAt } from './shared.ts';

/** Version that this plugin shows when it cannot ask. */
export const pluginVersion = '0.1.0';

/** What QEMU says of all groups of an array, asked at once, and who asks. */
interface Seen {
  readonly siteId: string;
  /** The daemon's run: what a group's state says of another one is over. */
  readonly run: string;
  readonly nodes: ReadonlyMap<string, BlockNode>;
  readonly jobs: readonly BlockJob[];
  /** Groups of two sites whose other end was promoted since, as far as it can be asked. */
  readonly leftBehind: ReadonlySet<string>;
  /** Synchronous groups whose source has writers, and whose target does not count what arrives. */
  readonly unconfirmed: ReadonlySet<string>;
}

/** What cannot be asked is not held against the group: this end's own word stands then. */
const peerIfKnown = async (
  session: Session,
  state: GroupState,
): Promise<GroupState | undefined> => {
  try {
    return await peerState(session, state);
  } catch (error) {
    if (faultOf(error) === undefined) throw error;
    return undefined;
  }
};

/**
 * Mirrors say nothing of whether the target was told that they miss nothing, and a target that
 * stands still does not know of writers: neither end can tell alone. A target that counts what
 * arrives, or knows that it does not, asks nobody.
 */
const mayBeUnconfirmed = ({ mode, role, inflow }: GroupState): boolean =>
  mode === 'synchronous' && (role === 'source' || (role === 'replica' && inflow === 'still'));

const isUnconfirmed = (state: GroupState, peer: GroupState): boolean => {
  const [source, target] = state.role === 'source' ? [state, peer] : [peer, state];
  return source.role === 'source' && target.role === 'replica' && target.inflow !== 'live';
};

/** What no end can tell alone, of the groups of which it matters. */
const besidePeers = async (
  session: Session,
  groups: readonly GroupState[],
): Promise<Pick<Seen, 'leftBehind' | 'unconfirmed'>> => {
  const [leftBehind, unconfirmed] = [new Set<string>(), new Set<string>()];
  for (const state of groups) {
    const servesTwo = mayBeLeftBehind(state);
    if (!servesTwo && !mayBeUnconfirmed(state)) continue;
    const peer = await (servesTwo ? peerState : peerIfKnown)(session, state);
    if (servesTwo && isLeftBehind(state, peer)) leftBehind.add(state.id);
    const asked = peer !== undefined && mayBeUnconfirmed(state);
    if (asked && isUnconfirmed(state, peer)) unconfirmed.add(state.id);
  }
  return { leftBehind, unconfirmed };
};

const seenAt = async (
  storage: Storage,
  session: Session,
  groups: readonly GroupState[],
  signal: AbortSignal,
): Promise<Seen> => {
  const { siteId } = session;
  const told = await besidePeers(session, groups);
  const { qmp, run, release } = await takeMonitor(storage, signal);
  try {
    const [nodes, jobs] = [await nodesOf(qmp), await blockJobsOf(qmp)];
    return { siteId, run, nodes, jobs, ...told };
  } finally {
    await release();
  }
};

const directions: Readonly<Record<Role, Direction>> = {
  source: 'outgoing',
  demoted: 'outgoing',
  replica: 'incoming',
  promoted: 'none',
  single: 'none',
};

const sourceStateOf = (at: GroupAt, state: GroupState, { jobs, unconfirmed }: Seen): PairState => {
  if (state.mode === 'asynchronous') return 'synchronized';
  const mirrors = mirrorStateOf(at, state, jobs);
  if (mirrors === 'ok' && !unconfirmed.has(state.id)) return 'synchronized';
  return mirrors === 'broken' ? 'broken' : 'unsynchronized';
};

const pairStateOf = (at: GroupAt, state: GroupState, seen: Seen): PairState => {
  if (state.fenced) return 'broken';
  if (state.suspended) return 'suspended';
  if (state.role === 'demoted') return 'prepared';
  if (state.role === 'promoted') return 'failedover';
  if (state.role === 'single' && state.shared === undefined) return 'inactive';
  // Both sites have the same bytes, for there is one copy of them.
  if (state.role === 'single') return state.shared?.isolatedSiteId ? 'split' : 'synchronized';
  if (state.role === 'source') return sourceStateOf(at, state, seen);
  const arrives = state.inflow === 'live' && state.run === seen.run;
  const stands = state.inflow === 'still' && !seen.unconfirmed.has(state.id);
  return arrives || stands ? 'synchronized' : 'unsynchronized';
};

/** Counted since the ends parted: at a promoted end, and at a source that mirrors no more. */
const divergedBytesOf = (at: GroupAt, state: GroupState, seen: Seen): number | undefined => {
  const parted =
    state.role === 'promoted' ||
    (state.role === 'source' &&
      (state.fenced || state.suspended || sourceStateOf(at, state, seen) !== 'synchronized'));
  return parted ? writtenOf(at, state, seen.nodes) : undefined;
};

/**
 * While both ends hold the same, each serves its site: a group of two sites is one stretched
 * device then, and while its role goes over. Cut apart, it is what its role says.
 */
const isWhole = (at: GroupAt, state: GroupState, seen: Seen): boolean => {
  if (state.fenced || state.suspended || state.metro?.isolated) return false;
  if (seen.leftBehind.has(state.id)) return false;
  if (state.swap !== undefined) return true;
  const isPaired = state.role === 'source' || state.role === 'replica';
  return isPaired && pairStateOf(at, state, seen) === 'synchronized';
};

const metroRoleOf = (at: GroupAt, state: GroupState, metro: Metro, seen: Seen) => {
  const { preferredSiteId } = metro;
  if (isWhole(at, state, seen)) {
    return {
      direction: 'stretched',
      access: 'read-write',
      stretched: true,
      preferredSiteId,
    } as const;
  }
  const direction = state.role === 'promoted' ? 'outgoing' : directions[state.role];
  const access = acceptsWriters(state) ? 'read-write' : 'read-only';
  // One that does not know yet that it was left behind is fenced like any other end.
  const isPlain = seen.leftBehind.has(state.id) && !state.fenced;
  return {
    direction: state.fenced ? 'incoming' : direction,
    access,
    ...(isPlain ? {} : { stretched: true }),
    preferredSiteId,
  } as const;
};

const roleOf = (at: GroupAt, state: GroupState, seen: Seen) => {
  const { shared, metro } = state;
  if (metro !== undefined) return metroRoleOf(at, state, metro, seen);
  if (shared !== undefined) {
    return { ...roleAt(shared, seen.siteId), preferredSiteId: shared.preferredSiteId };
  }
  const access: Access = acceptsWriters(state) ? 'read-write' : 'read-only';
  return { direction: directions[state.role], access };
};

/** The last layer of all devices is counted at once: of a group, the first device says it. */
const statusOf = (
  at: GroupAt,
  state: GroupState,
  device: StoredDevice,
  seen: Seen,
): DeviceStatus => {
  const alone = { ...state, devices: [device] };
  const divergedBytes = divergedBytesOf(at, alone, seen);
  return {
    id: device.id,
    ...roleOf(at, state, seen),
    pairState: pairStateOf(at, state, seen),
    lineage: state.lineage,
    ...(divergedBytes === undefined ? {} : { divergedBytes }),
  };
};

export const deviceStatusesOf = async (
  at: GroupAt,
  { session, signal }: VerbCall<Session, TargetVerb>,
): Promise<DeviceStatus[]> => {
  const state = await readGroup(at);
  const seen = await seenAt(at.storage, session, [state], signal);
  return state.devices.map((device) => statusOf(at, state, device, seen));
};

/** Newest first: what a promote would go to, then older ones. */
export const pointsOf = async (at: GroupAt): Promise<RecoveryPoint[]> => {
  const { layers, confirmed, inflow, role } = await readGroup(at);
  const live = role === 'replica' && inflow === 'live' && confirmed !== undefined;
  const held = layers.flatMap(({ point }) => point ?? []).reverse();
  const all = live ? [confirmed, ...held] : held;
  return all.filter(({ id }, index) => all.findIndex((one) => one.id === id) === index);
};

const lastPointOf = (state: GroupState): RecoveryPoint | undefined =>
  (state.inflow === 'live' ? state.confirmed : undefined) ?? newestPoint(state);

export const syncStatusOf = async (at: GroupAt, id: string): Promise<SyncStatus> => {
  const state = await readGroup(at);
  const last = lastPointOf(state);
  const recoveryPoint = last === undefined ? {} : { recoveryPoint: last };
  const operation =
    state.operation === undefined ? undefined : await readOperation(at.storage, state.operation);
  if (operation?.state === 'running') {
    return { id, state: 'in-progress', progress: operation.progress, ...recoveryPoint };
  }
  return { id, state: last === undefined ? 'none' : 'complete', ...recoveryPoint };
};

export const listArrays = async ({
  session,
  signal,
}: ListingCall<Session>): Promise<Page<ArrayInfo>> => {
  const storage = await storageOf(session);
  const { qmp, release } = await takeMonitor(storage, signal);
  try {
    const { package: words } = await qmp.must<{ package?: string }>('query-version');
    const { id, name, peerArrayIds } = storage;
    const softwareVersion = words === undefined || words === '' ? pluginVersion : words;
    const model = 'qemu-storage-daemon';
    return { items: [{ id, name, vendor: 'QEMU', model, softwareVersion, peerArrayIds }] };
  } finally {
    await release();
  }
};

const deviceOf = (at: GroupAt, state: GroupState, device: StoredDevice, seen: Seen): Device => {
  const last = lastPointOf(state);
  const { peerArrayId: arrayId } = state;
  const { peerId: deviceId } = device;
  const paired = arrayId !== undefined && deviceId !== undefined;
  const alone = state.devices.length === 1 && state.id === device.id;
  const updateMode = state.metro === undefined ? state.mode : 'active';
  return {
    ...statusOf(at, state, device, seen),
    name: device.name,
    sizeBytes: device.sizeBytes,
    ...(paired ? { peer: { arrayId, deviceId }, updateMode } : {}),
    ...(alone ? {} : { groupId: state.id }),
    ...(last === undefined ? {} : { lastRecoveryPoint: last }),
    hostIdentity: nbdUri(at.storage.address, exportNameOf('host', device, state)),
  };
};

export const listDevices = async (call: ListingCall<Session>): Promise<Page<Device>> => {
  const storage = await storageOf(call.session);
  const groups = await allGroups(storage);
  const seen = await seenAt(storage, call.session, groups, call.signal);
  const devices = groups.flatMap((state) =>
    state.devices.map((device) => deviceOf(groupAt(storage, state.id), state, device, seen)),
  );
  return pageOf(devices, call.page, ({ id }) => id);
};
