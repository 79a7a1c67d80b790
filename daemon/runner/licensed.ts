/**
 * A pool that dispatches only under a licence: the member's lease holds by its own clock, and the
 * run is still this member's. What cannot go yet waits; what was taken away is never called.
 */
import type { Job, Pool, ResultOf } from '../workers/pool.ts';
import { PoolLayer } from './pool-layer.ts';

export interface Licensing {
  /** The lease holds at this moment. */
  readonly licensed: boolean;
  /** This member takes no part any more. */
  readonly left: boolean;
  /** Resolves when the lease holds, or when this member has left. */
  granted(): Promise<void>;
}

/** `epochOf`: the licence under which a run is driven here. */
export const licensedPool = (
  pool: Pool,
  lease: Licensing,
  epochOf: (runId: string) => number | undefined,
): Pool => new LicensedPool(pool, lease, epochOf);

class LicensedPool extends PoolLayer {
  readonly #lease: Licensing;
  readonly #epochOf: (runId: string) => number | undefined;

  constructor(pool: Pool, lease: Licensing, epochOf: (runId: string) => number | undefined) {
    super(pool);
    this.#lease = lease;
    this.#epochOf = epochOf;
  }

  /** A staged job begins by itself, when nobody looks at the lease. */
  override stage(): undefined {
    return undefined;
  }

  run<J extends Job>(job: J): Promise<ResultOf<J>> {
    const mayGo = job.kind !== 'task' || (this.#lease.licensed && this.#isOurs(job));
    return mayGo ? this.pool.run(job) : this.#waitAndRun(job);
  }

  /** A run that has ended is nobody's: anybody may ask what became of its calls. */
  #isOurs(job: Job): boolean {
    return job.kind !== 'task' || job.phase === 'ask' || this.#epochOf(job.runId) === job.epoch;
  }

  async #waitAndRun<J extends Job>(job: J): Promise<ResultOf<J>> {
    const lease = this.#lease;
    while (!lease.licensed && !lease.left) await lease.granted();
    if (!lease.left && this.#isOurs(job)) return this.pool.run(job);
    // Whoever asked is gone, with the run or with this member: there is nobody to answer.
    return new Promise(() => {});
  }
}
