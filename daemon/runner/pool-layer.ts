/** A pool around another one, which passes on whatever it does not do in its own way. */
import type { PlacedRule } from '../gateway/wire.ts';
import type { Job, Pool, PoolHealth, ResultOf, Staged, Struck, TaskJob } from '../workers/pool.ts';

export abstract class PoolLayer implements Pool {
  protected readonly pool: Pool;

  constructor(pool: Pool) {
    this.pool = pool;
  }

  abstract run<J extends Job>(job: J): Promise<ResultOf<J>>;

  stage(job: TaskJob, behind: TaskJob): Staged | undefined {
    return this.pool.stage(job, behind);
  }

  setSiteLost(siteId: string, lost: boolean): void {
    this.pool.setSiteLost(siteId, lost);
  }

  setWire(rules: readonly PlacedRule[]): Promise<void> {
    return this.pool.setWire(rules);
  }

  wireHits(): ReadonlyMap<string, number> {
    return this.pool.wireHits();
  }

  struck(): readonly Struck[] {
    return this.pool.struck();
  }

  health(): PoolHealth {
    return this.pool.health();
  }

  close(): Promise<void> {
    return this.pool.close();
  }
}
