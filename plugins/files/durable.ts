/**
 * Durable small files. A reader sees the old content or the new, whole; what was acknowledged
 * survives a crash of the machine: temporary file, sync, rename, sync of the directory.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { failure, isMissingFile } from './faults.ts';

/** Version of every JSON file that this plugin keeps. */
export const format = 1;

export const syncDirectory = async (directory: string): Promise<void> => {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/** Replaces a file; returns when the new content can no longer be lost. */
export const writeDurably = async (path: string, content: string | Uint8Array): Promise<void> => {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  const handle = await open(temporary, 'wx', 0o600);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
  try {
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
};

/** Replaces a file whose loss costs nothing but time: whole for readers, not synced. */
export const writeWhole = async (path: string, content: string): Promise<void> => {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  await writeFile(temporary, content, { flag: 'wx', mode: 0o600 });
  await rename(temporary, path);
};

export const writeJson = (path: string, value: { readonly format: number }): Promise<void> =>
  writeDurably(path, `${JSON.stringify(value)}\n`);

/** Returns when the file can no longer come back. */
export const removeDurably = async (path: string): Promise<void> => {
  try {
    await rm(path);
  } catch (error) {
    if (isMissingFile(error)) return;
    throw error;
  }
  await syncDirectory(dirname(path));
};

/** What a text says, or a fault that names its file. */
export const parseJson = <T extends { readonly format: number }>(path: string, text: string): T => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw failure('corrupt', `${path} is damaged: it is not JSON`);
  }
  const found = (value as { format?: unknown } | null)?.format;
  if (found !== format) {
    throw failure('unsupported', `${path} is of format ${String(found)}; this plugin knows 1`, {
      hint: 'Use the release of the plugin that wrote it; the file was left untouched.',
    });
  }
  return value as T;
};

/** Undefined when there is no such file. */
export const readJson = async <T extends { readonly format: number }>(
  path: string,
): Promise<T | undefined> => {
  try {
    return parseJson<T>(path, await readFile(path, 'utf8'));
  } catch (error) {
    if (isMissingFile(error)) return undefined;
    throw error;
  }
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

/** Creates a directory that is still there after a crash of the machine. */
export const makeDirectory = async (directory: string): Promise<void> => {
  const first = await mkdir(directory, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let at = directory; at.length >= first.length; at = dirname(at)) {
    await syncDirectory(dirname(at));
  }
};
