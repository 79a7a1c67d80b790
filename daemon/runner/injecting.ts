/**
 * The pool as the engine sees it when injections may be on: listings and questions outside runs get
 * their draws here, under a request id of their own. While nothing is on a job passes as it is.
 */
import type { Clock } from '../core/clock.ts';
import type { Coordinates } from '../core/draw.ts';
import { type Presentations, presentationsOf, renamesAt } from '../core/presentation.ts';
import { lostFault } from '../gateway/faults.ts';
import type { Job, ListingJob, Pool, QueryJob, RemoteConfig, ResultOf } from '../workers/pool.ts';
import type { Catalog } from './catalog.ts';
import type { Draws } from './draws.ts';
import { PoolLayer } from './pool-layer.ts';

interface InjectingParts {
  readonly pool: Pool;
  readonly draws: Draws;
  readonly clock: Clock;
  readonly catalog: Catalog;
  readonly remotes: readonly RemoteConfig[];
}

/** What is counted and drawn for is one call. */
const oneByOne = <J extends ListingJob | QueryJob>(job: J): J =>
  job.kind === 'listing' && job.runsOn ? { ...job, runsOn: undefined } : job;

export class InjectingPool extends PoolLayer {
  readonly #parts: InjectingParts;
  readonly #presentations: Presentations;
  #requests = 0;

  constructor(parts: InjectingParts) {
    super(parts.pool);
    this.#parts = parts;
    this.#presentations = presentationsOf(parts.remotes);
  }

  run<J extends Job>(job: J): Promise<ResultOf<J>> {
    const isPlain = job.kind === 'task' || job.kind === 'describe';
    if (isPlain || !this.#parts.draws.on) return this.pool.run(job);
    return this.#injecting(job) as Promise<ResultOf<J>>;
  }

  async #injecting<J extends ListingJob | QueryJob>(job: J): Promise<ResultOf<J>> {
    const { draws, clock, catalog } = this.#parts;
    this.#requests += 1;
    const runId = `request-${this.#requests}`;
    const at = this.#coordinates(runId, job);
    const now = clock.now();
    const injections = draws.draw(at, job.verb, now);
    try {
      // What nobody could journal is not done.
      if (injections.length > 0 && !catalog.held) {
        const { remoteId, verb } = job;
        const facts = { requestId: runId, remoteId, verb, injections };
        await catalog.append([{ type: 'call-injected', at: now, ...facts }]);
        // It may have been read on the way that the site is lost, and nobody was told yet.
        const { siteId } = at;
        if (catalog.state.lostSites.has(siteId)) {
          return { kind: 'fault', fault: lostFault(siteId, verb) } as ResultOf<J>;
        }
      }
      const carried = catalog.held || injections.length === 0 ? {} : { injections };
      const remembers = draws.remembers ? { remembers: true as const } : {};
      const result = await this.pool.run<J>({ ...oneByOne(job), ...carried, ...remembers });
      draws.heard(result as Parameters<Draws['heard']>[0], injections);
      return result;
    } finally {
      draws.over(runId, job.verb);
    }
  }

  /** What such a call has: no place in a plan, and targets if it is no listing. */
  #coordinates(runId: string, job: ListingJob | QueryJob): Coordinates {
    const { remoteId, kind, verb } = job;
    const siteId = this.#parts.remotes.find(({ id }) => id === remoteId)?.siteId ?? '';
    const nothing = { planId: '', mode: '', workgroup: '', outside: true } as const;
    const asked = job.kind === 'query' ? job.targets : [];
    const targets = () => asked.map(({ id }) => ({ id, names: [id, `${remoteId}/${id}`] }));
    // A rule names what is shown: of what a presentation renames it is not known here who is meant.
    const isKnown = kind === 'listing' || !renamesAt(this.#presentations, remoteId);
    const where = { remoteId, siteId, calls: { run: [verb] }, ...(isKnown && { targets }) };
    return { runId, ...nothing, step: kind, direction: 'run', attempt: 1, ...where };
  }
}
