/**
 * graphile-worker as a member runs it: one pool of workers for the shared queue and the member's
 * own, because each pool looks whenever anything is put. One that ends because the database was
 * away is started again, under a new name.
 */
import { EventEmitter } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Logger, runMigrations, runTaskList, type WorkerPool } from 'graphile-worker';
import type { Pool } from 'pg';
import { requestsAtOnceMax } from '../core/limits.ts';

/** How long what was taken may take to be done, once nothing more is taken. */
const stopMsMax = 4_000;

/** Jobs that end within so long are told to the database as one. */
const completeMs = 15;

/** An idle pool polls each second: it is stuck when so many looks found that it did not. */
const quietLooksMax = 15;

/** Between two starts of a pool. */
const restartMs = 500;

/** News of requests may be lost: each pool looks by itself. */
const pollMs = 1_000;

/** What is fetched and not begun goes back after this. */
const prefetchedMsMax = 1_000;

export type TroubleLog = (message: string) => void;

/** Queue → what is done of it. A rejection: it is handed out again, later. */
export type Tasks = Readonly<Record<string, (payload: unknown) => Promise<void>>>;

/** Makes graphile-worker's tables; several may at once. */
export const makeQueues = async (pgPool: Pool, trouble: TroubleLog): Promise<void> => {
  await runMigrations({ pgPool, logger: loggerTo(trouble), noHandleSignals: true });
};

const loggerTo = (trouble: TroubleLog): Logger =>
  new Logger(() => (level, message) => {
    if (level === 'error' || level === 'warning') trouble(message);
  });

/** A pool that is kept running. */
export class KeptWorkers {
  readonly #tasks: Tasks;
  readonly #connect: () => Pool;
  #pgPool: Pool | undefined;
  #quietLooks = 0;
  #stuck = Promise.withResolvers<void>();
  readonly #logger: Logger;
  readonly #stopping = new AbortController();
  #pool: WorkerPool | undefined;
  #kept: Promise<void> | undefined;
  /** Resolves when the pool begins to end. */
  #ending = Promise.withResolvers<void>();

  /** `connect`: connections of its own for each pool of workers. */
  constructor(tasks: Tasks, connect: () => Pool, trouble: TroubleLog) {
    this.#tasks = tasks;
    this.#connect = connect;
    this.#logger = loggerTo(trouble);
  }

  /** Name of the pool that runs; undefined: none does now. */
  get poolId(): string | undefined {
    return (this.#pool as { readonly id?: string } | undefined)?.id;
  }

  /** `begun` is called whenever there is a pool of another name. */
  start(begun: () => Promise<void>): void {
    this.#kept = this.#keep(begun);
  }

  get #isStuck(): boolean {
    return this.#quietLooks > quietLooksMax;
  }

  /** Called again and again while nothing is in hand: a pool that fetches nothing is replaced. */
  look(): void {
    this.#quietLooks++;
    if (this.#isStuck) this.#stuck.resolve();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    const pool = this.#pool;
    if (pool !== undefined) {
      const over = new AbortController();
      const ended = Promise.resolve(pool.gracefulShutdown()).catch(() => {});
      const impatient = delay(stopMsMax, 'late', { signal: over.signal }).catch(() => 'ended');
      if ((await Promise.race([ended, impatient])) === 'late') {
        await Promise.resolve(pool.forcefulShutdown('the member ends')).catch(() => {});
      }
      over.abort();
    }
    await this.#kept;
    await this.#pgPool?.end().catch(() => {});
  }

  async #keep(begun: () => Promise<void>): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      this.#pool = this.#run();
      await begun().catch(() => {});
      await this.#ended(this.#pool);
      this.#pool = undefined;
      await delay(restartMs, undefined, { signal }).catch(() => {});
    }
  }

  /** A pool that ends because it lost the database may wait for it for ever: it gets a while. */
  async #ended(pool: WorkerPool): Promise<void> {
    const ended = pool.promise.then(
      () => {},
      () => {},
    );
    const cut = this.#ending.promise.then(() => delay(stopMsMax, undefined, { ref: false }));
    await Promise.race([ended, cut, this.#stuck.promise]);
    const { signal } = this.#stopping;
    if (signal.aborted) return;
    // It may hold on to connections that never answer: they end with it.
    const pgPool = this.#pgPool;
    void ended.then(() => pgPool?.end().catch(() => {}));
    if (this.#isStuck) void Promise.resolve(pool.forcefulShutdown('stuck')).catch(() => {});
  }

  #run(): WorkerPool {
    this.#ending = Promise.withResolvers<void>();
    const events = new EventEmitter();
    events.once('pool:gracefulShutdown', () => this.#ending.resolve());
    events.on('localQueue:getJobs:complete', () => {
      this.#quietLooks = 0;
    });
    this.#quietLooks = 0;
    this.#stuck = Promise.withResolvers<void>();
    const pgPool = this.#connect();
    this.#pgPool = pgPool;
    return runTaskList(
      {
        concurrency: requestsAtOnceMax,
        events,
        logger: this.#logger,
        noHandleSignals: true,
        preset: {
          worker: {
            pollInterval: pollMs,
            // Without its refetchDelay: news that comes during that is lost until the next poll.
            localQueue: { size: requestsAtOnceMax, ttl: prefetchedMsMax },
            completeJobBatchDelay: completeMs,
            failJobBatchDelay: completeMs,
          },
        },
      },
      { ...this.#tasks },
      pgPool,
    );
  }
}
