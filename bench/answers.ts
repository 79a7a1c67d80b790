/**
 * How quickly the daemon answers while it works: GetRun and a bare echo, asked in turn by the same
 * caller, during the same run; alone, beside a thousand watchers, and with a slow disk.
 */
import { join } from 'node:path';
import { Mode } from '../sdk/client/index.ts';
import { Caller } from './callers.ts';
import type { Figure } from './figures.ts';
import { quantile } from './numbers.ts';
import { BenchProcess } from './process.ts';
import type { Scale } from './scale.ts';
import { vmsPerGroup, World } from './world.ts';

const steps = 5;
const slots = 64;
/** The default of plans. */
const vmWorkgroupMax = 20;
/** Between two questions: often enough for a p99, seldom enough not to be the load. */
const pauseMs = 10;
const watchersPerChannel = 50;
interface Load {
  readonly watchers: number;
  readonly syncDelayMs: number;
}

interface Heard {
  /** Before the run, with nothing else going on. */
  readonly idle: readonly number[];
  readonly getRun: readonly number[];
  readonly echo: readonly number[];
  /** Watchers that were served the whole run. */
  readonly served: number;
  readonly runMs: number;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const askUntil = async (
  over: Promise<unknown>,
  daemon: Caller,
  echo: Caller,
  runId: string,
): Promise<Pick<Heard, 'getRun' | 'echo'>> => {
  const heard = { getRun: [] as number[], echo: [] as number[] };
  let going = true;
  void over.then(() => {
    going = false;
  });
  const request = Buffer.alloc(runId.length + 4);
  // After the same rest each: who is asked right after another finds a caller that is awake.
  while (going) {
    heard.getRun.push(await daemon.getRun(runId));
    await pause(pauseMs);
    heard.echo.push(await echo.echo(request));
    await pause(pauseMs);
  }
  return heard;
};

const askIdle = async (
  daemon: Caller,
  runId: string,
  times: number,
): Promise<readonly number[]> => {
  const heard: number[] = [];
  for (let asked = 0; asked < times; asked++) {
    heard.push(await daemon.getRun(runId));
    await pause(pauseMs);
  }
  return heard;
};

const listen = async (scale: Scale, { watchers, syncDelayMs }: Load): Promise<Heard> => {
  const { groups, loadMs } = scale;
  const tasks = (groups * vmsPerGroup * steps) / vmWorkgroupMax;
  const latencyMs = Math.ceil((loadMs * Math.min(slots, tasks)) / tasks);
  const world = await World.open({ groups, steps, faultRate: 0.01, latencyMs, syncDelayMs });
  const path = join(world.state, 'echo.sock');
  const echo = await BenchProcess.module('bare/echo', { path });
  const address = world.daemon.ready.split(' ')[0] ?? '';
  const channels = Math.ceil(watchers / watchersPerChannel);
  const callers = Array.from({ length: channels + 1 }, () => new Caller(address));
  const echoCaller = new Caller(echo.ready);
  try {
    const { runId: before } = await world.failOver({ groups, vmWorkgroupMax });
    const idle = await askIdle(callers[channels] as Caller, before, scale.idleAsked);
    const begunMs = performance.now();
    const runId = await world.start(Mode.REPROTECT);
    const watched = Array.from({ length: Math.max(watchers, 1) }, (_, at) =>
      (callers[at % channels] ?? (callers[0] as Caller)).watch(runId),
    );
    const over = Promise.all(watched);
    const asking = askUntil(over, callers[channels] as Caller, echoCaller, runId);
    const sizes = await over;
    const runMs = performance.now() - begunMs;
    const served = sizes.filter((bytes) => bytes === Math.max(...sizes)).length;
    return { ...(await asking), idle, served, runMs };
  } finally {
    for (const caller of [...callers, echoCaller]) caller.close();
    await echo.stop();
    await world.close();
  }
};

const timesOf = (what: string, heard: Heard, wanted = true): readonly Figure[] => [
  {
    name: `GetRun ${what}: p50`,
    value: quantile(heard.getRun, 0.5),
    unit: 'ms',
    limit: { name: 'bare echo', value: quantile(heard.echo, 0.5) },
    ...(wanted && { wanted: { of: 'ratio', is: '≤', than: 1.5 } as const }),
  },
  {
    name: `GetRun ${what}: p99`,
    value: quantile(heard.getRun, 0.99),
    unit: 'ms',
    limit: { name: 'bare echo', value: quantile(heard.echo, 0.99) },
  },
];

const beside = (watchers: number, { getRun, idle }: Heard): Figure => ({
  name: `GetRun beside ${watchers} watchers of the run: p99`,
  value: quantile(getRun, 0.99),
  unit: 'ms',
  limit: { name: 'idle', value: quantile(idle, 0.99) },
  wanted: { of: 'ratio', is: '≤', than: 3 },
});

export const answers = async (scale: Scale): Promise<readonly Figure[]> => {
  const { watchers, watchersFew } = scale;
  const alone = await listen(scale, { watchers: 0, syncDelayMs: 0 });
  const crowded = await listen(scale, { watchers, syncDelayMs: 0 });
  const few = await listen(scale, { watchers: watchersFew, syncDelayMs: 0 });
  const delayMs = 10;
  const slow = await listen(scale, { watchers: 0, syncDelayMs: delayMs });
  const growthMs = quantile(slow.getRun, 0.99) - quantile(alone.getRun, 0.99);
  return [
    { name: 'length of the run', value: alone.runMs / 1_000, unit: 's' },
    ...timesOf('during a run', alone),
    beside(watchersFew, few),
    ...timesOf(`beside ${watchers} watchers`, crowded, false),
    {
      name: 'watchers that got every event',
      value: crowded.served,
      unit: `of ${watchers}`,
      wanted: { of: 'value', is: '≥', than: watchers },
    },
    ...timesOf(`with syncs of ${delayMs} ms`, slow),
    {
      name: `GetRun p99: growth by syncs of ${delayMs} ms`,
      value: growthMs,
      unit: 'ms',
      limit: { name: 'one sync', value: delayMs },
      wanted: { of: 'ratio', is: '≤', than: 1 },
    },
  ];
};
