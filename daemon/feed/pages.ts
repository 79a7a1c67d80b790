/**
 * Pages of events read from the journal, kept for a while: a thousand watchers that catch up on one
 * run read it once, and share the pages. What is kept is bounded by size, whatever they ask for.
 */
import { eventsPerMessageMax } from '../core/limits.ts';
import { runExpired } from '../core/retention.ts';
import type { Journal, StoredEntry } from '../journal/journal.ts';
import type { EventPage } from './page.ts';

/** Characters of events kept for watchers that come later: some 25 full pages. */
const keptCharsMax = 4 * 1024 * 1024;

/** Characters of one page: as UTF-8 and encoded it stays well below the largest message. */
const pageCharsMax = 2 * 1024 * 1024;

export const charsOf = (events: readonly StoredEntry[]): number =>
  events.reduce((sum, { body }) => sum + body.length, 0);

/** How many of the first `events` make one page; a single large one is a page of its own. */
export const fitting = (events: readonly StoredEntry[]): number => {
  let chars = 0;
  for (let count = 0; count < events.length; count++) {
    chars += (events[count] as StoredEntry).body.length;
    if (count === eventsPerMessageMax || (count > 0 && chars > pageCharsMax)) return count;
  }
  return events.length;
};

interface Kept {
  readonly page: Promise<EventPage>;
  /** 0 while it is being read. */
  chars: number;
}

export class JournalPages {
  readonly #journal: Journal;
  readonly #kept = new Map<string, Kept>();
  #keptChars = 0;

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  /**
   * The first page of events `from` … `to` of an open run, all of which are durable. `last`: `to`
   * is the run's last event.
   */
  between(runId: string, from: number, to: number, last: boolean): Promise<EventPage> {
    return this.#keep(`${runId} ${from}-${to}`, async () => {
      const found = await this.#journal.read(runId, from, to - from + 1);
      const events = found.slice(0, fitting(found));
      return { runId, events, last: last && events.at(-1)?.seq === to };
    });
  }

  /** The first page of events from `from` on of a run that has ended. Throws RUN_EXPIRED. */
  ended(runId: string, from: number): Promise<EventPage> {
    return this.#keep(`${runId} ${from}`, async () => {
      // One more than is shown, to know whether it is the last page.
      const found = await this.#journal.read(runId, from, eventsPerMessageMax + 1);
      if (found[0] !== undefined && found[0].seq !== from) throw runExpired(runId);
      const events = found.slice(0, fitting(found));
      return { runId, events, last: events.length === found.length };
    });
  }

  #keep(key: string, read: () => Promise<EventPage>): Promise<EventPage> {
    const known = this.#kept.get(key);
    if (known) return known.page;
    const kept: Kept = { page: read(), chars: 0 };
    this.#kept.set(key, kept);
    kept.page.then(
      (page) => {
        kept.chars = charsOf(page.events);
        this.#keptChars += kept.chars;
        this.#forgetOldest();
      },
      () => this.#kept.delete(key),
    );
    return kept.page;
  }

  #forgetOldest(): void {
    for (const [key, { chars }] of this.#kept) {
      if (this.#keptChars <= keptCharsMax) return;
      if (chars === 0) continue;
      this.#keptChars -= chars;
      this.#kept.delete(key);
    }
  }
}
