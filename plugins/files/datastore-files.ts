/** Small files in a mounted datastore: its catalog holds them, so replication carries them. */
import type { FileTarget } from '@siteswap/sdk/plugin';
import { checkDeadline, type Licence } from '@siteswap/sdk/plugin/kit';
import { type Catalog, readCatalog, writeCatalog } from './catalog.ts';
import { type ComputeState, type Mount, openMount, placeOf } from './compute.ts';
import { failure } from './faults.ts';
import { ownLicence, withGroup } from './group.ts';
import { imageFile } from './layout.ts';
import { fileBytesMax } from './limits.ts';
import { licenceOf } from './seats.ts';

/** The production mount; a test's when there is no other. */
export const mountedAs = (state: ComputeState, datastoreId: string): Mount => {
  const mounted =
    state.mounts[placeOf('production', datastoreId)] ?? state.mounts[placeOf('test', datastoreId)];
  if (mounted !== undefined) return mounted;
  throw failure('missing', `datastore ${datastoreId} is not mounted here`, {
    hint: 'Mount it first.',
  });
};

export const readFileIn = async (
  state: ComputeState,
  { datastoreId, path }: FileTarget,
): Promise<{ content: string }> => {
  const { catalog } = await openMount(mountedAs(state, datastoreId));
  const content = Object.hasOwn(catalog.files, path) ? catalog.files[path] : undefined;
  if (content === undefined)
    throw failure('missing', `datastore ${datastoreId} has no file ${path}`);
  return { content };
};

/** Paths that start with the target's path, sorted. */
export const listFilesIn = async (
  state: ComputeState,
  { datastoreId, path }: FileTarget,
): Promise<string[]> => {
  const { catalog } = await openMount(mountedAs(state, datastoreId));
  return Object.keys(catalog.files)
    .filter((one) => one.startsWith(path))
    .sort();
};

const checkFile = ({ path, content }: FileTarget): string => {
  if (path === '') throw failure('refused', 'a file needs a path');
  if (content === undefined) throw failure('refused', `file ${path} was given no content`);
  if (Buffer.byteLength(content) <= fileBytesMax) return content;
  throw failure('refused', `file ${path} is larger than ${fileBytesMax} bytes`);
};

/** Puts a changed catalog into a mounted datastore that accepts writers. */
export const changeCatalog = async (
  { id, instance, disk, name }: Mount,
  call: Licence,
  change: (catalog: Catalog, sizeBytes: number) => Catalog,
): Promise<void> => {
  const { at } = await openMount({ id, instance, disk, name });
  await withGroup(at, ownLicence(), async (held) => {
    licenceOf(held.state, instance);
    const image = imageFile(at.directory, disk.deviceId, instance);
    const catalog = await readCatalog(image);
    if (catalog === undefined) throw failure('corrupt', `${image} holds no datastore any more`);
    const { sizeBytes = 0 } = held.state.devices.find((one) => one.id === disk.deviceId) ?? {};
    const next = change(catalog, sizeBytes);
    if (next === catalog) return;
    checkDeadline(call);
    await writeCatalog(image, next);
  });
};

/** Not there: success. */
export const removeFileIn = async (
  state: ComputeState,
  call: Licence,
  { datastoreId, path }: FileTarget,
): Promise<void> => {
  await changeCatalog(mountedAs(state, datastoreId), call, (catalog) => {
    if (!Object.hasOwn(catalog.files, path)) return catalog;
    const { [path]: _, ...files } = catalog.files;
    return { ...catalog, files };
  });
};

/** Replaces a file. Writing the same content again changes nothing. */
export const writeFileIn = async (
  state: ComputeState,
  call: Licence,
  target: FileTarget,
): Promise<void> => {
  const content = checkFile(target);
  await changeCatalog(mountedAs(state, target.datastoreId), call, (catalog) =>
    catalog.files[target.path] === content
      ? catalog
      : { ...catalog, files: { ...catalog.files, [target.path]: content } },
  );
};
