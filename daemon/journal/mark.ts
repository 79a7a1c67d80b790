/**
 * A journal's mark: a small file beside it that says how many groups have been committed. SQLite
 * takes a log that was cut, or is gone, for one that ends there; the mark knows better.
 *
 * It is written after each commit, in place and without a sync of its own. So it may lag behind the
 * journal after a loss of power, and only sees less then; it is never ahead of what is durable.
 * What it was made with is synced, so that from the first entry on it is there.
 */
import { closeSync, constants, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { codeOf, damaged } from './refusal.ts';

export interface Marked {
  /** Of the journal that it was written for. */
  readonly format: number;
  readonly commits: number;
}

export const markPathOf = (path: string): string => `${path}-mark`;

const digits = 15;
const form = /^siteswap journal format (\d{3}) commits (\d{15}) sum ([0-9a-f]{8})\n$/;

const textOf = ({ format, commits }: Marked): string => {
  const said =
    `siteswap journal format ${String(format).padStart(3, '0')} ` +
    `commits ${String(commits).padStart(digits, '0')}`;
  return `${said} sum ${crc32(said).toString(16).padStart(8, '0')}\n`;
};

/** Undefined: there is none, or it was never written. Throws JournalError `damaged`. */
export const readMark = (path: string): Marked | undefined => {
  let text: string;
  try {
    text = readFileSync(markPathOf(path), 'latin1');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  if (text === '') return undefined;
  const [, format, commits] = form.exec(text) ?? [];
  const marked = { format: Number(format), commits: Number(commits) };
  if (text === textOf(marked)) return marked;
  throw damaged(path, `its mark ${markPathOf(path)} is not what was written`);
};

/**
 * Makes sure that there is a mark, durably, and before the first entry of its journal: a journal
 * without one has lost it.
 */
export const makeMark = (path: string, marked: Marked): void => {
  const file = openSync(markPathOf(path), constants.O_CREAT | constants.O_RDWR, 0o600);
  try {
    writeSync(file, textOf(marked), 0, 'latin1');
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  const directory = openSync(dirname(path), 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
};

/** The mark of a journal that is open. */
export class Mark {
  readonly #file: number;
  readonly #format: number;

  constructor(path: string, format: number) {
    this.#file = openSync(markPathOf(path), 'r+');
    this.#format = format;
  }

  /** Everything up to this commit is durable. */
  write(commits: number): void {
    try {
      writeSync(this.#file, textOf({ format: this.#format, commits }), 0, 'latin1');
    } catch {
      // It lags behind until the next commit: then it sees less, and says nothing wrong.
    }
  }

  close(): void {
    closeSync(this.#file);
  }
}
