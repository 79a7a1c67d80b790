/**
 * The runs that are not ended, as others have to know them: whoever drives them, and from the
 * moment on at which their opening is on its way to the journal.
 */
import type { NamedRun } from '../core/claims.ts';
import type { RunStarted } from '../core/entries.ts';
import { decode, entriesMissing } from '../core/entry-text.ts';
import type { Journal } from '../journal/journal.ts';
import type { Agent } from './agent.ts';

interface OpenRunsParts {
  readonly journal: Journal;
  /** Every run that is not ended, in the order of opening. */
  readonly openIds: () => readonly string[];
  /** Undefined: another member drives the run. */
  readonly agentOf: (runId: string) => Pick<Agent, 'state'> | undefined;
}

export class OpenRuns {
  readonly #parts: OpenRunsParts;
  /** Frozen runs that other members drive, as far as somebody asked. */
  readonly #elsewhere = new Map<string, NamedRun>();
  /** Their opening has not landed yet. */
  readonly #opening = new Map<string, NamedRun>();

  constructor(parts: OpenRunsParts) {
    this.#parts = parts;
  }

  /** All of them, in the order of opening. */
  async all(): Promise<readonly NamedRun[]> {
    const { journal, openIds, agentOf } = this.#parts;
    const ids = openIds();
    if (journal.shared === undefined) return [...this.#here(ids), ...this.#opening.values()];
    for (const runId of this.#elsewhere.keys()) {
      if (!ids.includes(runId)) this.#elsewhere.delete(runId);
    }
    const found: NamedRun[] = [];
    for (const runId of ids) {
      const agent = agentOf(runId);
      if (agent === undefined) found.push(await this.#read(runId));
      else if (agent.state.result === undefined) found.push(named(agent));
    }
    return found;
  }

  /** Of this daemon alone: those that are not among `known`. */
  since(known: ReadonlySet<string>): readonly NamedRun[] {
    const here = this.#here(this.#parts.openIds());
    return [...here, ...this.#opening.values()].filter(({ runId }) => !known.has(runId));
  }

  /** Lands a run's opening; others know of it meanwhile. */
  async while<T>(opening: NamedRun, landing: () => Promise<T>): Promise<T> {
    this.#opening.set(opening.runId, opening);
    try {
      return await landing();
    } finally {
      this.#opening.delete(opening.runId);
    }
  }

  #here(ids: readonly string[]): NamedRun[] {
    return ids.flatMap((runId) => {
      const agent = this.#parts.agentOf(runId);
      return agent === undefined || agent.state.result !== undefined ? [] : [named(agent)];
    });
  }

  async #read(runId: string): Promise<NamedRun> {
    const known = this.#elsewhere.get(runId);
    if (known !== undefined) return known;
    const [first] = await this.#parts.journal.read(runId, 1, 1);
    if (first === undefined) throw entriesMissing(runId);
    const run = { runId, frozen: decode<RunStarted>(first.body).frozen };
    this.#elsewhere.set(runId, run);
    return run;
  }
}

const named = ({ state }: Pick<Agent, 'state'>): NamedRun => ({
  runId: state.started.runId,
  frozen: state.frozen,
});
