/**
 * Counting what became of the data, from the outside: heartbeats read from images, what VMs say
 * they wrote, and what was lost, written twice or interrupted between the two. For demos and tests.
 */
import { randomUUID } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Instance } from '@siteswap/sdk/plugin';
import { readCatalog, writeCatalog } from './catalog.ts';
import { readCompute } from './compute.ts';
import { format, namesIn } from './durable.ts';
import { failure } from './faults.ts';
import { acceptsWriters, allGroups, groupAt, ownLicence, withGroup } from './group.ts';
import { type Extent, type Heartbeat, readExtent } from './heartbeat.ts';
import { digestOf, sumsOf } from './image.ts';
import { imageFile, slowFile, vmDirectory } from './layout.ts';
import { killMsMax } from './limits.ts';
import { isLocked } from './lock.ts';
import { moverLockOf } from './operations.ts';
import { isAlive, signalProcess, waitUntil } from './processes.ts';
import { reachStorage } from './storage.ts';
import { type Acknowledged, readBoots, readVmProcess, type VmProcess } from './vm-process.ts';

/** Which bytes: a group's own, or its test copy's. */
export interface Bytes {
  /** Of the array. */
  readonly directory: string;
  readonly groupId: string;
  readonly instance?: Instance;
}

const devicesOf = async ({ directory, groupId }: Bytes) => {
  const groups = await allGroups(await reachStorage(directory));
  const group = groups.find(({ id }) => id === groupId);
  if (group === undefined) throw failure('missing', `${directory} has no group ${groupId}`);
  return group.devices;
};

const imageOf = async (
  { directory, groupId, instance = 'production' }: Bytes,
  deviceId: string,
): Promise<string> =>
  imageFile(groupAt(await reachStorage(directory), groupId).directory, deviceId, instance);

/** One value for the content of a device; equal on both sides when the bytes are. */
export const checksumOfDevice = async (bytes: Bytes, deviceId: string): Promise<string> =>
  digestOf([await sumsOf(await imageOf(bytes, deviceId))]);

const readFrom = (image: string, extent: Extent): Heartbeat[] => {
  const fd = openSync(image, 'r');
  try {
    return readExtent(fd, extent);
  } finally {
    closeSync(fd);
  }
};

/** Every heartbeat of a VM that a group's devices hold, by sequence. */
export const readHeartbeats = async (bytes: Bytes, vmId: string): Promise<Heartbeat[]> => {
  const found: Heartbeat[] = [];
  for (const { id } of await devicesOf(bytes)) {
    const image = await imageOf(bytes, id);
    const entry = (await readCatalog(image))?.vms.find((vm) => vm.id === vmId);
    if (entry !== undefined) found.push(...readFrom(image, entry.extent));
  }
  return found.sort((a, b) => a.sequence - b.sequence);
};

/** What the bytes alone say of a VM's heartbeats. */
export interface HeartbeatCount {
  readonly count: number;
  readonly first: number;
  readonly last: number;
  /** Sequence numbers between first and last that are not there. */
  readonly missing: number;
  /** Boots that went on writing after another boot had begun to: two writers at once. */
  readonly doubleWriters: number;
}

/** `heartbeats`: by sequence, as `readHeartbeats` answers. */
export const countHeartbeats = (heartbeats: readonly Heartbeat[]): HeartbeatCount => {
  const first = heartbeats[0]?.sequence ?? 0;
  const last = heartbeats.at(-1)?.sequence ?? 0;
  const ended = new Set<string>();
  const returned = new Set<string>();
  let present: string | undefined;
  for (const { bootId } of heartbeats) {
    if (bootId === present) continue;
    if (present !== undefined) ended.add(present);
    if (ended.has(bootId)) returned.add(bootId);
    present = bootId;
  }
  const count = heartbeats.length;
  const missing = count === 0 ? 0 : last - first + 1 - count;
  return { count, first, last, missing, doubleWriters: returned.size };
};

/** What every boot of a VM acknowledged, at all of the given computes, in order of time. */
export const readAcknowledged = (
  computeDirectories: readonly string[],
  vmId: string,
): Acknowledged[] =>
  computeDirectories
    .flatMap((directory) => readBoots(vmDirectory(directory, 'production', vmId)))
    .sort((a, b) => a.firstAtMs - b.firstAtMs);

/** What a VM lost on its way through failovers. */
export interface LossCount {
  readonly boots: number;
  /** Acknowledged heartbeats that a later boot did not find on its disks. */
  readonly lost: number;
  /** Sequence numbers that two boots acknowledged in one lineage. */
  readonly duplicates: number;
  /** Longest time between the last heartbeat of a boot and the first of the next. */
  readonly interruptionMsMax: number;
}

/** `boots`: in order of time, as `readAcknowledged` answers. */
export const countLoss = (boots: readonly Acknowledged[]): LossCount => {
  let lost = 0;
  let duplicates = 0;
  let interruptionMsMax = 0;
  for (const [position, boot] of boots.entries()) {
    const next = boots[position + 1];
    if (next === undefined) continue;
    const overlap = Math.max(0, boot.last - next.resumedAt);
    lost += overlap;
    if (next.lineage === boot.lineage) duplicates += overlap;
    interruptionMsMax = Math.max(interruptionMsMax, next.firstAtMs - boot.lastAtMs);
  }
  const ids = new Set(boots.map(({ bootId }) => bootId));
  return { boots: ids.size, lost, duplicates, interruptionMsMax };
};

export interface RunningVm extends VmProcess {
  readonly vmId: string;
  readonly instance: Instance;
}

const instances: readonly Instance[] = ['production', 'test'];

/** Every living VM process of a compute, registered or not. */
export const runningVms = async (computeDirectory: string): Promise<RunningVm[]> => {
  const found: RunningVm[] = [];
  for (const instance of instances) {
    const folder = dirname(vmDirectory(computeDirectory, instance, 'any'));
    for (const name of await namesIn(folder)) {
      const vmId = decodeURIComponent(name);
      const process = readVmProcess(computeDirectory, instance, vmId);
      if (process !== undefined && isAlive(process)) found.push({ ...process, vmId, instance });
    }
  }
  return found;
};

/** Pulls the plug of every VM of a compute, as the loss of its site would; answers their number. */
export const stopVms = async (computeDirectory: string): Promise<number> => {
  const found = await runningVms(computeDirectory);
  for (const vm of found) signalProcess(vm, 'SIGKILL');
  if (!(await waitUntil(() => !found.some(isAlive), killMsMax))) {
    throw failure('busy', `VMs of ${computeDirectory} do not end`);
  }
  return found.length;
};

/** Waits until no mover works for an array any more. */
export const moverIdle = async (directory: string): Promise<boolean> => {
  const storage = await reachStorage(directory);
  return waitUntil(async () => !(await isLocked(moverLockOf(storage))), killMsMax);
};

/**
 * Writes to a device as a host would, under a lineage (absent: the present one): what a writer that
 * was forgotten somewhere would do.
 */
export const writeAs = async (
  directory: string,
  deviceId: string,
  lineage?: string,
): Promise<'written' | 'refused'> => {
  const storage = await reachStorage(directory);
  const groups = await allGroups(storage);
  const group = groups.find(({ devices }) => devices.some(({ id }) => id === deviceId));
  if (group === undefined) throw failure('missing', `${directory} has no device ${deviceId}`);
  return withGroup(groupAt(storage, group.id), ownLicence(), async ({ at, state }) => {
    const licensed = acceptsWriters(state) && (lineage ?? state.lineage) === state.lineage;
    if (!licensed) return 'refused';
    const image = imageFile(at.directory, deviceId, 'production');
    const catalog = await readCatalog(image);
    if (catalog === undefined) throw failure('missing', `${deviceId} holds no datastore`);
    const files = { ...catalog.files, 'written-as': randomUUID() };
    await writeCatalog(image, { ...catalog, files });
    return 'written';
  });
};

/** The sites of a stretched group lose sight of each other, or find it again. */
export const partSites = async (
  arrayDirectory: string,
  groupId: string,
  parted: boolean,
): Promise<void> => {
  const at = groupAt(await reachStorage(arrayDirectory), groupId);
  await withGroup(at, ownLicence(), async ({ state, commit }) => {
    if (state.stretched === undefined) throw failure('refused', `${groupId} is not stretched`);
    const { parted: _, ...whole } = state.stretched;
    await commit({ ...state, stretched: parted ? { ...whole, parted } : whole });
  });
};

/** Every call at a remote takes at least this long from now on; 0: as usual. */
export const makeSlow = async (remoteDirectory: string, callMsMin: number): Promise<void> => {
  if (callMsMin === 0) await rm(slowFile(remoteDirectory), { force: true });
  else await writeFile(slowFile(remoteDirectory), JSON.stringify({ format, callMsMin }));
};

/** Ids of the VMs that a compute has registered. */
export const registeredVms = async (computeDirectory: string): Promise<string[]> =>
  Object.values((await readCompute(computeDirectory)).vms)
    .filter(({ instance }) => instance === 'production')
    .map(({ id }) => id);
