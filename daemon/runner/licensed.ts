/**
 * A pool that dispatches only under a licence: the member's lease holds by its own clock, and the
 * run is still this member's. What cannot go yet waits; what was taken away is never called.
 */
import type { Job, Pool, ResultOf } from '../workers/pool.ts';

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
): Pool => {
  const isOurs = (job: Job): boolean => job.kind !== 'task' || epochOf(job.runId) === job.epoch;
  const waitAndRun = async <J extends Job>(job: J): Promise<ResultOf<J>> => {
    while (!lease.licensed && !lease.left) await lease.granted();
    if (!lease.left && isOurs(job)) return pool.run(job);
    // Whoever asked is gone, with the run or with this member: there is nobody to answer.
    return new Promise(() => {});
  };
  return {
    // A staged job begins by itself, when nobody looks at the lease.
    stage: () => undefined,
    run: (job) => {
      if (job.kind !== 'task' || (lease.licensed && isOurs(job))) return pool.run(job);
      return waitAndRun(job);
    },
    setSiteLost: (siteId, lost) => pool.setSiteLost(siteId, lost),
    setWire: (rules) => pool.setWire(rules),
    wireHits: () => pool.wireHits(),
    health: () => pool.health(),
    close: () => pool.close(),
  };
};
