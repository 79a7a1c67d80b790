/**
 * Making arrays: what an administrator of a real one would do before Siteswap comes. Both ends of a
 * pair begin with the same bytes (none), so the first sync copies what was written and no more.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { emptyMemory, ownLicence } from '@siteswap/sdk/plugin/kit';
import {
  type Address,
  type ArrayFile,
  checkId,
  fileOf,
  format,
  reachArray,
  type Storage,
} from './array.ts';
import { stopDaemon } from './daemon.ts';
import { makeDirectory, readJson, writeJson } from './durable.ts';
import { failure } from './faults.ts';
import {
  type GroupState,
  groupAt,
  newLayerId,
  newLineage,
  type StoredDevice,
  stateFile,
} from './group.ts';
import { createImage } from './images.ts';
import { deviceBytesMin } from './limits.ts';
import { imageOf } from './names.ts';

export interface ArraySpec {
  readonly id: string;
  readonly directory: string;
  /** Default: a unix socket in the directory. */
  readonly address?: Address;
  /** Peer array id → where its daemon is reached, when that is not its own address. */
  readonly links?: Readonly<Record<string, Address>>;
}

export interface DeviceSpec {
  readonly id: string;
  /** Its id at the other array; default: the same. */
  readonly peerId?: string;
  readonly sizeBytes: number;
  /** The datastore on it; default: `ds-` and its id. */
  readonly datastoreId?: string;
}

export interface GroupSpec {
  readonly id: string;
  readonly mode: 'synchronous' | 'asynchronous';
  readonly devices: readonly DeviceSpec[];
  /**
   * Sites of the source and the target: the role goes over together with a VM that is migrated
   * live, so that both serve it. Synchronous only.
   */
  readonly metro?: readonly [string, string];
}

const makeArray = async (spec: ArraySpec, peerArrayIds: readonly string[]): Promise<Storage> => {
  const { id, directory, links } = spec;
  checkId(id);
  await makeDirectory(fileOf.groups(directory));
  const address = spec.address ?? { path: join(directory, 'nbd.sock') };
  const made: ArrayFile = {
    ...{ format, id, uuid: randomUUID(), name: id, peerArrayIds, address },
    ...(links === undefined ? {} : { links }),
  };
  await writeJson(fileOf.description(directory), made);
  return reachArray(directory, id, false);
};

const makeGroup = async (
  storage: Storage,
  given: Partial<GroupState> & GroupSpecOf,
): Promise<void> => {
  const at = groupAt(storage, given.id);
  await makeDirectory(at.directory);
  const [lowest, active] = [newLayerId(), newLayerId()];
  for (const device of given.devices) {
    if (device.sizeBytes < deviceBytesMin || device.sizeBytes % 512 !== 0) {
      throw failure(
        'refused',
        `device ${device.id} of ${device.sizeBytes} bytes is too small or odd`,
      );
    }
    const below = imageOf(at, device, lowest);
    await createImage(below, device.sizeBytes);
    await createImage(imageOf(at, device, active), device.sizeBytes, below);
  }
  const { point, ...rest } = given;
  const state: GroupState = {
    ...{ format, ...emptyMemory, lineageMax: 1, fenced: false, suspended: false, forgot: false },
    ...{ inflow: 'still', hosts: [] },
    ...rest,
    layers: [{ id: lowest, point }, { id: active }],
    fresh: active,
  };
  await writeJson(stateFile(at), state);
};

type GroupSpecOf = Pick<GroupState, 'id' | 'mode' | 'role' | 'lineage'> & {
  readonly devices: readonly StoredDevice[];
  readonly point: { readonly id: string; readonly atMs: number; readonly by: string };
};

const deviceAt = (spec: DeviceSpec, side: 'source' | 'target'): StoredDevice => {
  const { id, peerId = id, sizeBytes, datastoreId = `ds-${id}` } = spec;
  checkId(id);
  checkId(peerId);
  const ids = side === 'source' ? { id, peerId } : { id: peerId, peerId: id };
  return { ...ids, name: ids.id, sizeBytes, datastoreId };
};

const metroAt = (sites: GroupSpec['metro'], side: 'source' | 'target') => {
  if (sites === undefined) return {};
  const [preferredSiteId, other] = sites;
  const [siteId, peerSiteId] =
    side === 'source' ? [preferredSiteId, other] : [other, preferredSiteId];
  return { metro: { siteId, peerSiteId, preferredSiteId } };
};

/** Two arrays with groups that replicate from the first to the second. No daemon is started. */
export const provisionPair = async (spec: {
  readonly source: ArraySpec;
  readonly target: ArraySpec;
  readonly groups: readonly GroupSpec[];
}): Promise<void> => {
  const source = await makeArray(spec.source, [spec.target.id]);
  const target = await makeArray(spec.target, [spec.source.id]);
  for (const { id, mode, devices, metro } of spec.groups) {
    if (metro !== undefined && mode !== 'synchronous') {
      throw failure('refused', `group ${id} of two sites has to be synchronous`);
    }
    const point = { id: `origin-${randomUUID()}`, atMs: Date.now(), by: source.id };
    const both = { id, mode, lineage: newLineage(1), point };
    for (const [storage, role, side, peer] of [
      [source, 'source', 'source', target],
      [target, 'replica', 'target', source],
    ] as const) {
      const at = { role, peerArrayId: peer.id, devices: devices.map((one) => deviceAt(one, side)) };
      await makeGroup(storage, { ...both, ...at, ...metroAt(metro, side) });
    }
  }
};

/** One array that the hosts of two sites share: known at each under an id of its own. */
export const provisionShared = async (spec: {
  readonly storage: ArraySpec;
  readonly otherId: string;
  /** The first one is preferred. */
  readonly siteIds: readonly [string, string];
  readonly groups: readonly Pick<GroupSpec, 'id' | 'devices'>[];
}): Promise<void> => {
  const storage = await makeArray(spec.storage, []);
  const { directory } = spec.storage;
  const known = await readJson<ArrayFile>(fileOf.description(directory));
  const shared: ArrayFile = { ...(known as ArrayFile), alsoKnownAs: [spec.otherId] };
  await writeJson(fileOf.description(directory), shared);
  for (const { id, devices } of spec.groups) {
    const point = { id: `origin-${randomUUID()}`, atMs: Date.now(), by: storage.id };
    await makeGroup(storage, {
      ...{ id, mode: 'synchronous', role: 'single', lineage: newLineage(1), point },
      shared: { siteIds: spec.siteIds, preferredSiteId: spec.siteIds[0] },
      devices: devices.map((one) => {
        const { peerId, ...device } = deviceAt(one, 'source');
        return device;
      }),
    });
  }
};

/** Ends an array's daemon cleanly: what it knows by counting survives. None: nothing to do. */
export const stopArray = async (directory: string, id: string): Promise<void> =>
  stopDaemon(await reachArray(directory, id, false), ownLicence().signal);
