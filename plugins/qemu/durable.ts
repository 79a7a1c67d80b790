/**
 * Durable small files beside the images. A reader sees the old content or the new, whole; what was
 * acknowledged survives a crash: temporary file, sync, rename, sync of the directory.
 *
 * Only the syncs are waited for: all else is over sooner than a turn through a pool of threads
 * takes, of which one file would need eight, and a guest stands still for some of them.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, fsync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { failure } from './faults.ts';

/** Version of every JSON file that this plugin keeps. */
export const format = 1;

interface Formatted {
  readonly format: number;
}

const sync = promisify(fsync);

/** What was created in a directory, or renamed into it, can no longer be lost. */
export const syncDirectory = async (directory: string): Promise<void> => {
  const file = openSync(directory, 'r');
  await sync(file).finally(() => closeSync(file));
};

/** Replaces a file; returns when the new content can no longer be lost. */
export const writeJson = async (path: string, value: Formatted): Promise<void> => {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  const file = openSync(temporary, 'wx', 0o600);
  try {
    writeFileSync(file, `${JSON.stringify(value)}\n`);
    await sync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
  await syncDirectory(dirname(path));
};

export const isMissingFile = (error: unknown): boolean =>
  ['ENOENT', 'ENOTDIR'].includes(String((error as { code?: unknown } | undefined)?.code));

/** Undefined when there is no such file. */
export const readJson = async <T extends Formatted>(path: string): Promise<T | undefined> => {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (isMissingFile(error)) return undefined;
    throw error;
  }
  let value: Partial<T> | null;
  try {
    value = JSON.parse(text);
  } catch {
    throw failure('corrupt', `${path} is damaged: it is not JSON`);
  }
  if (value?.format === format) return value as T;
  throw failure('unsupported', `${path} is of format ${String(value?.format)}; known is ${format}`);
};

/** Names in a directory; none when there is no such directory. Temporary files are left out. */
export const namesIn = async (directory: string): Promise<string[]> => {
  try {
    return (await readdir(directory)).filter((name) => !name.endsWith('.tmp')).sort();
  } catch (error) {
    if (isMissingFile(error)) return [];
    throw error;
  }
};

export const makeDirectory = async (directory: string): Promise<void> => {
  const first = await mkdir(directory, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let at = directory; at.length >= first.length; at = dirname(at)) {
    await syncDirectory(dirname(at));
  }
};
