/** What was heard of injections ahead of a job's answer, for jobs that never get one. */
import type { Job, Recalled, ResultOf, Struck } from './pool.ts';

type Answer = ResultOf<Job> | Recalled;

/** A dead thread, and one that hangs, cannot say any more what was done on purpose. */
export const withStrikes = <A extends Answer>(answer: A, strikes: ReadonlySet<string>): A =>
  strikes.size > 0 && 'kind' in answer && answer.kind === 'fault'
    ? { ...answer, injected: [...strikes] }
    : answer;

export const struckOf = (job: Job, strikes: ReadonlySet<string>): Struck => [
  job.kind === 'describe' ? [] : (job.injections ?? []),
  [...strikes],
];

/** The jobs of a pool that are under way. */
export class OpenJobs {
  readonly #strikes = new Map<Job, Set<string>>();

  get size(): number {
    return this.#strikes.size;
  }

  struck(): readonly Struck[] {
    return [...this.#strikes].flatMap(([job, strikes]) =>
      strikes.size > 0 ? [struckOf(job, strikes)] : [],
    );
  }

  async during<T>(job: Job, work: (strikes: Set<string>) => Promise<T>): Promise<T> {
    // One that is asked for twice at once is two.
    const own = { ...job };
    const strikes = new Set<string>();
    this.#strikes.set(own, strikes);
    const came = await work(strikes);
    this.#strikes.delete(own);
    return came;
  }
}
