/**
 * Calls that may still land of runs that have ended with items in doubt. Nobody asks about them any
 * more, and one may lie at a site that was cut off until that is back: what it does then it does to
 * whatever a later run has made of the same VMs. So a run that needs both sites begins only when
 * the remotes say that nothing of it can come any more.
 */
import { type Fault, inDoubt } from '../../sdk/plugin/fault.ts';
import { type Doubt, doubtsIn } from '../core/engine/doubts.ts';
import { itemId, type RunState } from '../core/engine/state.ts';
import { SiteswapError, type Violation } from '../core/errors.ts';
import { remoteOf } from '../core/frozen.ts';
import { isOfTests, type Mode, type Plan } from '../core/plan.ts';
import { someNamed } from '../core/some.ts';
import type { RunRecord } from '../core/system-entries.ts';
import type { Pool } from '../workers/pool.ts';
import type { Catalog } from './catalog.ts';
import { errandAt, JobMaker } from './jobs.ts';
import type { Runs } from './runs.ts';

interface OpenCallsParts {
  readonly catalog: Catalog;
  readonly runs: Runs;
  readonly pool: Pool;
  readonly remotes: readonly { readonly id: string }[];
}

/** As many as one remote is called for at once. */
const askedAtOnceMax = 64;

export class OpenCalls {
  readonly #parts: OpenCallsParts;
  /** Runs of which nothing can land any more. */
  readonly #over = new Set<string>();

  constructor(parts: OpenCallsParts) {
    this.#parts = parts;
  }

  /** What is in the way of a run of the plan; in that of a disaster run, or of a fence, nothing. */
  async of(plan: Plan, mode: Mode): Promise<readonly Violation[]> {
    const { state } = this.#parts.catalog;
    const found: Violation[] = [];
    for (const runId of state.runsOf.get(plan.id) ?? []) {
      const record = state.runs.get(runId);
      if (!wasLeft(record) || this.#over.has(runId)) continue;
      if (!meddles(record?.opened.mode, mode)) continue;
      const left = await this.#stateOf(runId);
      const messages = left === undefined ? [] : await this.#askAbout(left);
      if (messages.length === 0) this.#over.add(runId);
      found.push(...messages.map((message) => ({ field: '', message })));
    }
    return found;
  }

  /** Of a run whose entries are damaged nobody knows what to ask, nor would by waiting. */
  async #stateOf(runId: string): Promise<RunState | undefined> {
    try {
      return await this.#parts.runs.state(runId);
    } catch (error) {
      if (error instanceof SiteswapError) return undefined;
      throw error;
    }
  }

  async #askAbout(state: RunState): Promise<readonly string[]> {
    const jobs = new JobMaker(state, () => false);
    const doubts = doubtsIn(state);
    const messages: string[] = [];
    for (let from = 0; from < doubts.length; from += askedAtOnceMax) {
      const some = doubts.slice(from, from + askedAtOnceMax);
      const told = await Promise.all(some.map((doubt) => this.#ask(state, doubt, jobs)));
      messages.push(...told.flatMap((message) => message ?? []));
    }
    return messages;
  }

  /** Undefined: it cannot land any more, or nobody will ever be able to tell. */
  async #ask(state: RunState, doubt: Doubt, jobs: JobMaker): Promise<string | undefined> {
    const { group, at, step, direction, positions } = doubt;
    const remoteId = remoteOf(step, group.frozen);
    if (!this.#parts.remotes.some(({ id }) => id === remoteId)) return undefined;
    const name = direction === 'run' ? step.name : `the undo of ${step.name}`;
    const what = `${name} of ${namesOf(doubt)}, left in doubt by run ${state.started.runId}`;
    const errand = errandAt(state, group, direction, at);
    const result = await this.#parts.pool.run(jobs.make(errand, 'ask', positions));
    if (result.kind === 'fault') {
      if (!mayPass(result.fault)) return undefined;
      return `${what}: ${remoteId} could not say whether it still comes: ${result.fault.message}`;
    }
    if ((result.running ?? []).length === 0) return undefined;
    return `${what}, is still under way at ${remoteId}: start again when it has ended there`;
  }
}

/** A test touches no production, and is touched by none; a failover comes across the copies. */
const meddles = (left: Mode | 'device' | undefined, mode: Mode): boolean => {
  if (mode === 'planned' || mode === 'reprotect') return true;
  return isOfTests(mode) && left !== undefined && isOfTests(left);
};

/** Asked again, it may get an answer; what is refused for good is not asked about for ever. */
const mayPass = (fault: Fault): boolean =>
  inDoubt(fault) || fault.kind === 'busy' || fault.kind === 'interrupted';

/** It ended with something in doubt; of those that ended before that was told, it may have. */
const wasLeft = (record: RunRecord | undefined): boolean => {
  const { closed } = record ?? {};
  const mayBeLeft = closed?.result === 'superseded' || closed?.result === 'abandoned';
  return closed?.inDoubt === true || mayBeLeft;
};

/** A finding names the first; the report of the run names all. */
const namesOf = ({ group, positions }: Doubt): string =>
  someNamed(positions, (position) => itemId(group, position));
