/**
 * The newest events of one open run, as pages that all its watchers share, and the bell that wakes
 * them. Pages are cut only when the bell rings, so every watcher that follows live gets the same
 * ones. Events are held only while somebody watches; whatever is dropped is still in the journal.
 */
import { feedTailEventsMax } from '../core/limits.ts';
import type { StoredEntry } from '../journal/journal.ts';
import type { EventPage, ProgressItem } from './page.ts';
import { charsOf, fitting } from './pages.ts';

/** Items whose progress is remembered per run; the longest silent are forgotten first. */
const progressItemsMax = 10_000;

interface TailPage {
  readonly page: EventPage;
  readonly from: number;
  readonly to: number;
  readonly chars: number;
}

export class Tail {
  readonly runId: string;
  /** Newest event that watchers may see: everything up to it is durable and cut into pages. */
  newest: number;
  /** The run's last event is out: nothing will follow. */
  ended = false;
  watchers = 0;
  /** Characters held in pages. */
  chars = 0;
  /** Rises when there is new progress to tell. */
  progressVersion = 0;
  /** Newest durable event; those past `newest` are shown at the next ring. */
  published: number;
  #uncut: StoredEntry[] = [];
  #pages: TailPage[] = [];
  #events = 0;
  readonly #progress = new Map<string, { readonly item: ProgressItem; readonly version: number }>();
  #progressed = false;
  #progressPages = new Map<number, EventPage>();
  readonly #waiting = new Set<() => void>();

  constructor(runId: string, nextSeq: number) {
    this.runId = runId;
    this.newest = nextSeq - 1;
    this.published = nextSeq - 1;
  }

  /** Oldest event that is held here; older ones are in the journal only. */
  get oldest(): number {
    return this.#pages[0]?.from ?? this.newest + 1;
  }

  /** Takes events that are durable. They are seen from the next `ring` on. */
  add(fromSeq: number, bodies: readonly string[], last: boolean): void {
    if (fromSeq !== this.published + 1) {
      throw new Error(
        `feed: run ${this.runId}: event ${this.published + 1} is next, not ${fromSeq}`,
      );
    }
    this.published += bodies.length;
    if (last) this.ended = true;
    if (this.watchers === 0) {
      this.newest = this.published;
      return;
    }
    bodies.forEach((body, index) => {
      this.#uncut.push({ seq: fromSeq + index, body });
    });
  }

  /** As much waits for the next ring as can be held after it: it should not wait any longer. */
  get crowded(): boolean {
    return this.#uncut.length >= feedTailEventsMax;
  }

  addProgress(item: ProgressItem): void {
    this.#progressed = true;
    const key = JSON.stringify([item.workgroupId, item.step, item.itemId]);
    this.#progress.delete(key);
    this.#progress.set(key, { item, version: this.progressVersion + 1 });
    const oldest = this.#progress.keys().next().value;
    if (this.#progress.size > progressItemsMax && oldest !== undefined) {
      this.#progress.delete(oldest);
    }
  }

  /** Cuts what came since the last time into pages and wakes all who wait. */
  ring(): void {
    while (this.#uncut.length > 0) this.#hold(this.#uncut.splice(0, fitting(this.#uncut)));
    this.newest = this.published;
    if (this.#progressed) {
      this.#progressed = false;
      this.progressVersion++;
      this.#progressPages = new Map();
    }
    while (this.#events > feedTailEventsMax) this.dropOldest();
    const woken = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of woken) wake();
  }

  /** The held page that has event `seq`, from there on; the same object for the same range. */
  pageFrom(seq: number): EventPage | undefined {
    // From the end: whoever follows live wants the newest.
    const found = this.#pages.findLast(({ from }) => from <= seq);
    if (found === undefined || found.to < seq) return undefined;
    if (found.from === seq) return found.page;
    return { ...found.page, events: found.page.events.slice(seq - found.from) };
  }

  /** What progressed since `version`; the same object for all who ask with the same version. */
  progressSince(version: number): EventPage {
    const known = this.#progressPages.get(version);
    if (known) return known;
    const progress = [...this.#progress.values()]
      .filter((entry) => entry.version > version)
      .map(({ item }) => item);
    const page = { runId: this.runId, events: [], progress, last: false };
    this.#progressPages.set(version, page);
    return page;
  }

  /** Drops the oldest held page; false when none is held. */
  dropOldest(): boolean {
    const oldest = this.#pages.shift();
    if (oldest === undefined) return false;
    this.#events -= oldest.page.events.length;
    this.chars -= oldest.chars;
    return true;
  }

  /** Nobody watches any more: nothing needs to be held. */
  dropAll(): void {
    this.#pages = [];
    this.#uncut = [];
    this.#events = 0;
    this.chars = 0;
    this.newest = this.published;
  }

  /** Resolves at the next ring, or when `signal` aborts. */
  nextRing(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        signal.removeEventListener('abort', wake);
        this.#waiting.delete(wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal.addEventListener('abort', wake);
    });
  }

  #hold(events: readonly StoredEntry[]): void {
    const from = (events[0] as StoredEntry).seq;
    const to = from + events.length - 1;
    const chars = charsOf(events);
    const last = this.ended && to === this.published;
    this.#pages.push({ page: { runId: this.runId, events, last }, from, to, chars });
    this.#events += events.length;
    this.chars += chars;
  }
}
