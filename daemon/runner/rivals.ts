/**
 * The states of runs whose claims come first, for the runs that were opened after them: the agent's
 * own where this daemon drives the run, else folded from its entries as they come.
 */
import type { Clock } from '../core/clock.ts';
import { fold, foldAll } from '../core/engine/fold.ts';
import type { RunState } from '../core/engine/state.ts';
import type { Entry } from '../core/entries.ts';
import { decode } from '../core/entry-text.ts';
import { claimLookMs } from '../core/limits.ts';
import type { Journal } from '../journal/journal.ts';
import type { EndedRuns } from './ended.ts';
import { entriesPerReadMax } from './streams.ts';

interface RivalsParts {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly ended: EndedRuns;
  /** The state of a run that is driven here. */
  readonly drivenHere: (runId: string) => RunState | undefined;
}

interface Followed {
  readonly state: RunState;
  readonly readAtMs: number;
}

export class Rivals {
  readonly #parts: RivalsParts;
  /** Of runs that are driven elsewhere, as far as they were read. */
  readonly #followed = new Map<string, Followed>();
  /** One reading at a time, so that nothing is folded twice. */
  #line: Promise<unknown> = Promise.resolve();

  constructor(parts: RivalsParts) {
    this.#parts = parts;
  }

  /**
   * States as of a moment ago and after `sinceMs`, in the order asked for; a run whose opening has
   * not landed is left out.
   */
  async states(runIds: readonly string[], sinceMs: number): Promise<readonly RunState[]> {
    const found: RunState[] = [];
    for (const runId of runIds) {
      const state = this.#parts.drivenHere(runId) ?? (await this.#elsewhere(runId, sinceMs));
      if (state !== undefined) found.push(state);
    }
    return found;
  }

  /** Nobody asks for any of them any more. */
  clear(): void {
    this.#followed.clear();
  }

  #elsewhere(runId: string, sinceMs: number): Promise<RunState | undefined> {
    const reading = this.#line.then(() => this.#read(runId, sinceMs));
    this.#line = reading.catch(() => {});
    return reading;
  }

  async #read(runId: string, sinceMs: number): Promise<RunState | undefined> {
    const { journal, clock, ended } = this.#parts;
    const known = this.#followed.get(runId);
    const readAtMs = clock.now();
    // Several runs ask for the same one: it is read for all of them.
    if (known !== undefined && known.readAtMs > Math.max(sinceMs, readAtMs - claimLookMs)) {
      return known.state;
    }
    let state = known?.state ?? ended.get(runId);
    while (state?.result === undefined) {
      const from = (state?.cursor ?? 0) + 1;
      const page = await journal.read(runId, from, entriesPerReadMax);
      for (const { body } of page) {
        const entry = decode<Entry>(body);
        if (state === undefined) state = foldAll([entry]);
        else fold(state, entry);
      }
      if (page.length < entriesPerReadMax) break;
    }
    if (state !== undefined) this.#followed.set(runId, { state, readAtMs });
    return state;
  }
}
