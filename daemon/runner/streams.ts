/** The journal's streams. A run's stream has the run's id as its name. */
import { runExpired } from '../core/retention.ts';
import type { Journal, StoredEntry } from '../journal/journal.ts';

export const systemStream = 'system';

/** Entries read in one go: large enough to be quick, small enough to stay responsive. */
export const entriesPerReadMax = 1_000;

/**
 * A run's entries, by pages; the journal reads on while a page is being used. Throws RUN_EXPIRED
 * when the run is forgotten meanwhile.
 */
export async function* pagesOf(
  journal: Journal,
  runId: string,
): AsyncGenerator<readonly StoredEntry[], void> {
  const read = (seq: number): Promise<readonly StoredEntry[]> => {
    const reading = journal.read(runId, seq, entriesPerReadMax);
    // Nobody may ask for it any more.
    reading.catch(() => {});
    return reading;
  };
  let reading = read(1);
  for (let seq = 1; ; ) {
    const page = await reading;
    if (page[0] !== undefined && page[0].seq !== seq) throw runExpired(runId);
    seq += page.length;
    const isLast = page.length < entriesPerReadMax;
    if (!isLast) reading = read(seq);
    yield page;
    if (isLast) return;
  }
}
