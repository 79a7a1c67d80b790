/**
 * States of runs that have ended, for those who still ask: views, reports and late watchers. They
 * can always be folded from the journal again, so only a few are kept.
 */
import type { RunState } from '../core/engine/state.ts';
import { endedItemsKeptMax } from '../core/limits.ts';

/** Least recently asked out first; the newest is kept whatever its size. */
export class EndedRuns {
  readonly #states = new Map<string, RunState>();
  #items = 0;

  get(runId: string): RunState | undefined {
    const state = this.#states.get(runId);
    if (state === undefined) return undefined;
    this.#states.delete(runId);
    this.#states.set(runId, state);
    return state;
  }

  forget(runId: string): void {
    const state = this.#states.get(runId);
    if (state === undefined) return;
    this.#states.delete(runId);
    this.#items -= itemsOf(state);
  }

  keep(state: RunState): void {
    const { runId } = state.started;
    if (this.#states.has(runId)) return;
    this.#states.set(runId, state);
    this.#items += itemsOf(state);
    for (const [oldest, old] of this.#states) {
      if (this.#items <= endedItemsKeptMax || oldest === runId) return;
      this.#states.delete(oldest);
      this.#items -= itemsOf(old);
    }
  }
}

const itemsOf = ({ frozen }: RunState): number =>
  frozen.workgroups.reduce((sum, { items }) => sum + items.length, 1);
