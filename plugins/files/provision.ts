/**
 * Makes arrays out of directories: devices, consistency groups, pairs, datastores and VMs, the
 * replica synchronised, with one recovery point. For demos, examples, tests, and for whoever wants
 * to try Siteswap before a real storage system is at hand.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { symlink } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { emptyMemory, unbound } from '@siteswap/sdk/plugin/kit';
import { type Catalog, type CatalogVm, slotBytesOf, writeCatalog } from './catalog.ts';
import { computeOf, readCompute } from './compute.ts';
import { format, makeDirectory, readJson, syncDirectory, writeJson } from './durable.ts';
import type { End, Stretched } from './ends.ts';
import { failure } from './faults.ts';
import { type GroupAt, type GroupState, groupAt, type StoredDevice } from './group.ts';
import { createImage } from './image.ts';
import { arrayFile, devicesIn, imageFile, stateFile } from './layout.ts';
import { blockBytes, deviceBytesMin, heartbeatMsDefault, idLengthMax } from './limits.ts';
import { powerOn } from './power.ts';
import { replicate } from './replicate.ts';
import { resolveAll } from './session.ts';
import {
  reachStorage,
  type Shared,
  type Storage,
  type StorageFile,
  tokenHashOf,
} from './storage.ts';

export interface DeviceSpec {
  readonly id: string;
  /** A multiple of 4096, at least 256 KiB. */
  readonly sizeBytes: number;
  /** Id of its peer at the other array; default: the same id. */
  readonly peerId?: string;
  /** Id of the datastore on it; default: `ds-<device id>`. */
  readonly datastoreId?: string;
  /** For so many VMs more than it begins with, room is left; default: none. */
  readonly room?: number;
}

export interface VmSpec {
  readonly id: string;
  /** Devices of the group that it writes to, in turn; default: one, VMs take them in turn. */
  readonly devices?: readonly string[];
  /** The guest does not stop when it is asked to. */
  readonly ignoresShutDown?: boolean;
}

export interface GroupSpec {
  readonly id: string;
  readonly devices: readonly DeviceSpec[];
  readonly vms?: readonly (string | VmSpec)[];
  /** Both arrays have the group, in one directory; the source's site is the preferred one. */
  readonly stretched?: StretchedSpec;
}

export interface StretchedSpec {
  /** Created; both sites must see it. */
  readonly directory: string;
  /** A write from the side that is not preferred takes this much longer; default: 0. */
  readonly crossSiteMs?: number;
  /**
   * The arrays tell nothing of it: each lists the devices, under the same ids, as if they were its
   * own alone. For `present: shared-as-stretched`.
   */
  readonly unnamed?: boolean;
}

export interface ArraySpec {
  readonly id: string;
  /** Where it stands, as site preferences name it; default: the array's id. */
  readonly siteId?: string;
  /** Created; must not hold an array yet. */
  readonly directory: string;
  /** Sessions must show it. */
  readonly token?: string;
  /** Replication from this array is held to this. */
  readonly bytesPerSecondMax?: number;
  /** Directory of the site's compute, created too; its first session finds the site as it is. */
  readonly computeDirectory?: string;
}

export interface PairSpec {
  readonly source: ArraySpec;
  readonly target: ArraySpec;
  readonly groups: readonly GroupSpec[];
}

const checkId = (what: string, id: string): void => {
  if (id.length > 0 && id.length <= idLengthMax && id.isWellFormed()) return;
  throw failure('refused', `${what} needs an id of 1 to ${idLengthMax} characters`);
};

const makeStorage = async (
  spec: ArraySpec,
  peerArrayIds: string[],
  shared: Readonly<Record<string, Shared>>,
): Promise<Storage> => {
  checkId('an array', spec.id);
  if ((await readJson(arrayFile(spec.directory))) !== undefined) {
    throw failure('conflict', `${spec.directory} already holds an array`);
  }
  const { token, bytesPerSecondMax } = spec;
  const file: StorageFile = {
    format,
    id: spec.id,
    name: spec.id,
    uuid: randomUUID(),
    peerArrayIds,
    ...(Object.keys(shared).length === 0 ? {} : { shared }),
    ...(token === undefined ? {} : { tokenHash: tokenHashOf(token) }),
    ...(bytesPerSecondMax === undefined ? {} : { bytesPerSecondMax }),
  };
  await makeDirectory(spec.directory);
  if (spec.computeDirectory !== undefined) await makeDirectory(spec.computeDirectory);
  await writeJson(arrayFile(spec.directory), file);
  return reachStorage(spec.directory, spec.id);
};

const lineageFirst = (): string => `1-${randomBytes(4).toString('hex')}`;

interface Half {
  readonly storage: Storage;
  readonly role: 'source' | 'replica' | 'stretched';
  readonly peerArrayId?: string;
  readonly lineage: string;
  readonly devices: readonly StoredDevice[];
  readonly stretched?: Stretched;
}

const makeGroup = async (id: string, half: Half): Promise<GroupAt> => {
  const { storage, role, peerArrayId, lineage, devices, stretched } = half;
  const at = groupAt(storage, id);
  await makeDirectory(devicesIn(at.directory));
  for (const device of devices) {
    await createImage(imageFile(at.directory, device.id, 'production'), device.sizeBytes);
  }
  const state: GroupState = {
    ...emptyMemory,
    format,
    id,
    ...(peerArrayId === undefined ? {} : { peerArrayId }),
    devices,
    role,
    lineage,
    lineageMax: 1,
    fenced: false,
    suspended: false,
    sumsHold: false,
    snapshots: [],
    ...(stretched === undefined ? {} : { stretched }),
  };
  await writeJson(stateFile(at.directory), state);
  return at;
};

/** Which VMs stand on which device, and as which of their disks. */
const disksOf = (spec: GroupSpec): Map<string, Omit<CatalogVm, 'extent'>[]> => {
  const disks = new Map<string, Omit<CatalogVm, 'extent'>[]>(
    spec.devices.map(({ id }) => [id, []]),
  );
  for (const [position, given] of (spec.vms ?? []).entries()) {
    const vm: VmSpec = typeof given === 'string' ? { id: given } : given;
    checkId('a VM', vm.id);
    const next = spec.devices[position % spec.devices.length] as DeviceSpec;
    const { id, devices = [next.id], ignoresShutDown } = vm;
    for (const [disk, deviceId] of devices.entries()) {
      const on = disks.get(deviceId);
      if (on === undefined) throw failure('missing', `VM ${id} is on no device of its group`);
      const stubborn = ignoresShutDown === true ? { ignoresShutDown } : {};
      on.push({ id, name: id, disk, disks: devices.length, ...stubborn });
    }
  }
  return disks;
};

/** What is left of a device behind its catalog is shared out among its VMs. */
const catalogOf = (device: DeviceSpec, vms: readonly Omit<CatalogVm, 'extent'>[]): Catalog => {
  const start = 2 * slotBytesOf(device.sizeBytes);
  const parts = Math.max(1, vms.length + (device.room ?? 0));
  const share = Math.floor((device.sizeBytes - start) / parts / blockBytes);
  if (share === 0) throw failure('refused', `device ${device.id} is too small for its VMs`);
  const length = share * blockBytes;
  const datastoreId = device.datastoreId ?? `ds-${device.id}`;
  return {
    datastoreId,
    name: datastoreId,
    vms: vms.map((vm, position) => ({
      ...vm,
      extent: { offset: start + position * length, length },
    })),
    files: {},
  };
};

const checkDevices = ({ id, devices, stretched }: GroupSpec): void => {
  checkId('a group', id);
  if (devices.length === 0) throw failure('refused', `group ${id} needs a device`);
  for (const device of devices) {
    checkId('a device', device.id);
    if (stretched?.unnamed && (device.peerId ?? device.id) !== device.id) {
      throw failure('refused', `device ${device.id} of group ${id} has one id at both arrays`);
    }
    if (device.sizeBytes < deviceBytesMin || device.sizeBytes % blockBytes !== 0) {
      throw failure(
        'refused',
        `device ${device.id} needs a size of n × ${blockBytes}, ≥ ${deviceBytesMin}`,
      );
    }
  }
};

const fillSource = async (at: GroupAt, spec: GroupSpec): Promise<void> => {
  const disks = disksOf(spec);
  for (const device of spec.devices) {
    const image = imageFile(at.directory, device.id, 'production');
    await writeCatalog(image, catalogOf(device, disks.get(device.id) ?? []));
  }
};

const stored = (id: string, { sizeBytes }: DeviceSpec, peerId: string): StoredDevice => ({
  id,
  name: id,
  sizeBytes,
  peerId,
});

const devicesAt = (end: 'source' | 'target', { devices }: GroupSpec): StoredDevice[] =>
  devices.map((device) => {
    const { id, peerId = id } = device;
    return end === 'source' ? stored(id, device, peerId) : stored(peerId, device, id);
  });

interface Pair {
  readonly from: Storage;
  readonly to: Storage;
}

const makePlain = async ({ from, to }: Pair, spec: GroupSpec): Promise<void> => {
  const lineage = lineageFirst();
  const sender = await makeGroup(spec.id, {
    storage: from,
    role: 'source',
    peerArrayId: to.id,
    lineage,
    devices: devicesAt('source', spec),
  });
  const receiver = await makeGroup(spec.id, {
    storage: to,
    role: 'replica',
    peerArrayId: from.id,
    lineage,
    devices: devicesAt('target', spec),
  });
  await fillSource(sender, spec);
  await replicate(sender, receiver);
};

/** One directory; an id that a device has at the other array is a second name of its image. */
const makeStretched = async (
  { from, to }: Pair,
  spec: GroupSpec,
  { source, target }: PairSpec,
): Promise<void> => {
  const endOf = ({ id, siteId = id }: ArraySpec): End => ({ arrayId: id, siteId, acceptsFrom: 1 });
  const ends = [endOf(source), endOf(target)] as const;
  const { crossSiteMs = 0, unnamed } = spec.stretched ?? {};
  const at = await makeGroup(spec.id, {
    storage: from,
    role: 'stretched',
    peerArrayId: to.id,
    lineage: lineageFirst(),
    devices: devicesAt('source', spec),
    stretched: {
      ends,
      preferredSiteId: ends[0].siteId,
      crossSiteMs,
      ...(unnamed && { unnamed }),
    },
  });
  for (const { id, peerId = id } of spec.devices) {
    const name = imageFile(at.directory, peerId, 'production');
    if (peerId !== id) await symlink(basename(imageFile('', id, 'production')), name);
  }
  await syncDirectory(devicesIn(at.directory));
  await fillSource(at, spec);
};

const sharedOf = (groups: readonly GroupSpec[]): Record<string, Shared> =>
  Object.fromEntries(
    groups.flatMap(({ id, stretched }) =>
      stretched === undefined
        ? []
        : [[id, { directory: resolve(stretched.directory), uuid: randomUUID() }]],
    ),
  );

/** Makes both arrays and synchronises them; the first copy is not held to the bandwidth. */
export const provisionPair = async (pair: PairSpec): Promise<void> => {
  const { source, target, groups } = pair;
  const shared = sharedOf(groups);
  const { bytesPerSecondMax, ...from } = await makeStorage(source, [target.id], shared);
  const to = await makeStorage(target, [source.id], shared);
  for (const spec of groups) {
    checkDevices(spec);
    if (spec.stretched === undefined) await makePlain({ from, to }, spec);
    else await makeStretched({ from, to }, spec, pair);
  }
};

export interface SiteSpec {
  /** Of the compute. */
  readonly directory: string;
  /** Array id → its directory. */
  readonly arrays: Readonly<Record<string, string>>;
  readonly heartbeatMs?: number;
}

/** Powers on every VM that is registered at a compute; answers their ids. */
export const startVms = async (site: SiteSpec): Promise<string[]> => {
  const { heartbeatMs = heartbeatMsDefault } = site;
  const directory = resolve(site.directory);
  const arrays = resolveAll(site.arrays);
  const session = {
    kind: 'compute',
    id: directory,
    directory,
    arrays,
    heartbeatMs,
    computes: {},
  } as const;
  const licence = unbound({ key: `start-${randomUUID()}`, epoch: 0 });
  const compute = await computeOf(session, licence.signal);
  const { vms } = await readCompute(directory);
  const ids = Object.values(vms).flatMap(({ id, instance }) =>
    instance === 'production' ? [id] : [],
  );
  for (const id of ids) await powerOn(compute, licence, { id, instance: 'production' });
  return ids;
};
