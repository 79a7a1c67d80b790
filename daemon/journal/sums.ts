/**
 * What the SQLite journal sums up to notice damage: each entry with its place, and how far every
 * stream reaches. CRC-32 finds every change of up to 32 neighbouring bits, and of all others it
 * misses one in four thousand million. Sums are integers of 32 bits with a sign: SQLite keeps those
 * in four bytes.
 */
import { crc32 } from 'node:zlib';

/** A stream's part in the sums of its entries. */
export const seedOf = (stream: string): number => crc32(stream);

/**
 * An entry's sum. A body that stands at another number of its stream has another sum for certain:
 * distinct numbers give distinct starts, and from distinct starts equal bodies end apart.
 */
export const entrySum = (seed: number, seq: number, body: string): number =>
  crc32(body, (seed ^ Math.imul(seq, 0x9e3779b1)) >>> 0) | 0;

/** A stream's part in the journal's sum: from its oldest entry up to its next number. */
export const extentSum = (stream: string, oldest: number, next: number): number =>
  crc32(`${stream} ${oldest} ${next}`) | 0;

/** The journal's own part in its sum. */
export const commitsSum = (commits: number): number => crc32(`${commits}`) | 0;
