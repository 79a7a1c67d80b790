/**
 * Watching runs for a process that drives none: everything is read from the journal that it shares
 * with the members, as they append it.
 */

import type { Clock } from '../core/clock.ts';
import { entriesMissing } from '../core/entry-text.ts';
import { catchUpMs } from '../core/limits.ts';
import { expectRun } from '../core/retention.ts';
import type { Feed } from '../feed/feed.ts';
import type { EventPage } from '../feed/page.ts';
import type { Journal } from '../journal/journal.ts';
import type { Shared } from '../journal/shared.ts';
import { Catalog } from './catalog.ts';
import { descriptionOf, foldRun } from './describe.ts';
import type { RunDescription } from './service.ts';
import { systemStream } from './streams.ts';

interface WatchingParts {
  readonly journal: Journal & { readonly shared: Shared };
  readonly feed: Feed;
  readonly clock: Clock;
}

export class Watching {
  readonly #parts: WatchingParts;
  readonly #catalog: Catalog;
  readonly #closing = new AbortController();
  #following: Promise<void> | undefined;
  #cancelLook: (() => void) | undefined;

  private constructor(parts: WatchingParts, catalog: Catalog) {
    this.#parts = parts;
    this.#catalog = catalog;
  }

  /** Reads the whole system stream, and follows what is appended from then on. */
  static async open(parts: WatchingParts): Promise<Watching> {
    const watching = new Watching(parts, await Catalog.open(parts.journal));
    watching.#following = watching.#follow();
    watching.#lookAgain();
    return watching;
  }

  /** As `Engine.watchRun`. */
  async *watch(runId: string, cursor: number, signal: AbortSignal): AsyncIterable<EventPage> {
    const { feed } = this.#parts;
    const { state } = this.#catalog;
    // A member may have started it a moment ago.
    if (!state.runs.has(runId)) await this.#catchUp();
    expectRun(state, runId);
    if (state.runs.get(runId)?.closed === undefined) {
      feed.open(runId, 1);
      await feed.refresh(runId);
    }
    yield* feed.watch(runId, cursor, signal);
  }

  /** As `Engine.describeRun`. */
  async describe(runId: string): Promise<RunDescription> {
    const state = await foldRun(this.#parts.journal, runId);
    if (state !== undefined) return descriptionOf(state);
    expectRun(this.#catalog.state, runId);
    throw entriesMissing(runId);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#cancelLook?.();
    await this.#following;
  }

  async #follow(): Promise<void> {
    const { feed, journal } = this.#parts;
    for await (const streams of journal.shared.changes(this.#closing.signal)) {
      const any = streams.length === 0;
      if (any || streams.includes(systemStream)) await this.#catchUp().catch(() => {});
      for (const runId of any ? feed.watched() : streams) await feed.refresh(runId).catch(() => {});
    }
  }

  /** News may be lost. */
  #lookAgain(): void {
    const { clock, feed } = this.#parts;
    this.#cancelLook = clock.wakeAt(clock.now() + catchUpMs, async () => {
      await this.#catchUp().catch(() => {});
      for (const runId of feed.watched()) await feed.refresh(runId).catch(() => {});
      if (!this.#closing.signal.aborted) this.#lookAgain();
    });
  }

  async #catchUp(): Promise<void> {
    await this.#catalog.catchUp();
  }
}
