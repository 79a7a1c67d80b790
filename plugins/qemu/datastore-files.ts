/** Small files in a mounted datastore: its catalog holds them, so replication carries them. */
import type { FileTarget, Instance } from '@siteswap/sdk/plugin';
import { checkDeadline, type Licence } from '@siteswap/sdk/plugin/kit';
import { changeDatastore, readDatastore, withCatalogLock } from './disks.ts';
import { failure, faultOf } from './faults.ts';
import { fileBytesMax } from './limits.ts';
import { diskOf } from './mounts.ts';
import type { ComputeSession } from './session.ts';

/** The production datastore; a test's when no other is mounted. */
const instanceOf = async (
  compute: ComputeSession,
  { datastoreId }: FileTarget,
): Promise<Instance> => {
  try {
    await diskOf(compute, datastoreId, 'production');
    return 'production';
  } catch (error) {
    const isElse = await diskOf(compute, datastoreId, 'test').catch((second: unknown) => second);
    if (faultOf(isElse) !== undefined || isElse instanceof Error) throw error;
    return 'test';
  }
};

export const readFileIn = async (
  compute: ComputeSession,
  target: FileTarget,
): Promise<{ content: string }> => {
  const { datastoreId, path } = target;
  const { files } = await readDatastore(compute, datastoreId, await instanceOf(compute, target));
  const content = Object.hasOwn(files, path) ? files[path] : undefined;
  if (content !== undefined) return { content };
  throw failure('missing', `datastore ${datastoreId} has no file ${path}`);
};

/** Paths that start with the target's path, sorted. */
export const listFilesIn = async (
  compute: ComputeSession,
  target: FileTarget,
): Promise<string[]> => {
  const instance = await instanceOf(compute, target);
  const { files } = await readDatastore(compute, target.datastoreId, instance);
  return Object.keys(files)
    .filter((path) => path.startsWith(target.path))
    .sort();
};

const checkFile = ({ path, content }: FileTarget): string => {
  if (path === '') throw failure('refused', 'a file needs a path');
  if (content === undefined) throw failure('refused', `file ${path} was given no content`);
  if (Buffer.byteLength(content) <= fileBytesMax) return content;
  throw failure('refused', `file ${path} is larger than ${fileBytesMax} bytes`);
};

/** Takes a file away. Not there already: nothing to do. */
export const removeFileIn = async (
  compute: ComputeSession,
  call: Licence,
  target: FileTarget,
): Promise<void> => {
  const { datastoreId, path } = target;
  const instance = await instanceOf(compute, target);
  await withCatalogLock(compute, { id: datastoreId, instance }, call.signal, async () => {
    checkDeadline(call);
    await changeDatastore(compute, datastoreId, instance, (catalog) => {
      if (!Object.hasOwn(catalog.files, path)) return catalog;
      const { [path]: _, ...files } = catalog.files;
      return { ...catalog, files };
    });
  });
};

/** Replaces a file. Writing the same content again changes nothing. */
export const writeFileIn = async (
  compute: ComputeSession,
  call: Licence,
  target: FileTarget,
): Promise<void> => {
  const content = checkFile(target);
  const { datastoreId, path } = target;
  const instance = await instanceOf(compute, target);
  await withCatalogLock(compute, { id: datastoreId, instance }, call.signal, async () => {
    checkDeadline(call);
    await changeDatastore(compute, datastoreId, instance, (catalog) =>
      catalog.files[path] === content
        ? catalog
        : { ...catalog, files: { ...catalog.files, [path]: content } },
    );
  });
};
