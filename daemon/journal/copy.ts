/**
 * Copies one journal into another, of whatever stores, and proves the copy by reading both again.
 * Numbers stay what they are: watchers' cursors go on to hold. The system stream comes last, so
 * that a copy that was cut short knows of no run.
 */
import { createHash } from 'node:crypto';
import { type Journal, JournalError } from './journal.ts';

/** Entries in one append or one reading: some megabytes at the most. */
const entriesAtOnceMax = 500;

export interface Copied {
  readonly streams: number;
  readonly entries: number;
  /** SHA-256 over every stream's name and every entry's number and body, in order; both have it. */
  readonly digest: string;
}

interface CopyOptions {
  /** The stream that is copied at the end; all others are licensed ones. */
  readonly last: string;
  /** The licence under which a stream goes on from this entry, if it says so. */
  readonly epochIn: (body: string) => number | undefined;
}

/**
 * Rejects with JournalError: `in-use` when the target
 * holds something, `damaged` when what is read back differs.
 */
export const copyJournal = async (
  source: Journal,
  target: Journal,
  { last, epochIn }: CopyOptions,
): Promise<Copied> => {
  if ((await target.streams()).length > 0) {
    throw new JournalError('in-use', 'The journal to copy into holds entries: it must be empty.');
  }
  const streams = (await source.streams()).toSorted(
    (one, other) => Number(one.stream === last) - Number(other.stream === last),
  );
  for (const { stream, nextSeq } of streams) {
    const epoch = stream === last ? {} : { epoch: await newestEpoch(source, stream, epochIn) };
    await copyStream(source, target, { stream, nextSeq, ...epoch });
  }
  const [wanted, found] = [await sumOf(source), await sumOf(target)];
  if (wanted.digest !== found.digest) {
    const message =
      `The copy differs: ${found.streams} streams with ${found.entries} entries, ` +
      `and not ${wanted.streams} with ${wanted.entries} of the same content.`;
    throw new JournalError('damaged', message);
  }
  return wanted;
};

interface Whole {
  readonly stream: string;
  readonly nextSeq: number;
  readonly epoch?: number;
}

const newestEpoch = async (
  source: Journal,
  stream: string,
  epochIn: CopyOptions['epochIn'],
): Promise<number> => {
  let epoch = 1;
  for (let seq = 1; ; ) {
    const entries = await source.read(stream, seq, entriesAtOnceMax);
    for (const { body } of entries) epoch = Math.max(epoch, epochIn(body) ?? 1);
    const last = entries.at(-1);
    if (last === undefined) return epoch;
    seq = last.seq + 1;
  }
};

const copyStream = async (
  source: Journal,
  target: Journal,
  { stream, nextSeq, ...epoch }: Whole,
): Promise<void> => {
  const [oldest] = await source.read(stream, 1, 1);
  await skipTo(target, { stream, nextSeq: oldest?.seq ?? nextSeq, ...epoch });
  for (let seq = oldest?.seq ?? nextSeq; seq < nextSeq; ) {
    const entries = await source.read(stream, seq, entriesAtOnceMax);
    await target.append([{ stream, seq, bodies: entries.map(({ body }) => body), ...epoch }]);
    seq += entries.length;
  }
  if (oldest !== undefined) {
    while (!(await target.trim(stream, oldest.seq, entriesAtOnceMax)));
  }
};

/** A stream whose beginning was trimmed gets one that is trimmed at once. */
const skipTo = async (
  target: Journal,
  { stream, nextSeq: oldest, ...epoch }: Whole,
): Promise<void> => {
  for (let seq = 1; seq < oldest; ) {
    const count = Math.min(entriesAtOnceMax, oldest - seq);
    await target.append([{ stream, seq, bodies: Array<string>(count).fill(''), ...epoch }]);
    // The newest stays: without any entry the stream would be gone, its numbers with it.
    while (!(await target.trim(stream, seq + count - 1, entriesAtOnceMax)));
    seq += count;
  }
};

const sumOf = async (journal: Journal): Promise<Copied> => {
  const hash = createHash('sha256');
  let count = 0;
  const streams = await journal.streams();
  for (const { stream, nextSeq } of streams) {
    hash.update(JSON.stringify([stream, nextSeq]));
    for (let seq = 1; seq < nextSeq; ) {
      const entries = await journal.read(stream, seq, entriesAtOnceMax);
      for (const entry of entries) hash.update(JSON.stringify([entry.seq, entry.body]));
      count += entries.length;
      seq = (entries.at(-1)?.seq ?? nextSeq) + 1;
    }
  }
  return { streams: streams.length, entries: count, digest: hash.digest('hex') };
};
