/**
 * A pool of simulated threads: each is an inline pool with a life of its own. When one dies, its
 * jobs end as lost workers, what it had called goes on at the far end, and another takes its place.
 */
import type { RemoteConfig } from '../../daemon/host/remote.ts';
import { workerLost, workerLostCode } from '../../daemon/workers/faults.ts';
import { createInlinePool } from '../../daemon/workers/inline.ts';
import type { Job, JobFault, Pool, ResultOf, Struck } from '../../daemon/workers/pool.ts';
import type { FarEnd } from './far-end.ts';
import type { History } from './history.ts';
import { Mortal } from './mortal.ts';
import type { SimTime } from './time.ts';

export interface SimPoolParts {
  readonly remotes: readonly RemoteConfig[];
  readonly farEnd: FarEnd;
  readonly history: History;
  readonly time: SimTime;
  readonly offsetMs: number;
  readonly threads: number;
}

interface Thread {
  readonly life: Mortal;
  readonly pool: Pool;
}

export class SimPool implements Pool {
  readonly #parts: SimPoolParts;
  readonly #daemon: Mortal;
  readonly #threads: Thread[];
  readonly #lost = new Set<string>();
  #begun = 0;
  #jobs = 0;

  constructor(daemon: Mortal, parts: SimPoolParts) {
    this.#daemon = daemon;
    this.#parts = parts;
    this.#threads = Array.from({ length: parts.threads }, () => this.#begin());
  }

  async run<J extends Job>(job: J): Promise<ResultOf<J>> {
    if (job.kind === 'task') {
      const { runId, workgroup, step, phase, attempt, epoch } = job;
      const licence = { life: this.#daemon.name, epoch };
      this.#parts.history.note({ kind: 'job', licence, runId, workgroup, step, phase, attempt });
    }
    const thread = this.#threads[this.#jobs++ % this.#threads.length] as Thread;
    const died = thread.life.died.then((): JobFault => workerLost('it was killed'));
    const result = await this.#daemon.hears(Promise.race([thread.pool.run(job), died]));
    // An injected crash ends the whole thread, and with it what else it does.
    if (result.kind === 'fault' && result.fault.code === workerLostCode) this.#replace(thread);
    return result as ResultOf<J>;
  }

  /** One thread ends, in the middle of whatever it does. */
  killThread(): void {
    const thread = this.#threads[this.#begun % this.#threads.length];
    if (thread !== undefined) this.#replace(thread);
  }

  #replace(thread: Thread): void {
    const at = this.#threads.indexOf(thread);
    if (at >= 0) this.#threads[at] = this.#begin();
    thread.life.die();
  }

  stage(): undefined {
    return undefined;
  }

  setSiteLost(siteId: string, lost: boolean): void {
    if (lost) this.#lost.add(siteId);
    else this.#lost.delete(siteId);
    for (const { pool } of this.#threads) pool.setSiteLost(siteId, lost);
  }

  /** The lab's worlds stand in this thread: there is no wire. */
  setWire(): Promise<void> {
    return Promise.resolve();
  }

  wireHits(): ReadonlyMap<string, number> {
    return new Map();
  }

  struck(): readonly Struck[] {
    return this.#threads.flatMap(({ pool }) => pool.struck());
  }

  health() {
    const inFlight = this.#threads.reduce((sum, { pool }) => sum + pool.health().inFlight, 0);
    return { threads: this.#threads.length, inFlight, blocked: {} };
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map(({ pool }) => pool.close()));
  }

  #begin(): Thread {
    const { remotes, farEnd, time, offsetMs } = this.#parts;
    const life = new Mortal(`${this.#daemon.name}, thread ${++this.#begun}`, this.#daemon);
    const clock = life.clock(time, offsetMs);
    const plugins = new Map([['lab', farEnd.plugin(life)]]);
    const pool = createInlinePool({ remotes, plugins, clock });
    for (const siteId of this.#lost) pool.setSiteLost(siteId, true);
    return { life, pool };
  }
}
