/**
 * Durable small files beside the images. A reader sees the old content or the new, whole; what was
 * acknowledged survives a crash.
 *
 * A file has room for its content twice: a line each, with a sequence number and a sum. The older
 * one is written over, and the newest whole one counts: so nothing is created, renamed or grown for
 * a change, which on a journaling file system waits for whatever else is being made durable.
 *
 * Only syncs are waited for: all else is over sooner than a turn through a pool of threads takes,
 * and a guest stands still for some of them.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fdatasync,
  fsync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  write,
  writeSync,
} from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { crc32 } from 'node:zlib';
import { failure } from './faults.ts';
import { slotBytesMin } from './limits.ts';

/** Version of every JSON file that this plugin keeps. */
export const format = 1;

interface Formatted {
  readonly format: number;
}

const sync = promisify(fsync);
const syncData = promisify(fdatasync);
const writeAt = promisify(write);

/** Closes the file when it can no longer be lost. */
const kept = (file: number, how: (file: number) => Promise<void>): Promise<void> =>
  how(file).finally(() => closeSync(file));

/** What was created in a directory, or renamed into it, can no longer be lost. */
export const syncDirectory = (directory: string): Promise<void> =>
  kept(openSync(directory, 'r'), sync);

/** Of both: what was cut short between them is neither content. */
const sumOf = (sequence: number, text: string): string =>
  crc32(`${sequence} ${text}`).toString(16).padStart(8, '0');

const lineOf = (sequence: number, text: string): Buffer => {
  const number = String(sequence).padStart(10, '0');
  const sum = sumOf(sequence, text);
  return Buffer.from(`{"sequence":"${number}","sum":"${sum}","value":${text}}\n`);
};

const head = /^\{"sequence":"(\d{10})","sum":"([0-9a-f]{8})","value":/;

/** The newest content of a file, which of its halves holds it, and how much such a half takes. */
interface Slotted {
  readonly sequence: number;
  readonly text: string;
  readonly slot: 0 | 1;
  readonly slotBytes: number;
}

const slotIn = (bytes: Buffer, slot: 0 | 1): Slotted | undefined => {
  const slotBytes = bytes.length / 2;
  const half = bytes.subarray(slot * slotBytes, (slot + 1) * slotBytes);
  const line = half.toString('utf8', 0, Math.max(0, half.indexOf(10)));
  const found = head.exec(line);
  if (found === null) return undefined;
  const text = line.slice(found[0].length, -1);
  const sequence = Number(found[1]);
  if (sumOf(sequence, text) !== found[2]) return undefined;
  return { sequence, text, slot, slotBytes };
};

/** Undefined: neither half is whole. */
const newestIn = (bytes: Buffer): Slotted | undefined => {
  const [one, other] = [slotIn(bytes, 0), slotIn(bytes, 1)];
  if (one === undefined || other === undefined) return one ?? other;
  return one.sequence > other.sequence ? one : other;
};

export const isMissingFile = (error: unknown): boolean =>
  ['ENOENT', 'ENOTDIR'].includes(String((error as { code?: unknown } | undefined)?.code));

/** Undefined when there is no such file. */
const bytesOf = (path: string): Buffer | undefined => {
  try {
    return readFileSync(path);
  } catch (error) {
    if (isMissingFile(error)) return undefined;
    throw error;
  }
};

/** A file that was replaced: who looks sees the new content. */
export interface Replaced {
  /** The new content can no longer be lost. */
  readonly kept: Promise<void>;
}

/** It is for who waits for it, which may be later. */
const replaced = (kept: Promise<void>): Replaced => {
  kept.catch(() => undefined);
  return { kept };
};

/** A file with room for twice as much as this. */
const create = async (path: string, sequence: number, text: string): Promise<Replaced> => {
  const line = lineOf(sequence, text);
  let slotBytes = slotBytesMin;
  while (slotBytes < line.length) slotBytes *= 2;
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  const file = openSync(temporary, 'wx', 0o600);
  try {
    const bytes = Buffer.alloc(2 * slotBytes, ' ');
    line.copy(bytes);
    writeSync(file, bytes);
  } catch (error) {
    closeSync(file);
    throw error;
  }
  await kept(file, sync);
  renameSync(temporary, path);
  return replaced(syncDirectory(dirname(path)));
};

/**
 * Replaces a file, for what may begin before that is durable: a process that this machine would
 * lose along with the file. It is replaced again when it is kept, no sooner: one of its contents is
 * durable at any moment.
 */
export const replaceJson = async (path: string, value: Formatted): Promise<Replaced> => {
  const text = JSON.stringify(value);
  const bytes = bytesOf(path);
  const newest = bytes && newestIn(bytes);
  if (newest === undefined) return create(path, 1, text);
  const { slot, slotBytes } = newest;
  const sequence = newest.sequence + 1;
  const line = lineOf(sequence, text);
  if (line.length > slotBytes) return create(path, sequence, text);
  const file = openSync(path, 'r+');
  try {
    await writeAt(file, line, 0, line.length, slot === 0 ? slotBytes : 0);
  } catch (error) {
    closeSync(file);
    throw error;
  }
  return replaced(kept(file, syncData));
};

/** Replaces a file; returns when the new content can no longer be lost. */
export const writeJson = async (path: string, value: Formatted): Promise<void> => {
  const { kept } = await replaceJson(path, value);
  await kept;
};

const parsed = <T>(path: string, text: string): Partial<T> | null => {
  try {
    return JSON.parse(text);
  } catch {
    throw failure('corrupt', `${path} is damaged: it is not JSON`);
  }
};

/** Undefined when there is no such file. */
export const readJson = async <T extends Formatted>(path: string): Promise<T | undefined> => {
  const bytes = bytesOf(path);
  if (bytes === undefined) return undefined;
  // Files were one line of JSON before, and are until they are written again.
  const value = parsed<T>(path, newestIn(bytes)?.text ?? bytes.toString('utf8'));
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
  const first = mkdirSync(directory, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let at = directory; at.length >= first.length; at = dirname(at)) {
    await syncDirectory(dirname(at));
  }
};
