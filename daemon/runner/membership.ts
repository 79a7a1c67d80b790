/**
 * This daemon as one member of several: follows what the others append, takes over the runs of
 * those that are gone, lets go of what was taken from it, and hands its own on when told to.
 * The rules of the lease are in `cluster/lease.ts`; a run's licence is its stream's epoch.
 */
import type { MemberLease } from '../cluster/lease.ts';
import { pause } from '../cluster/pause.ts';
import type { Clock } from '../core/clock.ts';
import { SiteswapError } from '../core/errors.ts';
import { catchUpMs, drainMsMax, takeOverLookMs } from '../core/limits.ts';
import type { SystemEntry } from '../core/system.ts';
import type { Feed } from '../feed/feed.ts';
import type { JournalHealth } from '../journal/journal.ts';
import type { Licence, Shared } from '../journal/shared.ts';
import type { Catalog } from './catalog.ts';
import type { RunLog } from './log.ts';
import type { Runs } from './runs.ts';
import type { MemberState } from './service.ts';
import type { Sites } from './sites.ts';
import { systemStream } from './streams.ts';

interface MembershipParts {
  readonly lease: MemberLease;
  readonly shared: Shared;
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly feed: Feed;
  readonly runs: Runs;
  readonly sites: Sites;
  readonly log: RunLog;
}

export class Membership {
  readonly #parts: MembershipParts;
  readonly #closing = new AbortController();
  #actedOn = 0;
  /** Ours on paper and not driven here, when we looked last. */
  #idle = new Set<string>();
  #loops: Promise<unknown> = Promise.resolve();

  constructor(parts: MembershipParts) {
    this.#parts = parts;
  }

  /** Resolves when this member may drive runs. */
  async open(): Promise<void> {
    const { lease } = this.#parts;
    await this.#catchUp();
    await lease.keep({ systemSeq: () => this.#actedOn, confirm: () => this.#confirm() });
    this.#loops = Promise.all([
      this.#follow(),
      this.#every(catchUpMs, () => this.#look()),
      this.#every(takeOverLookMs, () => this.#handOver()),
    ]);
    void this.#every(takeOverLookMs, () => this.#takeOver());
  }

  /** Begins nothing new while it hands over. */
  expectStarts(): void {
    const { lease } = this.#parts;
    if (!lease.draining && !lease.lost) return;
    const message = `member "${lease.memberId}" is leaving: it begins nothing`;
    throw new SiteswapError('MEMBER_DRAINING', message, { subject: lease.memberId });
  }

  /** A member whose place was taken says so, for good; undefined: it is one of them. */
  health(): JournalHealth | undefined {
    const { lease } = this.#parts;
    if (!lease.lost) return undefined;
    const reason = `another daemon is member "${lease.memberId}" now: end this one`;
    return { held: true, reason };
  }

  /** Throws JOURNAL_HELD when the store does not answer. */
  async members(): Promise<readonly MemberState[]> {
    const { catalog, shared } = this.#parts;
    const newest = catalog.nextSeq - 1;
    const found = await shared.members.members().catch(held);
    return found.map((member) => ({ ...member, lag: Math.max(newest - member.systemSeq, 0) }));
  }

  async drain(memberId: string): Promise<void> {
    if (await this.#parts.shared.members.drain(memberId).catch(held)) return;
    const message = `there is no member "${memberId}"`;
    throw new SiteswapError('MEMBER_NOT_FOUND', message, { subject: memberId });
  }

  /** Resolves when every other member that is alive acts on what the catalog holds now. */
  async acknowledged(): Promise<void> {
    const { catalog, lease } = this.#parts;
    for (const wanted = catalog.nextSeq - 1; !this.#closing.signal.aborted; ) {
      const members = await this.members().catch(() => undefined);
      const behind = members?.filter(
        ({ id, live, systemSeq }) => live && id !== lease.memberId && systemSeq < wanted,
      );
      if (behind?.length === 0) return;
      await this.#pause(50);
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#loops;
    await this.#parts.lease.close();
  }

  /** What others have appended is acted on before it counts as known. */
  async #catchUp(): Promise<void> {
    const { catalog, runs, sites, feed } = this.#parts;
    const { entries, seq } = await catalog.catchUp();
    sites.heard(entries);
    this.#actedOn = Math.max(this.#actedOn, seq);
    for (const runId of endedIn(entries)) {
      if (runs.epochOf(runId) === undefined) await feed.refresh(runId);
    }
  }

  /** Follows what others append as it is told, and on its own. */
  async #follow(): Promise<void> {
    const { feed, runs, shared } = this.#parts;
    for await (const streams of shared.changes(this.#closing.signal)) {
      await this.#safely(async () => {
        if (streams.length === 0 || streams.includes(systemStream)) await this.#catchUp();
        const told = streams.length === 0 ? feed.watched() : streams;
        for (const runId of new Set(told)) {
          if (runs.epochOf(runId) === undefined) await feed.refresh(runId);
        }
      });
    }
  }

  /** What was not told, and what is ours without our knowing. */
  async #look(): Promise<void> {
    const { feed, lease, runs } = this.#parts;
    await this.#catchUp();
    for (const runId of feed.watched()) {
      if (runs.epochOf(runId) === undefined) await feed.refresh(runId);
    }
    if (lease.mayTake) await this.#readopt();
  }

  /** After a lapse of the lease: who has what? Nothing is dispatched until this has ended. */
  async #confirm(): Promise<void> {
    const { runs, shared } = this.#parts;
    await this.#catchUp();
    const owned = new Map(
      (await shared.members.owned()).map(({ stream, epoch }) => [stream, epoch]),
    );
    for (const runId of runs.drivenHere()) {
      if (owned.get(runId) !== runs.epochOf(runId)) runs.drop(runId);
    }
  }

  async #takeOver(): Promise<void> {
    const { lease, shared } = this.#parts;
    if (!lease.mayTake) return;
    for (;;) {
      const taken = await shared.members.takeOver();
      if (taken.length === 0) return;
      // A run and the record of it have landed together.
      await this.#catchUp();
      for (const licence of taken) await this.#adopt(licence);
    }
  }

  async #adopt({ stream, epoch }: Licence): Promise<void> {
    const { lease, runs, shared, sites } = this.#parts;
    const goesOn = await runs.takeOver(stream, epoch, lease.memberId);
    if (!goesOn) return shared.members.release(stream);
    // What was declared while nobody drove it, nobody has told it.
    sites.restore();
  }

  /** Ours on paper and not driven here for two looks: the answer to a take-over was lost. */
  async #readopt(): Promise<void> {
    const { runs, shared } = this.#parts;
    const owned = await shared.members.owned();
    const idle = owned.filter(({ stream }) => runs.epochOf(stream) === undefined);
    for (const licence of idle) {
      if (!this.#idle.has(licence.stream)) continue;
      const again = await shared.members.readopt(licence);
      if (again !== undefined) await this.#adopt(again);
    }
    this.#idle = new Set(idle.map(({ stream }) => stream));
  }

  /** A run goes when its calls have ended, or when that takes too long: then they are in doubt. */
  async #handOver(): Promise<void> {
    const { lease, runs, shared } = this.#parts;
    if (!lease.draining) return;
    await Promise.all(
      runs.drivenHere().map(async (runId) => {
        await Promise.race([runs.atRest(runId), this.#pause(drainMsMax)]);
        runs.drop(runId);
        await shared.members.handOver(runId);
      }),
    );
  }

  async #every(delayMs: number, work: () => Promise<void>): Promise<void> {
    while (!this.#closing.signal.aborted) {
      await this.#safely(work);
      await this.#pause(delayMs);
    }
  }

  /** The store may be away at any moment: the next time is soon. */
  async #safely(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!this.#closing.signal.aborted) this.#parts.log.untidy(error as Error);
    }
  }

  #pause(delayMs: number): Promise<void> {
    return pause(this.#parts.clock, delayMs, this.#closing.signal);
  }
}

const held = (): never => {
  throw new SiteswapError('JOURNAL_HELD', 'the database with the journal does not answer');
};

const endedIn = (entries: readonly SystemEntry[]): readonly string[] =>
  entries.flatMap((entry) => (entry.type === 'run-closed' ? [entry.runId] : []));
