/**
 * Monitoring over many members: GetRun through a front, in an open loop, so that a slow answer
 * makes nobody ask less; then as many as there are answers for. Members are real daemons over a
 * real PostgreSQL, each with a run of its own. Nothing is measured where there is no PostgreSQL.
 */
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { Mode } from '../sdk/client/index.ts';
import { startDaemon, type TestDaemon } from '../sdk/testing/index.ts';
import { type PostgresServer, startPostgres } from '../test/_support/postgres.ts';
import { Caller } from './callers.ts';
import type { Figure } from './figures.ts';
import { median, quantile } from './numbers.ts';
import { namesOf, planOver } from './plans.ts';
import type { Scale } from './scale.ts';

const ratePerSecond = 150;

/** Callers that ask again as soon as they are answered. */
const callersAtOnce = 64;

interface Cluster {
  readonly server: PostgresServer;
  readonly daemons: readonly TestDaemon[];
  readonly front: TestDaemon;
  /** Asks the member that drives a run alone. */
  readonly direct: TestDaemon;
  /** One for each member, which drives it all the time. */
  readonly runIds: readonly string[];
}

/** Each run is in the middle of a call for as long as the bench takes. */
const busy = {
  injections: [
    { name: 'long', step: 'test-copy', effect: { effect: 'delay', delayMs: 3_600_000 } },
  ],
};

const build = async (members: number): Promise<Cluster> => {
  const server = await startPostgres();
  const postgres = await server.database();
  const world = { groups: members, vmsPerGroup: 1 };
  const daemons: TestDaemon[] = [];
  const runIds: string[] = [];
  for (let n = 1; n <= members; n++) {
    const own = { member: `m${n}`, workers: 1, journal: { postgres }, ...busy };
    const daemon = await startDaemon({ world, config: own });
    daemons.push(daemon);
    await daemon.client.plans.create(planOver(`plan-${n}`, namesOf(n, n)));
    const order = { planId: `plan-${n}`, mode: Mode.TEST, requester: 'bench' };
    runIds.push((await daemon.client.runs.start(order)).runId);
  }
  const asFront = { program: 'front', config: { journal: { postgres } } } as const;
  const front = await startDaemon(asFront);
  const direct = await startDaemon({ ...asFront, args: ['--direct'] });
  return { server, daemons, front, direct, runIds };
};

/** Processor time so far, of all threads, in ms; the kernel counts in hundredths of a second. */
const cpuMsOf = ({ front, direct, daemons }: Cluster): number => {
  let ticks = 0;
  for (const { pid } of [front, direct, ...daemons]) {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ');
    ticks += Number(fields?.[11]) + Number(fields?.[12]);
  }
  return ticks * 10;
};

/** Asks on a schedule, whatever becomes of what was asked before; NaN: it was not answered. */
const openLoop = async ({ front, runIds }: Cluster, loadMs: number): Promise<number[]> => {
  const caller = new Caller(front.address);
  const count = Math.ceil((ratePerSecond * loadMs) / 1_000);
  const begunMs = performance.now();
  const asked: Promise<number>[] = [];
  for (let n = 0; n < count; n++) {
    const dueMs = begunMs + (n * 1_000) / ratePerSecond;
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await delay(waitMs);
    // From when it was due: the loop's own delays are the caller's too.
    const lateMs = performance.now() - dueMs;
    const answer = caller.getRun(runIds[n % runIds.length] as string);
    asked.push(
      answer.then(
        (ms) => ms + lateMs,
        () => Number.NaN,
      ),
    );
  }
  const took = await Promise.all(asked);
  caller.close();
  return took;
};

/** The same while one member stands still: its own run is not asked for. */
const withOneFrozen = async (cluster: Cluster, loadMs: number): Promise<number[]> => {
  const { pid } = cluster.daemons.at(-1) as TestDaemon;
  process.kill(pid, 'SIGSTOP');
  try {
    return await openLoop({ ...cluster, runIds: cluster.runIds.slice(0, -1) }, loadMs);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
};

/** Answers a second when nobody waits between two questions. */
const saturation = async ({ front, runIds }: Cluster, loadMs: number): Promise<number> => {
  const caller = new Caller(front.address);
  const endMs = performance.now() + loadMs;
  let count = 0;
  const asking = Array.from({ length: callersAtOnce }, async (_, n) => {
    do {
      const runId = runIds[(n + count) % runIds.length] as string;
      const took = await caller.getRun(runId).catch(() => undefined);
      if (took !== undefined) count++;
    } while (performance.now() < endMs);
  });
  const begunMs = performance.now();
  await Promise.all(asking);
  caller.close();
  return (count * 1_000) / (performance.now() - begunMs);
};

export const monitoring = async ({ loadMs, members }: Scale): Promise<readonly Figure[]> => {
  if (!existsSync('/usr/lib/postgresql')) return [];
  const cluster = await build(members);
  try {
    await openLoop(cluster, loadMs / 10);
    const cpuMs = cpuMsOf(cluster);
    const took = await openLoop(cluster, 2 * loadMs);
    const costMs = (cpuMsOf(cluster) - cpuMs) / took.length;
    const answered = took.filter((ms) => !Number.isNaN(ms));
    const lost = took.length - answered.length;
    const rate = await saturation(cluster, loadMs / 2);
    const directly = { ...cluster, front: cluster.direct };
    const alone = (await openLoop(directly, loadMs)).filter((ms) => !Number.isNaN(ms));
    const aloneRate = await saturation(directly, loadMs / 2);
    const beside = (await withOneFrozen(cluster, 2 * loadMs)).filter((ms) => !Number.isNaN(ms));
    const asked = `GetRun through a front, ${members} members, ${ratePerSecond}/s`;
    const wanted = { of: 'value', is: '≤', than: 100 } as const;
    return [
      { name: `${asked}: p50`, value: median(answered), unit: 'ms' },
      { name: `${asked}: p99`, value: quantile(answered, 0.99), unit: 'ms', wanted },
      {
        name: `${asked}, one of them frozen all the time: p99`,
        value: quantile(beside, 0.99),
        unit: 'ms',
        limit: { name: 'none frozen', value: quantile(answered, 0.99) },
      },
      { name: `${asked}: not answered, of ${took.length}`, value: lost, unit: 'requests' },
      { name: `${asked}: processor time of front and members`, value: costMs, unit: 'ms each' },
      { name: `${callersAtOnce} callers who never pause`, value: rate, unit: 'answers/s' },
      { name: `${asked}, front --direct: p50`, value: median(alone), unit: 'ms' },
      { name: `${asked}, front --direct: p99`, value: quantile(alone, 0.99), unit: 'ms', wanted },
      {
        name: `${callersAtOnce} callers who never pause, front --direct`,
        value: aloneRate,
        unit: 'answers/s',
      },
    ];
  } finally {
    for (const daemon of [cluster.front, cluster.direct, ...cluster.daemons]) await daemon.stop();
    await cluster.server.stop();
  }
};
