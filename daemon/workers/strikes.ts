/** What was heard of injections ahead of a job's answer, for jobs that never get one. */
import type { Job, Recalled, ResultOf, Struck } from './pool.ts';

type Answer = ResultOf<Job> | Recalled;

/** A dead thread, and one that hangs, cannot say any more what was done on purpose. */
export const withStrikes = <A extends Answer>(answer: A, strikes: ReadonlySet<string>): A =>
  strikes.size > 0 && 'kind' in answer && answer.kind === 'fault'
    ? { ...answer, injected: [...strikes] }
    : answer;

export interface OpenJob {
  readonly job: Job;
  /** Rules that are known to have changed something of it. */
  readonly strikes: ReadonlySet<string>;
}

/** Of jobs under way those of which something was changed. */
export const struckIn = (open: Iterable<OpenJob>): readonly Struck[] =>
  [...open].flatMap(({ job, strikes }): Struck[] => {
    if (strikes.size === 0 || job.kind === 'describe') return [];
    return [[job.injections ?? [], [...strikes]]];
  });

/** The jobs of a pool that are under way. */
export class OpenJobs {
  readonly #open = new Set<OpenJob>();

  get size(): number {
    return this.#open.size;
  }

  struck(): readonly Struck[] {
    return struckIn(this.#open);
  }

  async during<T>(job: Job, work: (strikes: Set<string>) => Promise<T>): Promise<T> {
    const strikes = new Set<string>();
    const own = { job, strikes };
    this.#open.add(own);
    const came = await work(strikes);
    this.#open.delete(own);
    return came;
  }
}
