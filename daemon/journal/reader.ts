/**
 * Reads what the journal's file holds and finds what is not as it was written: how far each stream
 * reaches, by the journal's own sum, and each entry, by its own. Used on every way on which entries
 * leave the file.
 */
import type Database from 'better-sqlite3';
import type { JournalError } from './journal.ts';
import { damaged } from './refusal.ts';
import { commitsSum, entrySum, extentSum, seedOf } from './sums.ts';

/** A stream's place in the file, and the numbers of its entries. */
export interface Extent {
  readonly id: number;
  /** In the sums of its entries. */
  readonly seed: number;
  /** Its first entry that was not trimmed. */
  readonly oldest: number;
  /** The number after its last entry. */
  readonly next: number;
}

/** Everything but the entries themselves. */
export interface Reach {
  readonly commits: number;
  readonly extents: Map<string, Extent>;
  /** Sum of all that the streams' extents add to the journal's sum. */
  readonly sum: number;
}

/** Entries read in one go where only their sums matter. */
const entriesAtOnceMax = 1_000;

const lastPlace = '(id << 32) + 0xFFFFFFFF';
const extentsSql = `
  SELECT id, name,
    (SELECT min(place) FROM entry WHERE place BETWEEN id << 32 AND ${lastPlace}) - (id << 32),
    (SELECT max(place) FROM entry WHERE place BETWEEN id << 32 AND ${lastPlace}) - (id << 32)
  FROM stream`;

/** One stream's extents as its entries have them; of a stream without entries there is none. */
export const findExtents = (db: Database.Database): Map<string, Extent> => {
  const rows = db.prepare<[], [number, string, number | null, number]>(extentsSql).raw().all();
  const extents = new Map<string, Extent>();
  for (const [id, name, oldest, newest] of rows) {
    // A name that is no text any more is none that was summed.
    const stream = String(name);
    if (oldest === null) continue;
    extents.set(stream, { id, seed: seedOf(stream), oldest, next: newest + 1 });
  }
  return extents;
};

export const sumOfExtents = (extents: ReadonlyMap<string, Extent>): number => {
  let sum = 0;
  for (const [stream, { oldest, next }] of extents)
    sum = (sum + extentSum(stream, oldest, next)) | 0;
  return sum;
};

export const reachSum = (commits: number, sum: number): number => (sum + commitsSum(commits)) | 0;

/** Throws JournalError `damaged` when a stream, its beginning or its end is not there. */
export const readReach = (db: Database.Database, path: string): Reach => {
  const [written] = db.prepare<[], [number, number]>('SELECT commits, sum FROM reach').raw().all();
  if (written === undefined) throw damaged(path, 'it does not say how far it reaches');
  const [commits, total] = written;
  const extents = findExtents(db);
  const sum = sumOfExtents(extents);
  if (reachSum(commits, sum) === total) return { commits, extents, sum };
  throw damaged(path, 'its streams do not reach as far as they should, or not under their names');
};

type Row = readonly [seq: number, sum: number, body: string];

export class EntryReader {
  readonly #damage: (what: string) => JournalError;
  readonly #rows: Database.Statement<[number, number, number, number, number], Row>;

  /** `damage`: what is thrown for an entry that is not as it was written. */
  constructor(db: Database.Database, damage: (what: string) => JournalError) {
    this.#damage = damage;
    this.#rows = db
      .prepare<[number, number, number, number, number], Row>(
        `SELECT place - (? << 32), sum, body FROM entry
         WHERE place BETWEEN (? << 32) + ? AND (? << 32) + 0xFFFFFFFF ORDER BY place LIMIT ?`,
      )
      .raw();
  }

  /** Bodies of the entries from `from` on, which is in `extent`. Throws what is not so. */
  read(stream: string, { id, seed, next }: Extent, from: number, limit: number): string[] {
    const count = Math.min(limit, next - from);
    const rows = this.#rows.all(id, id, from, id, count);
    const bodies: string[] = [];
    for (let seq = from; seq < from + count; seq++) {
      const [found, sum, body] = rows[seq - from] ?? [];
      if (found !== seq) throw this.#damaged(stream, seq, 'is missing');
      if (typeof body !== 'string' || entrySum(seed, seq, body) !== sum) {
        throw this.#damaged(stream, seq, 'is not what was written');
      }
      bodies.push(body);
    }
    return bodies;
  }

  /** Reads the rest of a stream, for its sums. */
  check(stream: string, extent: Extent, from: number): void {
    for (let seq = from; seq < extent.next; seq += entriesAtOnceMax) {
      this.read(stream, extent, seq, entriesAtOnceMax);
    }
  }

  #damaged(stream: string, seq: number, what: string): JournalError {
    return this.#damage(`entry ${seq} of stream ${stream} ${what}`);
  }
}
