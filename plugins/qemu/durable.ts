/**
 * Durable small files beside the images. A reader sees the old content or the new, whole; what was
 * acknowledged survives a crash.
 *
 * A file has room for its content twice: a line each, with a sequence number and a sum. The older
 * one is written over, and the newest counts: so nothing is created, renamed or grown for a change,
 * which on a journaling file system waits for whatever else is being made durable. Each has a page
 * of its own, which no process leaves half written; what is larger is renamed, as a line alone.
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
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { crc32 } from 'node:zlib';
import { failure } from './faults.ts';
import { slotBytes, slotTries } from './limits.ts';

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

/** This boot of the machine: what an earlier one was writing may have been cut short by its end. */
const thisBoot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').slice(0, 8);

/** Of all of it: what was cut short between two lines is neither. */
const sumOf = (sequence: number, boot: string, text: string): string =>
  crc32(`${sequence} ${boot} ${text}`).toString(16).padStart(8, '0');

const lineOf = (sequence: number, text: string): Buffer => {
  const number = String(sequence).padStart(10, '0');
  const sum = sumOf(sequence, thisBoot, text);
  return Buffer.from(
    `{"sequence":"${number}","boot":"${thisBoot}","sum":"${sum}","value":${text}}\n`,
  );
};

const head = /^\{"sequence":"(\d{10})","boot":"([0-9a-f]{8})","sum":"([0-9a-f]{8})","value":/;

/** A whole content of a file, and which of its halves holds it. */
interface Slotted {
  readonly sequence: number;
  readonly boot: string;
  readonly text: string;
  readonly slot: 0 | 1;
}

/** `blank`: it was never written. */
const slotIn = (bytes: Buffer, slot: 0 | 1): Slotted | 'blank' | 'damaged' => {
  const half = bytes.subarray(slot * slotBytes, (slot + 1) * slotBytes);
  if (half.every((byte) => byte === 0x20)) return 'blank';
  const line = half.toString('utf8', 0, Math.max(0, half.indexOf(10)));
  const found = head.exec(line);
  if (found === null) return 'damaged';
  const text = line.slice(found[0].length, -1);
  const [sequence, boot = ''] = [Number(found[1]), found[2]];
  return sumOf(sequence, boot, text) === found[3] ? { sequence, boot, text, slot } : 'damaged';
};

/**
 * The newest content. One half that is damaged was being written when the machine fell, if the
 * other is of an earlier boot; else it is damage, and what it held is not guessed from the other.
 */
const newestIn = (bytes: Buffer): Slotted | 'damaged' => {
  const [one, other] = [slotIn(bytes, 0), slotIn(bytes, 1)];
  if (typeof one === 'object' && typeof other === 'object') {
    return one.sequence > other.sequence ? one : other;
  }
  const [whole, rest] = typeof one === 'object' ? [one, other] : [other, one];
  if (typeof whole !== 'object') return 'damaged';
  return rest === 'blank' || whole.boot !== thisBoot ? whole : 'damaged';
};

const isSlotted = (bytes: Buffer): boolean => bytes.length === 2 * slotBytes;

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

/** A large content, never of the length by which those of two are known. */
const plainOf = (text: string): Buffer => {
  const bytes = Buffer.from(`${text}\n`);
  return isSlotted(bytes) ? Buffer.from(`${text} \n`) : bytes;
};

/** A new file: with room for two contents, or one line where that is too much for half of it. */
const create = async (path: string, text: string): Promise<Replaced> => {
  const line = lineOf(1, text);
  const isLarge = line.length > slotBytes;
  const bytes = isLarge ? plainOf(text) : Buffer.alloc(2 * slotBytes, ' ');
  if (!isLarge) line.copy(bytes);
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  const file = openSync(temporary, 'wx', 0o600);
  try {
    writeSync(file, bytes);
  } catch (error) {
    closeSync(file);
    throw error;
  }
  await kept(file, sync);
  renameSync(temporary, path);
  return replaced(syncDirectory(dirname(path)));
};

/** One line of JSON: what is large, and all that was written before there were two. */
interface Plain {
  readonly plain: string;
}

/** What a file holds now; a half that is being written is looked at again. */
const settledIn = async (path: string): Promise<Slotted | Plain | 'damaged' | 'none'> => {
  for (let tries = 1; ; tries += 1) {
    const bytes = bytesOf(path);
    if (bytes === undefined) return 'none';
    if (!isSlotted(bytes)) return { plain: bytes.toString('utf8') };
    const newest = newestIn(bytes);
    if (newest !== 'damaged' || tries === slotTries) return newest;
    await sleep(1);
  }
};

/**
 * Replaces a file, for what may begin before that is durable: a process that this machine would
 * lose along with the file. It is replaced again when it is kept, no sooner: one of its contents is
 * durable at any moment.
 */
export const replaceJson = async (path: string, value: Formatted): Promise<Replaced> => {
  const text = JSON.stringify(value);
  const newest = await settledIn(path);
  if (typeof newest === 'string' || 'plain' in newest) return create(path, text);
  const { slot } = newest;
  const line = lineOf(newest.sequence + 1, text);
  if (line.length > slotBytes) return create(path, text);
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
  const newest = await settledIn(path);
  if (newest === 'none') return undefined;
  if (newest === 'damaged') throw failure('corrupt', `${path} is damaged: its sums do not hold`);
  const isPlain = 'plain' in newest;
  const value = parsed<T>(path, isPlain ? newest.plain : newest.text);
  if (value?.format === format) return value as T;
  if (isPlain && value !== null && 'sequence' in (value as object)) {
    throw failure('corrupt', `${path} is damaged: it has lost some of its bytes`);
  }
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
