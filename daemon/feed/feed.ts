/**
 * The feed: what the journal holds, handed to whoever watches, by cursor. A watcher first catches
 * up from the journal and then follows the live tail, without gap or duplicate. It costs a cursor
 * and no more: nothing is queued for it, so a watcher that does not read cannot fill the memory,
 * and one that falls too far behind is cut with its cursor and goes on from there.
 */
import type { Clock } from '../core/clock.ts';
import { decode, entriesMissing } from '../core/entry-text.ts';
import { SiteswapError } from '../core/errors.ts';
import { eventsPerMessageMax, watcherLagEventsMax, watchersMax } from '../core/limits.ts';
import { runExpired } from '../core/retention.ts';
import type { Journal } from '../journal/journal.ts';
import type { EventPage, ProgressItem } from './page.ts';
import { JournalPages } from './pages.ts';
import { Tail } from './tail.ts';

/** Characters of events held for live watchers, over all runs; beyond, they read the journal. */
const tailCharsMax = 64 * 1024 * 1024;

/**
 * Pages are paced by the number of watchers: waking and serving one costs some 15 µs, so this keeps
 * watching below a tenth of the main thread however many there are.
 */
const paceMsMin = 5;
const paceMsPerWatcher = 0.25;
const paceMsMax = 250;

/** Progress waits at most this long for an event to travel with. */
const progressDelayMsMax = 250;

export interface Feed {
  /**
   * A run that has not ended, with the number of its next event. Call it at start for every
   * unfinished run, before anybody can watch: a run that is not open counts as ended.
   */
  open(runId: string, nextSeq: number): void;
  /**
   * Events that are durable now, the first with number `fromSeq`. `last`: with them the run has
   * ended. A run that is not open yet is opened.
   */
  publish(runId: string, fromSeq: number, bodies: readonly string[], last: boolean): void;
  /** Publishes what another member has appended to an open run, as far as it is durable now. */
  refresh(runId: string): Promise<void>;
  /** Open runs that somebody watches. */
  watched(): readonly string[];
  /** The newest progress of an item of an open run; coalesced, never replayed. */
  progress(runId: string, item: ProgressItem): void;
  /**
   * Pages of events after `cursor` (0: from the beginning); ends after the page with `last`, or
   * when `signal` aborts. Throws SiteswapError: RUN_NOT_FOUND, RUN_EXPIRED, CURSOR_OUT_OF_RANGE,
   * TOO_MANY_WATCHERS, WATCHER_TOO_SLOW, SHUTTING_DOWN.
   */
  watch(runId: string, cursor: number, signal: AbortSignal): AsyncIterable<EventPage>;
  /** Watchers now. */
  watchers(): number;
  /** Ends every watch with SHUTTING_DOWN. */
  close(): void;
}

/** A run's stream in the journal has the run's id as its name. */
export const createFeed = (journal: Journal, clock: Clock): Feed => new JournalFeed(journal, clock);

/** A tail and when its bell may and will ring. */
interface Live {
  readonly tail: Tail;
  rangAtMs: number;
  bell: { readonly atMs: number; readonly cancel: () => void } | undefined;
  /** Readings of what others appended go one after the other. */
  refreshing: Promise<void>;
}

class JournalFeed implements Feed {
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #pages: JournalPages;
  readonly #open = new Map<string, Live>();
  #watchers = 0;
  #tailChars = 0;
  #closed = false;

  constructor(journal: Journal, clock: Clock) {
    this.#journal = journal;
    this.#clock = clock;
    this.#pages = new JournalPages(journal);
  }

  open(runId: string, nextSeq: number): void {
    if (!this.#open.has(runId)) this.#opened(runId, nextSeq);
  }

  publish(runId: string, fromSeq: number, bodies: readonly string[], last: boolean): void {
    const live = this.#open.get(runId) ?? this.#opened(runId, fromSeq);
    const known = this.#foundBefore(live.tail, fromSeq);
    live.tail.add(fromSeq + known, known > 0 ? bodies.slice(known) : bodies, last);
    if (last || live.tail.crowded) this.#ring(live);
    if (last) this.#open.delete(runId);
    else if (live.tail.watchers > 0) this.#ringAt(live, live.rangAtMs + this.#paceMs());
  }

  /**
   * A run has become this member's, and a reading of what others appended has found events of ours
   * before we heard that they have landed: so many of them have been told.
   */
  #foundBefore({ published }: Tail, fromSeq: number): number {
    return this.#journal.shared === undefined ? 0 : Math.max(published + 1 - fromSeq, 0);
  }

  async refresh(runId: string): Promise<void> {
    const live = this.#open.get(runId);
    if (live === undefined) return;
    const turn = live.refreshing.then(() => this.#refresh(live.tail));
    live.refreshing = turn.catch(() => {});
    await turn;
  }

  async #refresh(tail: Tail): Promise<void> {
    while (!tail.ended && this.#open.get(tail.runId)?.tail === tail) {
      const from = tail.published + 1;
      const found = await this.#journal.read(tail.runId, from, eventsPerMessageMax);
      // Meanwhile it may have become ours, and was published as it came.
      if (tail.published + 1 !== from) continue;
      if (found.length === 0) return;
      const bodies = found.map(({ body }) => body);
      this.publish(tail.runId, from, bodies, isEnd(bodies.at(-1) as string));
    }
  }

  watched(): readonly string[] {
    return [...this.#open].flatMap(([runId, { tail }]) => (tail.watchers > 0 ? [runId] : []));
  }

  progress(runId: string, item: ProgressItem): void {
    const live = this.#open.get(runId);
    if (live === undefined || live.tail.watchers === 0) return;
    live.tail.addProgress(item);
    this.#ringAt(live, this.#clock.now() + progressDelayMsMax);
  }

  watchers(): number {
    return this.#watchers;
  }

  close(): void {
    this.#closed = true;
    for (const live of this.#open.values()) this.#ring(live);
  }

  async *watch(runId: string, cursor: number, signal: AbortSignal): AsyncIterable<EventPage> {
    if (signal.aborted) return;
    if (this.#closed) throw shuttingDown();
    if (this.#watchers >= watchersMax) {
      throw new SiteswapError('TOO_MANY_WATCHERS', `There are ${watchersMax} watchers already.`);
    }
    const tail = this.#open.get(runId)?.tail;
    const leave = this.#enter(tail);
    // A watcher that nobody pulls any more still leaves when its caller goes.
    signal.addEventListener('abort', leave);
    try {
      yield* tail ? this.#follow(tail, cursor, signal) : this.#replay(runId, cursor, signal);
    } finally {
      signal.removeEventListener('abort', leave);
      leave();
    }
  }

  async *#follow(tail: Tail, cursor: number, signal: AbortSignal): AsyncIterable<EventPage> {
    if (cursor > tail.published) throw outOfRange(tail.runId, cursor);
    let next = cursor + 1;
    let progressSeen = tail.progressVersion;
    let live = false;
    while (!signal.aborted) {
      if (this.#closed) throw shuttingDown();
      if (live && tail.newest - next >= watcherLagEventsMax) throw tooSlow(tail.runId, next - 1);
      if (next <= tail.newest) {
        const page = tail.pageFrom(next) ?? (await this.#pageBefore(tail, next));
        next += page.events.length;
        yield page;
        if (page.last) return;
      } else if (tail.ended) {
        return;
      } else if (progressSeen < tail.progressVersion) {
        const page = tail.progressSince(progressSeen);
        progressSeen = tail.progressVersion;
        yield page;
      } else {
        live = true;
        await tail.nextRing(signal);
      }
    }
  }

  /** A page from the journal, up to where the tail begins; cut at round numbers, to be shared. */
  async #pageBefore(tail: Tail, next: number): Promise<EventPage> {
    const round = Math.ceil(next / eventsPerMessageMax) * eventsPerMessageMax;
    const to = Math.min(round, tail.oldest - 1);
    const page = await this.#pages.between(tail.runId, next, to, tail.ended && to === tail.newest);
    if (page.events.length > 0) return page;
    throw entriesMissing(tail.runId);
  }

  async *#replay(runId: string, cursor: number, signal: AbortSignal): AsyncIterable<EventPage> {
    const first = Math.max(cursor, 1);
    const known = await this.#journal.read(runId, first, 1);
    if (known[0] !== undefined && known[0].seq !== first) throw runExpired(runId);
    if (known.length === 0 && cursor > 0) throw outOfRange(runId, cursor);
    if (known.length === 0) {
      throw new SiteswapError('RUN_NOT_FOUND', `No run has the id ${runId}.`, { subject: runId });
    }
    for (let next = cursor + 1; !signal.aborted; ) {
      const page = await this.#pages.ended(runId, next);
      if (page.events.length === 0) return;
      next += page.events.length;
      yield page;
      if (page.last) return;
    }
  }

  #opened(runId: string, nextSeq: number): Live {
    const never = Number.NEGATIVE_INFINITY;
    const tail = new Tail(runId, nextSeq);
    const live = { tail, rangAtMs: never, bell: undefined, refreshing: Promise.resolve() };
    this.#open.set(runId, live);
    return live;
  }

  #enter(tail: Tail | undefined): () => void {
    this.#watchers++;
    if (tail) tail.watchers++;
    let inside = true;
    return () => {
      if (!inside) return;
      inside = false;
      this.#watchers--;
      if (tail === undefined || --tail.watchers > 0) return;
      this.#tailChars -= tail.chars;
      tail.dropAll();
    };
  }

  #paceMs(): number {
    return Math.min(paceMsMin + this.#watchers * paceMsPerWatcher, paceMsMax);
  }

  /** Rings at `atMs` or sooner: at once when that moment has come. */
  #ringAt(live: Live, atMs: number): void {
    if (live.bell !== undefined && live.bell.atMs <= atMs) return;
    live.bell?.cancel();
    live.bell = undefined;
    if (atMs <= this.#clock.now()) this.#ring(live);
    else live.bell = { atMs, cancel: this.#clock.wakeAt(atMs, () => this.#ring(live)) };
  }

  #ring(live: Live): void {
    const { tail } = live;
    live.bell?.cancel();
    live.bell = undefined;
    live.rangAtMs = this.#clock.now();
    this.#tailChars -= tail.chars;
    tail.ring();
    while (this.#tailChars + tail.chars > tailCharsMax && tail.dropOldest());
    this.#tailChars += tail.chars;
  }
}

/** Nothing comes after a run's end. */
const isEnd = (body: string): boolean =>
  body.includes('run-ended') && decode<{ readonly type: string }>(body).type === 'run-ended';

const outOfRange = (runId: string, cursor: number): SiteswapError =>
  new SiteswapError('CURSOR_OUT_OF_RANGE', `Run ${runId} has no event ${cursor} yet.`, {
    subject: runId,
  });

const tooSlow = (runId: string, cursor: number): SiteswapError =>
  new SiteswapError(
    'WATCHER_TOO_SLOW',
    `This watcher of run ${runId} fell behind by more than ${watcherLagEventsMax} events; ` +
      `its last cursor is ${cursor}.`,
    { subject: runId },
  );

const shuttingDown = (): SiteswapError =>
  new SiteswapError('SHUTTING_DOWN', 'The daemon is ending; the run goes on after its restart.');
