/**
 * The states of runs whose claims come first, for the runs that were opened after them: the agent's
 * own where this daemon drives the run, else folded from its entries as they come.
 */
import { fold, foldAll } from '../core/engine/fold.ts';
import type { RunState } from '../core/engine/state.ts';
import type { Entry } from '../core/entries.ts';
import type { Journal } from '../journal/journal.ts';
import type { EndedRuns } from './ended.ts';
import { decode, entriesPerReadMax } from './streams.ts';

interface RivalsParts {
  readonly journal: Journal;
  readonly ended: EndedRuns;
  /** The state of a run that is driven here. */
  readonly drivenHere: (runId: string) => RunState | undefined;
}

export class Rivals {
  readonly #parts: RivalsParts;
  /** Of runs that are driven elsewhere, as far as they were read. */
  readonly #followed = new Map<string, RunState>();
  /** One reading at a time, so that nothing is folded twice. */
  #line: Promise<unknown> = Promise.resolve();

  constructor(parts: RivalsParts) {
    this.#parts = parts;
  }

  /** Newest states, in the order asked for; a run whose opening has not landed is left out. */
  async states(runIds: readonly string[]): Promise<readonly RunState[]> {
    const found: RunState[] = [];
    for (const runId of runIds) {
      const state = this.#parts.drivenHere(runId) ?? (await this.#elsewhere(runId));
      if (state !== undefined) found.push(state);
    }
    return found;
  }

  /** Nobody asks for any of them any more. */
  clear(): void {
    this.#followed.clear();
  }

  #elsewhere(runId: string): Promise<RunState | undefined> {
    const reading = this.#line.then(() => this.#read(runId));
    this.#line = reading.catch(() => {});
    return reading;
  }

  async #read(runId: string): Promise<RunState | undefined> {
    const { journal, ended } = this.#parts;
    let state = this.#followed.get(runId) ?? ended.get(runId);
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
    if (state !== undefined) this.#followed.set(runId, state);
    return state;
  }
}
