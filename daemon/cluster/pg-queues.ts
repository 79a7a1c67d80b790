/**
 * The queues in PostgreSQL, on graphile-worker: one task that all members take, and one for each
 * member. Reports are rows; whoever waits for them is told by a notice, and looks by itself as
 * well.
 */
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { executedRunsMax, putGatherMs, reportGatherMs, takeOverLookMs } from '../core/limits.ts';
import { listen } from '../journal/pg-changes.ts';
import { hasty, Line, type Row } from '../journal/pg-line.ts';
import { Batch } from './batch.ts';
import { classOf, methodOf } from './classes.ts';
import * as sql from './pg-queues-schema.ts';
import { fromPayload, type Payload, payloadOf, reportOf, rowOf } from './pg-rows.ts';
import { KeptWorkers, makeQueues, type TroubleLog } from './pg-workers.ts';
import type { Place, Queues, Report, Request, Serving, Standing } from './queues.ts';

/** Connections of the workers: one listens, the others fetch and complete. */
const connectionsMax = 3;

/** News of reports may be lost: an asker looks by itself. */
const lookMs = 1_000;

/** What was left lying is swept this often. */
const looksPerSweep = 25;

/** Requests taken, after which the queues are cleared of what is left of them. */
const takenPerVacuum = 250;

const sharedTask = 'request';

/** Names of tasks are short. */
const taskOf = (memberId: string): string =>
  `member:${Buffer.byteLength(memberId) <= 100 ? memberId : digest(memberId)}`;

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

/** A channel's name is no longer than 63 characters. */
const channelOf = (asker: string): string => `siteswap_asker_${digest(asker).slice(0, 32)}`;

export interface PgQueuesOptions {
  /** `postgres://…`; may hold a password, and is told to nobody. */
  readonly url: string;
  /** Of the journal of this process. */
  readonly writer: string;
  readonly trouble: TroubleLog;
}

/** Makes the tables where there are none. Rejects when the server does not answer. */
export const openPgQueues = async (options: PgQueuesOptions): Promise<Queues> => {
  const line = new Line(options.url, 'queues', false);
  const trouble = ({ message }: Error) => options.trouble(message);
  const connect = (): pg.Pool => {
    const workers = new pg.Pool({
      connectionString: options.url,
      application_name: 'siteswap workers',
      max: connectionsMax,
      options: hasty,
      keepAlive: true,
    });
    workers.on('error', trouble);
    workers.on('connect', (client) => client.on('error', trouble));
    return workers;
  };
  const making = connect();
  try {
    await line.ask(sql.queueSchemaSql);
    await makeQueues(making, options.trouble);
  } catch (error) {
    await line.close();
    throw error;
  } finally {
    await making.end();
  }
  return new PgQueues(options, line, connect);
};

interface Put {
  readonly request: Request;
  readonly place: Place;
}

interface Told {
  readonly asker: string;
  readonly report: Report;
  readonly streams: boolean;
}

class PgQueues implements Queues {
  readonly #options: PgQueuesOptions;
  readonly #line: Line;
  readonly #connect: () => pg.Pool;
  #inHand = 0;
  readonly #puts: Batch<Put, number>;
  readonly #told: Batch<Told, boolean>;
  readonly #closing = new AbortController();
  #workers: KeptWorkers | undefined;
  #ticking: Promise<void> = Promise.resolve();
  #looks = 0;
  #taken = 0;
  /** Requests in hand whose answer is a stream. */
  readonly #streams = new Set<string>();

  constructor(options: PgQueuesOptions, line: Line, connect: () => pg.Pool) {
    this.#options = options;
    this.#line = line;
    this.#connect = connect;
    this.#puts = new Batch(
      putGatherMs,
      ({ request }) => request.body.length,
      (puts) => this.#put(puts),
    );
    this.#told = new Batch(
      reportGatherMs,
      ({ report }) => report.body?.length ?? 0,
      (told) => this.#tell(told),
    );
  }

  put(request: Request, place: Place): Promise<number> {
    return this.#puts.add({ request, place });
  }

  async serve({ memberId, take }: Serving): Promise<void> {
    const { trouble } = this.#options;
    const own = taskOf(memberId);
    const tasks = {
      [own]: (payload: unknown) => this.#take(payload, (one) => take(one, 'own')),
      [sharedTask]: (payload: unknown) => this.#take(payload, (one) => take(one, 'shared')),
    };
    const workers = new KeptWorkers(tasks, this.#connect, trouble);
    // What was put while this member was away is nobody's any more.
    await this.#free();
    await this.#line.ask(sql.clearTasksSql, [[own]]);
    this.#workers = workers;
    workers.start(() => this.#keep(memberId));
    this.#ticking = this.#tick(memberId);
  }

  async stop(): Promise<void> {
    this.#closing.abort();
    await this.#ticking;
    await this.#workers?.stop();
    await this.#told.idle();
    this.#workers = undefined;
    await this.#free().catch(() => {});
  }

  report(asker: string, report: Report): Promise<boolean> {
    const streams = this.#streams.has(report.requestId) && report.body !== undefined;
    return this.#told.add({ asker, report, streams });
  }

  async isWaited(requestId: string): Promise<boolean> {
    return (await this.#line.ask(sql.isWaitedSql, [requestId], 'is-waited')).length > 0;
  }

  async *reports(
    asker: string,
    waiting: () => readonly string[],
    signal: AbortSignal,
  ): AsyncIterable<readonly Report[]> {
    const news = listen(this.#options.url, signal, channelOf(asker))[Symbol.asyncIterator]();
    let read = new Map<string, number>();
    let heard = news.next();
    while (!signal.aborted) {
      const look = new AbortController();
      const idle = delay(lookMs, undefined, { signal: look.signal }).catch(() => undefined);
      const told = await Promise.race([heard, idle]);
      look.abort();
      if (told !== undefined) heard = news.next();
      const ids = told?.value?.length > 0 ? told?.value : waiting();
      if (ids.length === 0) continue;
      const values = [ids, [...read.keys()], [...read.values()]];
      const rows = await this.#line.ask(sql.readReportsSql, values, 'reports').catch(() => []);
      const reports = rows.map(reportOf);
      read = new Map(reports.map(({ requestId, part }) => [requestId, part]));
      if (reports.length > 0) yield reports;
    }
    await heard.catch(() => {});
  }

  async forget(requestId: string): Promise<void> {
    await this.#line.ask(sql.forgetSql, [requestId], 'forget');
  }

  async standing(runId: string): Promise<Standing> {
    const [row] = await this.#line.ask(sql.standingSql, [runId], 'standing');
    const memberId = row?.member as string | null | undefined;
    return { open: row?.open === true, ...(memberId == null ? {} : { memberId }) };
  }

  async alive(): Promise<readonly string[]> {
    const rows = await this.#line.ask(sql.aliveSql, [], 'alive');
    return rows.map(({ member }) => member as string);
  }

  async executed(memberId: string): Promise<readonly string[]> {
    const rows = await this.#line.ask(sql.executedSql, [memberId, executedRunsMax]);
    return rows.map(({ run }) => run as string);
  }

  async keepExecuted(memberId: string, runIds: readonly string[]): Promise<void> {
    await this.#line.ask(sql.keepExecutedSql, [memberId, runIds], 'keep-executed');
  }

  async close(): Promise<void> {
    await this.stop();
    await this.#line.close();
  }

  async #put(puts: readonly Put[]): Promise<readonly number[]> {
    const values = [
      puts.map(({ request }) => request.id),
      puts.map(({ place }) => placeText(place)),
      puts.map(({ request }) => JSON.stringify(payloadOf(request))),
      puts.map(({ request }) => request.waitMs),
      puts.flatMap(({ request: { id, method } }) => (methodOf(method).streams ? [id] : [])),
    ];
    const [row] = await this.#line.ask(sql.putSql, values, 'put');
    return puts.map(() => row?.members as number);
  }

  /** Notices go by themselves: inside the statement they would cost more than it. */
  async #tell(told: readonly Told[]): Promise<readonly boolean[]> {
    const rows = await this.#line.ask(sql.reportSql, rowOf(told), 'report');
    const keyOf = (row: Row) => `${row.request}/${row.attempt}/${row.part}`;
    const taken = new Set(rows.map(keyOf));
    const news = new Map<string, string[]>();
    for (const { asker, request } of rows) {
      const ids = news.get(asker as string) ?? [];
      ids.push(request as string);
      news.set(asker as string, ids);
    }
    const channels = [...news.keys()].map(channelOf);
    const payloads = [...news.values()].map((ids) => JSON.stringify(ids.length > 100 ? [] : ids));
    const values = [channels, payloads];
    void this.#line.ask(sql.tellSql, values, 'tell-askers').catch(() => {});
    return told.map(({ report: { requestId, attempt, part } }) =>
      taken.has(`${requestId}/${attempt}/${part}`),
    );
  }

  /** Nothing with an effect is begun after its asker has stopped waiting for it. */
  async #take(payload: unknown, take: (request: Request) => Promise<void>): Promise<void> {
    const { request, untilMs } = fromPayload(payload as Payload);
    if (classOf(request.method) !== 'monitor') {
      const [row] = await this.#line.ask(sql.isInTimeSql, [untilMs], 'in-time');
      if (row?.in_time !== true) return;
    }
    const { streams } = methodOf(request.method);
    if (streams) this.#streams.add(request.id);
    this.#inHand++;
    this.#taken++;
    await take(request).finally(() => {
      this.#inHand--;
      this.#streams.delete(request.id);
    });
  }

  async #keep(memberId: string): Promise<void> {
    const poolId = this.#workers?.poolId;
    if (poolId === undefined) return;
    const values = [poolId, this.#options.writer, memberId, taskOf(memberId)];
    await this.#line.ask(sql.keepPoolSql, values, 'keep-pool');
  }

  /**
   * Of members that are gone: what they had in hand is others', what waited for them is nobody's.
   */
  async #free(): Promise<void> {
    const values = [this.#options.writer, this.#workers?.poolId ?? ''];
    const [row] = await this.#line.ask(sql.freePoolsSql, values, 'free-pools');
    const tasks = (row?.tasks ?? []) as string[];
    if (tasks.length > 0) await this.#line.ask(sql.clearTasksSql, [tasks]);
  }

  async #tick(memberId: string): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      await delay(takeOverLookMs, undefined, { signal }).catch(() => {});
      await this.#look(memberId).catch(() => {});
    }
  }

  async #look(memberId: string): Promise<void> {
    if (this.#inHand === 0) this.#workers?.look();
    await this.#keep(memberId);
    await this.#free();
    if (this.#looks++ % looksPerSweep === 0) await this.#line.ask(sql.sweepSql);
    if (this.#taken < takenPerVacuum) return;
    this.#taken = 0;
    await this.#line.ask(sql.vacuumSql);
  }
}

const placeText = (place: Place): string => {
  if (place.kind === 'member') return place.memberId;
  return place.kind === 'all' ? '*' : '';
};
