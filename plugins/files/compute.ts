/**
 * A compute: what is mounted and registered here, and which boot of each VM is the one that counts.
 * Whether a VM runs is not written here: its process says so, by being alive.
 */

import { access, realpath } from 'node:fs/promises';
import type { Datastore, Instance, ListingCall, Page, Vm } from '@siteswap/sdk/plugin';
import {
  admit,
  admitDurably,
  checkDeadline,
  emptyMemory,
  type Licence,
  type Memory,
  pageOf,
  recall,
  remember,
} from '@siteswap/sdk/plugin/kit';
import { type Catalog, readCatalog, standingVms } from './catalog.ts';
import { format, readJson, writeJson } from './durable.ts';
import { isPreferred } from './ends.ts';
import { failure, faultOf } from './faults.ts';
import { acceptsWriters, allGroups, type GroupAt, type GroupState, groupAt } from './group.ts';
import type { Extent } from './heartbeat.ts';
import { computeFile, imageFile } from './layout.ts';
import { withLocks } from './lock.ts';
import { asCompute, type ComputeSession, type Session, takeTime } from './session.ts';
import { reachStorage } from './storage.ts';
import { runningVm } from './vm-process.ts';

/** Where a device is. */
export interface DiskAt {
  readonly arrayId: string;
  /** Of the array. */
  readonly directory: string;
  readonly groupId: string;
  readonly deviceId: string;
}

export interface Mount {
  readonly id: string;
  readonly instance: Instance;
  readonly name: string;
  readonly disk: DiskAt;
}

/** A VM's part of a device. */
export interface VmDisk extends DiskAt {
  readonly datastoreId: string;
  readonly extent: Extent;
}

/** The one boot of a VM that may write; a process of any other ends itself. */
export interface Boot {
  readonly bootId: string;
  readonly heartbeatMs: number;
  readonly ignoresShutDown: boolean;
  /** In the order in which the VM writes to them. */
  readonly disks: readonly VmDisk[];
}

export interface Registered {
  readonly id: string;
  readonly instance: Instance;
  readonly name: string;
  readonly datastoreIds: readonly string[];
  readonly boot?: Boot;
}

export interface ComputeState extends Memory {
  readonly format: number;
  /** By instance and id. */
  readonly mounts: Readonly<Record<string, Mount>>;
  readonly vms: Readonly<Record<string, Registered>>;
  /** Of VMs with several copies: the datastores whose copy was chosen, by instance and id. */
  readonly choices?: Readonly<Record<string, readonly string[]>>;
}

/** A compute whose lock is held. */
export interface HeldCompute {
  readonly directory: string;
  readonly state: ComputeState;
  readonly commit: (next: ComputeState) => Promise<void>;
}

/** Key of a mount or a VM: a test instance stands beside the production one. */
export const placeOf = (instance: Instance, id: string): string => `${instance}/${id}`;

const emptyState: ComputeState = { ...emptyMemory, format, mounts: {}, vms: {} };

export const readCompute = async (directory: string): Promise<ComputeState> =>
  (await readJson<ComputeState>(computeFile(directory))) ?? emptyState;

/** One lock for one directory, whatever path leads to it. */
const lockOf = async (directory: string): Promise<string> => `compute ${await realpath(directory)}`;

const hold = async (directory: string, licence: Licence): Promise<HeldCompute> => {
  let state = await readCompute(directory);
  return {
    directory,
    get state() {
      return state;
    },
    commit: async (next) => {
      checkDeadline(licence);
      await writeJson(computeFile(directory), next);
      state = next;
    },
  };
};

export const withCompute = async <T>(
  directory: string,
  licence: Licence,
  body: (held: HeldCompute) => Promise<T>,
): Promise<T> =>
  withLocks([await lockOf(directory)], licence, async () => body(await hold(directory, licence)));

/**
 * Does `work` under the caller's licence, and notes it: nothing lands under an older one from here
 * on. Who asks what became of a call does no work, and builds upon the answer.
 */
export const withAdmitted = <T>(
  directory: string,
  call: Licence,
  work: (state: ComputeState) => Promise<T>,
): Promise<T> => withCompute(directory, call, async (held) => work(await admitDurably(held, call)));

/** The same with two: for a VM that goes from one to the other. */
export const withComputes = async <T>(
  here: string,
  there: string,
  licence: Licence,
  body: (here: HeldCompute, there: HeldCompute) => Promise<T>,
): Promise<T> =>
  withLocks([await lockOf(here), await lockOf(there)], licence, async () =>
    body(await hold(here, licence), await hold(there, licence)),
  );

/** One change under one key: done once, remembered with the change itself. */
export const changeOnce = (
  directory: string,
  call: Licence,
  what: string,
  work: (held: HeldCompute) => Promise<ComputeState>,
): Promise<void> =>
  withCompute(directory, call, async (held) => {
    if (recall(held.state, call.key, what) !== undefined) return;
    admit(held.state, call);
    const next = await work(held);
    await held.commit(remember(admit(next, call), { key: call.key, what, evidence: {} }));
  });

/** A device with a datastore on it, as found at an array. */
export interface Found {
  readonly disk: DiskAt;
  readonly at: GroupAt;
  readonly group: GroupState;
  readonly catalog: Catalog;
}

interface Survey {
  readonly found: readonly Found[];
  /** Why an array could not be asked. */
  readonly silent?: unknown;
}

const datastoresOf = async (arrayId: string, directory: string): Promise<Found[]> => {
  const storage = await reachStorage(directory, arrayId);
  const found: Found[] = [];
  for (const group of await allGroups(storage)) {
    const at = groupAt(storage, group.id);
    for (const { id: deviceId } of group.devices) {
      const catalog = await readCatalog(imageFile(at.directory, deviceId, 'production'));
      const disk = { arrayId, directory, groupId: group.id, deviceId };
      if (catalog !== undefined) found.push({ disk, at, group, catalog });
    }
  }
  return found;
};

/** Every datastore on the compute's arrays, as far as they answer. */
const survey = async (arrays: Readonly<Record<string, string>>): Promise<Survey> => {
  const found: Found[] = [];
  let silent: unknown;
  for (const [arrayId, directory] of Object.entries(arrays)) {
    try {
      found.push(...(await datastoresOf(arrayId, directory)));
    } catch (error) {
      if (faultOf(error)?.kind !== 'unreachable') throw error;
      silent = error;
    }
  }
  return { found, silent };
};

/** A datastore of the site. Not found while an array is silent is `unreachable`, not a no. */
export const searchDatastore = async (
  arrays: Readonly<Record<string, string>>,
  wanted: (found: Found) => boolean,
): Promise<Found | undefined> => {
  const { found, silent } = await survey(arrays);
  const hit = found.find(wanted);
  if (hit === undefined && silent !== undefined) throw silent;
  return hit;
};

/** The device and catalog of a mounted datastore. */
export const openMount = async ({ id, instance, disk }: Mount): Promise<Found> => {
  const { arrayId, directory, groupId, deviceId } = disk;
  const storage = await reachStorage(directory, arrayId);
  const at = groupAt(storage, groupId);
  const catalog = await readCatalog(imageFile(at.directory, deviceId, instance));
  const group = (await allGroups(storage)).find((one) => one.id === groupId);
  if (catalog === undefined || group === undefined) {
    throw failure('missing', `datastore ${id} is no longer on device ${deviceId} of ${arrayId}`);
  }
  return { disk, at, group, catalog };
};

export const mountOf = ({ disk, catalog }: Found, instance: Instance): Mount => ({
  id: catalog.datastoreId,
  instance,
  name: catalog.name,
  disk,
});

/** Writable datastores of the site, mounted, and the VMs on them, registered. */
const firstState = async (arrays: Readonly<Record<string, string>>): Promise<ComputeState> => {
  const mounts: Record<string, Mount> = {};
  const vms: Record<string, Registered> = {};
  const instance = 'production';
  for (const found of (await survey(arrays)).found) {
    if (!acceptsWriters(found.group)) continue;
    const { datastoreId } = found.catalog;
    mounts[placeOf(instance, datastoreId)] = mountOf(found, instance);
    // Of a stretched group both sites have the datastore, and one of them the VMs.
    const { stretched } = found.group;
    if (stretched !== undefined && !isPreferred(stretched)) continue;
    for (const { id, name } of standingVms(found.catalog)) {
      const place = placeOf(instance, id);
      const datastoreIds = [...(vms[place]?.datastoreIds ?? []), datastoreId];
      vms[place] = { id, instance, name, datastoreIds };
    }
  }
  return { ...emptyState, mounts, vms };
};

/**
 * The compute of a session, if it answers. One in an empty directory is new, and finds its site as
 * it is; afterwards only verbs change that. One without a directory is gone, and is not made again:
 * it may have been moved away with its site.
 */
export const computeOf = async (session: Session, signal: AbortSignal): Promise<ComputeSession> => {
  const compute = asCompute(session);
  const { directory, arrays } = compute;
  const file = computeFile(directory);
  await access(directory).catch(() => {
    throw failure('unreachable', `compute ${compute.id} does not answer: ${directory} is gone`, {
      hint: 'Create the directory for a new compute; bring it back for an old one.',
    });
  });
  await takeTime(directory, signal);
  if ((await readJson<ComputeState>(file)) === undefined) {
    await withLocks([await lockOf(directory)], {}, async () => {
      if ((await readJson(file)) === undefined) await writeJson(file, await firstState(arrays));
    });
  }
  return compute;
};

export const listVms = async (call: ListingCall<Session>): Promise<Page<Vm>> => {
  const { directory } = await computeOf(call.session, call.signal);
  const { vms } = await readCompute(directory);
  const items = Object.values(vms).map(({ id, name, datastoreIds, instance }): Vm => {
    const power = runningVm(directory, instance, id) === undefined ? 'off' : 'on';
    return { id, name, datastoreIds, instance, power };
  });
  return pageOf(items, call.page, ({ instance, id }) => placeOf(instance, id));
};

/** What is mounted, and what could be: datastores on devices of the site that are not. */
export const listDatastores = async (call: ListingCall<Session>): Promise<Page<Datastore>> => {
  const { directory, arrays } = await computeOf(call.session, call.signal);
  const { mounts } = await readCompute(directory);
  const all = new Map<string, Datastore>();
  for (const found of (await survey(arrays)).found) {
    const { id, name, disk } = mountOf(found, 'production');
    const place = placeOf('production', id);
    const devices = [{ arrayId: disk.arrayId, deviceId: disk.deviceId }];
    all.set(place, { id, name, devices, mounted: false, instance: 'production' });
  }
  for (const [place, { id, name, instance, disk }] of Object.entries(mounts)) {
    const devices = [{ arrayId: disk.arrayId, deviceId: disk.deviceId }];
    all.set(place, { id, name, devices, mounted: true, instance });
  }
  return pageOf([...all.values()], call.page, ({ instance, id }) => placeOf(instance, id));
};
