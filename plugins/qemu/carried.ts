/**
 * The groups whose role goes along with a VM: those pairs that serve the sites of both its
 * computes. A group's role is one for all that stands on it, and a migration is of one VM.
 */
import type { VmTarget } from '@siteswap/sdk/plugin';
import type { Licence } from '@siteswap/sdk/plugin/kit';
import { reachArray } from './array.ts';
import { type Registered, readCompute } from './compute.ts';
import { failure, ignoreDistance } from './faults.ts';
import {
  allGroups,
  type GroupAt,
  type GroupState,
  groupAt,
  readGroup,
  type StoredDevice,
  withPair,
} from './group.ts';
import { lookAt } from './machine.ts';
import { bringRole } from './metro.ts';
import type { SwapRecord } from './migration.ts';
import { atOf, placeOf } from './places.ts';
import type { ComputeSession } from './session.ts';
import type { MetroPair } from './swap.ts';

/** A group, how it is known at both arrays, and the VM's devices at the one that it goes to. */
export interface Carried {
  readonly pair: MetroPair;
  readonly record: SwapRecord;
  readonly deviceIds: readonly string[];
  readonly datastoreIds: readonly string[];
}

/** Neither daemon is started: they belong to their arrays' sessions. */
const groupIn = async (
  { id, arrays }: Pick<ComputeSession, 'id' | 'arrays'>,
  arrayId: string,
  groupId: string,
): Promise<GroupAt> => {
  const directory = arrays[arrayId];
  if (directory !== undefined) return groupAt(await reachArray(directory, arrayId, false), groupId);
  throw failure('refused', `compute ${id} sees no array ${arrayId}`, {
    hint: 'Add it under `arrays` of its configuration.',
  });
};

/** The two ends of a group that a migration's record names. */
export const pairOf = async (
  source: ComputeSession,
  destination: ComputeSession,
  { groupId, fromArrayId, toArrayId }: SwapRecord,
): Promise<MetroPair> => ({
  from: await groupIn(source, fromArrayId, groupId),
  to: await groupIn(destination, toArrayId, groupId),
});

/** A group that serves two sites, and the devices of it that a VM stands on. */
interface Under {
  readonly at: GroupAt;
  readonly peerArrayId: string | undefined;
  readonly devices: readonly StoredDevice[];
}

const groupsUnder = async (
  session: ComputeSession,
  { datastoreIds }: Registered,
): Promise<readonly Under[]> => {
  const found: Under[] = [];
  for (const [arrayId, directory] of Object.entries(session.arrays)) {
    const storage = await reachArray(directory, arrayId, false);
    for (const { id, metro, peerArrayId, devices: all } of await allGroups(storage)) {
      const devices = all.filter((device) => datastoreIds.includes(device.datastoreId));
      if (metro === undefined || devices.length === 0) continue;
      found.push({ at: groupAt(storage, id), peerArrayId, devices });
    }
  }
  return found;
};

export const carriedBy = async (
  source: ComputeSession,
  destination: ComputeSession,
  vm: Registered,
): Promise<readonly Carried[]> => {
  const carried: Carried[] = [];
  for (const { at, peerArrayId, devices } of await groupsUnder(source, vm)) {
    const fromArrayId = at.storage.id;
    if (peerArrayId === undefined) continue;
    // An array that both computes see has the role for both.
    if (destination.arrays[fromArrayId] === source.arrays[fromArrayId]) continue;
    carried.push({
      pair: { from: at, to: await groupIn(destination, peerArrayId, at.id) },
      record: { groupId: at.id, fromArrayId, toArrayId: peerArrayId },
      deviceIds: devices.flatMap(({ peerId }) => peerId ?? []),
      datastoreIds: devices.map(({ datastoreId }) => datastoreId),
    });
  }
  return carried;
};

/** Whoever starts a VM on the group, or takes its role along with one, holds this. */
export const writersLock = ({ storage, id }: GroupAt): string =>
  `writers of group ${id} of array ${storage.uuid}`;

/** All that a VM at a compute stands on and that serves two sites. */
export const metroUnder = async (
  session: ComputeSession,
  vm: Registered,
): Promise<readonly GroupAt[]> => (await groupsUnder(session, vm)).map(({ at }) => at);

/** The other end of a group, where this compute knows a way to it. */
const otherEnd = async (
  session: ComputeSession,
  { id, peerArrayId = '' }: GroupState,
): Promise<GroupAt | undefined> => {
  const all = [session, ...Object.values(session.computes)];
  const directory = all.flatMap(({ arrays }) => arrays[peerArrayId] ?? [])[0];
  if (directory === undefined) return undefined;
  return groupAt(await reachArray(directory, peerArrayId, false), id);
};

/** The group is served where the compute sees it, if nobody writes at its other end. */
export const serveHere = async (
  session: ComputeSession,
  at: GroupAt,
  call: Licence,
): Promise<void> => {
  const state = await readGroup(at);
  const { metro, role, swap } = state;
  if (metro === undefined || role === 'source' || swap !== undefined) return;
  // It goes on alone: its other end is lost, and is not asked.
  if (metro.isolated) return;
  try {
    const other = await otherEnd(session, state);
    if (other !== undefined) await withPair(at, other, call, bringRole);
  } catch (error) {
    ignoreDistance(error);
  }
};

const apart = 'Give each VM a group of its own, or stop the others first.';

const never = new AbortController().signal;

/** Refuses a group that somebody else writes to, or could. */
export const checkAlone = async (
  source: ComputeSession,
  { from }: MetroPair,
  target: VmTarget,
): Promise<void> => {
  const { id, devices, hosts } = await readGroup(from);
  const stranger = hosts.find(({ computeId }) => computeId !== source.id);
  if (stranger !== undefined) {
    const message = `group ${id} cannot go over: compute ${stranger.computeId} has it mounted too`;
    throw failure('conflict', message, { hint: apart });
  }
  const stores = new Set(devices.map(({ datastoreId }) => datastoreId));
  for (const vm of Object.values((await readCompute(source)).vms)) {
    if (placeOf(vm) === placeOf(target) || vm.instance !== 'production') continue;
    if (!vm.datastoreIds.some((one) => stores.has(one))) continue;
    if ((await lookAt(atOf(source, vm), never)).status === 'gone') continue;
    const message = `group ${id} cannot go over with VM ${target.id}: VM ${vm.id} runs on it too`;
    throw failure('conflict', message, { members: [vm.id], hint: apart });
  }
};
