/**
 * Damage done to a journal's files: seeded flips, cuts and removals, each with words that say what
 * it was, and what a journal must be after any of them.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Chance } from '../sim/chance.ts';

/** A state directory's files by name. */
export type Files = Readonly<Record<string, Buffer>>;

export const journalFiles = ['journal.db', 'journal.db-wal', 'journal.db-mark'] as const;

/** What of a state directory is the journal's. */
export const filesIn = (dir: string): Files =>
  Object.fromEntries(
    readdirSync(dir)
      .filter((name) => name.startsWith('journal.db'))
      .sort()
      .map((name) => [name, readFileSync(join(dir, name))]),
  );

/** Differences are told by names and sums: nobody reads pages. */
export const sumsOf = (files: Files): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(files).map(([name, content]) => [
      name,
      `${content.length} bytes, ${crc32(content).toString(16)}`,
    ]),
  );

/** Nothing of a journal stands in `dir` but these. */
export const putFiles = (dir: string, files: Files): void => {
  mkdirSync(dir, { recursive: true });
  for (const name of Object.keys(filesIn(dir))) rmSync(join(dir, name));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(dir, name), content);
};

export interface Damage {
  readonly what: string;
  readonly files: Files;
}

const pageBytes = 4_096;
const frameBytes = pageBytes + 24;

/** An offset somewhere in a file's header, a page's or frame's head, or anywhere. */
const offsetIn = (name: string, size: number, chance: Chance): number => {
  const [head, unit, unitHead] = name.endsWith('-wal')
    ? [32, frameBytes, 32]
    : [100, pageBytes, 16];
  const where = chance.between(0, 3);
  if (where === 0) return chance.between(0, Math.min(head, size) - 1);
  if (where === 1) {
    const first = name.endsWith('-wal') ? head : 0;
    const start =
      first + unit * chance.between(0, Math.max(Math.floor((size - first) / unit) - 1, 0));
    return Math.min(start + chance.between(0, unitHead - 1), size - 1);
  }
  return chance.between(0, size - 1);
};

/** One to eight neighbouring bytes are another than they were. */
const flip = (files: Files, name: string, chance: Chance): Damage => {
  const content = Buffer.from(files[name] as Buffer);
  const at = offsetIn(name, content.length, chance);
  const end = Math.min(at + (chance.between(0, 2) === 0 ? 8 : 1), content.length);
  for (let offset = at; offset < end; offset++) {
    content[offset] = (content[offset] as number) ^ chance.between(1, 255);
  }
  return { what: `${name}: bytes ${at} to ${end} flipped`, files: { ...files, [name]: content } };
};

const cut = (files: Files, name: string, chance: Chance): Damage => {
  const content = files[name] as Buffer;
  const size = chance.between(0, content.length - 1);
  const what = `${name}: cut to ${size} of ${content.length} bytes`;
  return { what, files: { ...files, [name]: content.subarray(0, size) } };
};

const without = (files: Files, name: string): Damage => {
  const { [name]: _, ...left } = files;
  return { what: `${name}: removed`, files: left };
};

/** `count` damages, one file in each, and every file removed once. */
export const damagesOf = (files: Files, chance: Chance, count: number): readonly Damage[] => {
  const names = Object.keys(files).filter((name) => (files[name] as Buffer).length > 0);
  const removed = names.map((name) => without(files, name));
  const random = Array.from({ length: count }, () => {
    const name = names[chance.between(0, names.length - 1)] as string;
    return chance.between(0, 9) === 0 ? cut(files, name, chance) : flip(files, name, chance);
  });
  return [...removed, ...random];
};
