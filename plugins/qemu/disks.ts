/**
 * A VM's disks: each a part of a datastore that is mounted here, as its catalog says; and what a
 * catalog holds beside them.
 */
import type { Instance } from '@siteswap/sdk/plugin';
import { socketAddressOf } from './array.ts';
import { type Catalog, type Extent, readCatalog, writeCatalog } from './catalog.ts';
import type { Registered } from './compute.ts';
import { failure } from './faults.ts';
import { withLocks } from './locks.ts';
import type { BlockDevice } from './machine.ts';
import { type Disk, diskOf, diskToOpen } from './mounts.ts';
import { type Export, withExport } from './nbd.ts';
import type { ComputeSession } from './session.ts';

const withCatalog = <T>(
  { address, exportName }: Disk,
  id: string,
  body: (catalog: Catalog, opened: Export) => Promise<T>,
): Promise<T> =>
  withExport(address, exportName, async (opened) => {
    const catalog = await readCatalog(opened);
    if (catalog?.datastoreId === id) return body(catalog, opened);
    throw failure('missing', `datastore ${id} has no catalog that names it`);
  });

/** Runs `body` with a datastore that is mounted here. */
export const withDatastore = async <T>(
  compute: ComputeSession,
  id: string,
  instance: Instance,
  body: (catalog: Catalog, opened: Export) => Promise<T>,
): Promise<T> => withCatalog(await diskToOpen(compute, id, instance), id, body);

export const readDatastore = (
  compute: ComputeSession,
  id: string,
  instance: Instance,
): Promise<Catalog> => withDatastore(compute, id, instance, async (catalog) => catalog);

export const changeDatastore = (
  compute: ComputeSession,
  id: string,
  instance: Instance,
  change: (catalog: Catalog) => Catalog,
): Promise<void> =>
  withDatastore(compute, id, instance, async (catalog, opened) => {
    const next = change(catalog);
    if (next !== catalog) await writeCatalog(opened, next);
  });

/** Runs `body` while nobody else of this compute changes the catalog. */
export const withCatalogLock = async <T>(
  compute: ComputeSession,
  { id, instance }: { readonly id: string; readonly instance: Instance },
  signal: AbortSignal,
  body: () => Promise<T>,
): Promise<T> => {
  const { uri } = await diskOf(compute, id, instance);
  return withLocks([`catalog of ${uri}`], signal, body);
};

const partOf = ({ address, exportName }: Disk, { offset, length }: Extent): BlockDevice => {
  const server = socketAddressOf(address);
  const file = { driver: 'nbd', server, export: exportName, 'reconnect-delay': 0 };
  return { driver: 'raw', offset, size: length, file };
};

/** A part of a mounted datastore, as QEMU takes it. */
export const diskFor = async (
  compute: ComputeSession,
  datastoreId: string,
  instance: Instance,
  extent: Extent,
): Promise<BlockDevice> => partOf(await diskOf(compute, datastoreId, instance), extent);

/**
 * The VM's disks in order, as QEMU takes them; `migrationId`: for the process that it comes into
 * with that migration.
 */
export const disksOf = async (
  compute: ComputeSession,
  { id, instance, datastoreIds }: Registered,
  migrationId?: string,
): Promise<readonly BlockDevice[]> => {
  const disks: BlockDevice[] = [];
  for (const datastoreId of datastoreIds) {
    const disk = await diskToOpen(compute, datastoreId, instance, migrationId);
    const { vms } = await withCatalog(disk, datastoreId, async (catalog) => catalog);
    const entry = vms.find((one) => one.id === id);
    if (entry === undefined) {
      throw failure('missing', `VM ${id} is not on datastore ${datastoreId}`);
    }
    if (entry.copyOf !== undefined) {
      throw failure('conflict', `VM ${id} has half a copy on datastore ${datastoreId}`);
    }
    disks[entry.disk] = partOf(disk, entry.extent);
  }
  return disks;
};
