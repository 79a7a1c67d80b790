/**
 * Keeps the journal bounded, in the background: runs that ended long ago are forgotten, and the
 * system stream is stated anew when most of it is history. It is looked at when the daemon starts
 * and when a run ends; without new entries there is nothing to do.
 *
 * Every slice is short, and the next is asked for when it is done, so that appends come in between.
 * A crash at any point leaves too much behind and never too little; the next start goes on from it.
 */
import { statedClaims } from '../core/claims.ts';
import type { Clock } from '../core/clock.ts';
import {
  printsPerEntryMax,
  restateCharsMin,
  runsForgottenAtOnceMax,
  trimEntriesMax,
} from '../core/limits.ts';
import { statedMoves } from '../core/moves.ts';
import { expiredRuns, type Retention } from '../core/retention.ts';
import { bookEntries } from '../core/sources.ts';
import type { SystemEntry, SystemState } from '../core/system.ts';
import type { Journal } from '../journal/journal.ts';
import type { Catalog } from './catalog.ts';
import type { EndedRuns } from './ended.ts';
import type { RunLog } from './log.ts';
import { systemStream } from './streams.ts';

interface KeeperParts {
  readonly catalog: Catalog;
  readonly journal: Journal;
  readonly clock: Pick<Clock, 'now'>;
  readonly ended: EndedRuns;
  readonly retention: Retention;
  readonly log: RunLog;
}

export class Keeper {
  readonly #parts: KeeperParts;
  #due = false;
  #working: Promise<void> | undefined;
  #closed = false;

  constructor(parts: KeeperParts) {
    this.#parts = parts;
  }

  /** Streams of runs that were forgotten when a crash came: nobody can ask for them any more. */
  async clear(): Promise<void> {
    const { catalog, journal } = this.#parts;
    const streams = await journal.streams();
    // What other members have begun meanwhile is known by then.
    await catalog.refresh();
    const known = ({ stream }: { readonly stream: string }) =>
      stream === systemStream || catalog.state.runs.has(stream);
    const left = streams.filter((one) => !known(one));
    this.#work(async () => {
      for (const { stream } of left) await this.#trim(stream, Number.POSITIVE_INFINITY);
    });
    this.wake();
  }

  /** A run has ended: something may be due now. */
  wake(): void {
    this.#due = true;
    if (this.#working === undefined) this.#work(async () => {});
  }

  /** Resolves when nothing is due. */
  async idle(): Promise<void> {
    while (this.#working !== undefined) await this.#working;
  }

  /** Begins nothing any more: the rest is for the next start. */
  close(): void {
    this.#closed = true;
  }

  #work(first: () => Promise<void>): void {
    const turns = async (): Promise<void> => {
      try {
        await first();
        while (this.#due && !this.#closed) {
          this.#due = false;
          await this.#forgetRuns();
          await this.#restate();
        }
      } catch (error) {
        // Too much is kept, that is all; the next run that ends is the next try.
        if (!this.#closed) this.#parts.log.untidy(error as Error);
      } finally {
        this.#working = undefined;
      }
    };
    this.#working = turns();
  }

  async #forgetRuns(): Promise<void> {
    const { catalog, clock, ended, retention } = this.#parts;
    for (const due = expiredRuns(catalog.state, retention, clock.now()); due.length > 0; ) {
      const runIds = due.splice(0, runsForgottenAtOnceMax);
      await catalog.append([{ type: 'runs-forgotten', at: clock.now(), runIds }]);
      for (const runId of runIds) {
        ended.forget(runId);
        await this.#trim(runId, Number.POSITIVE_INFINITY);
      }
    }
  }

  /** Runs come ahead of plans: a run that ends meanwhile may change its plan. */
  async #restate(): Promise<void> {
    const { catalog, clock, journal } = this.#parts;
    // Other members may be in the middle of what would be trimmed.
    if (journal.shared !== undefined) return;
    if (catalog.chars < restateCharsMin + 2 * catalog.state.restatedChars) return;
    const before = catalog.nextSeq;
    const at = clock.now();
    const runs = (state: SystemState): SystemEntry[] => [
      { type: 'runs-kept', at, runs: [...state.runs.values()] },
    ];
    let chars = await catalog.restate(runs);
    for (const facts of factsOf(catalog.state, at)) {
      if (this.#closed) return;
      chars += await catalog.restate(facts);
    }
    await catalog.append([{ type: 'restated', at: clock.now(), chars }]);
    await this.#trim(systemStream, before);
    catalog.trimmed(chars);
  }

  async #trim(stream: string, beforeSeq: number): Promise<void> {
    while (!this.#closed) {
      if (await this.#parts.journal.trim(stream, beforeSeq, trimEntriesMax)) return;
    }
  }
}

type Facts = (state: SystemState) => SystemEntry[];

/** What else is stated anew, one by one; what went away meanwhile is not stated. */
function* factsOf(state: SystemState, at: number): Iterable<Facts> {
  const prints = [...state.forgotten];
  for (let from = 0; from < prints.length; from += printsPerEntryMax) {
    const some = prints.slice(from, from + printsPerEntryMax);
    yield () => [{ type: 'prints-kept', at, prints: some }];
  }
  for (const planId of [...state.plans.keys()]) {
    yield ({ plans, adoptions }) => {
      const saved = plans.get(planId);
      if (saved === undefined) return [];
      const { plan, etag } = saved;
      const { protectedSiteId, recoverySiteId } = plan;
      return [
        { type: 'plan-saved', at: saved.savedAtMs, plan, etag },
        ...listOf(adoptions.get(planId)).map((adopted) => ({
          ...adopted,
          protectedSiteId,
          recoverySiteId,
        })),
      ];
    };
  }
  for (const siteId of [...state.lostSites.keys()]) {
    yield ({ lostSites }) => listOf(lostSites.get(siteId));
  }
  for (const remoteId of [...state.inventory.keys()]) {
    yield ({ inventory }) => {
      const evidence = inventory.get(remoteId);
      return evidence === undefined ? [] : [{ type: 'inventory-recorded', at, evidence }];
    };
  }
  yield ({ recoveries }) => [{ type: 'recoveries-kept', at, recoveries: [...recoveries.values()] }];
  yield ({ moves }) => (moves.size === 0 ? [] : [statedMoves(moves, at)]);
  yield ({ claims }) => (claims.size === 0 ? [] : [statedClaims(claims, at)]);
  yield ({ injections: { sets, intervals } }) =>
    sets.size === 0 ? [] : [{ type: 'injections-kept', at, sets: [...sets.values()], intervals }];
  yield ({ sources }) => [...bookEntries(sources, at)];
}

const listOf = <T>(value: T | undefined): T[] => (value === undefined ? [] : [value]);
