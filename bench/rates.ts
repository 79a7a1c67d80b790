/** How fast: VM-steps in large workgroups, tasks in workgroups of one, and what memory it takes. */
import { piscinaRate } from './bare/piscina.ts';
import { rowRate } from './bare/rows.ts';
import type { Figure } from './figures.ts';
import { median, sum } from './numbers.ts';
import type { Scale } from './scale.ts';
import { type Timed, World } from './world.ts';

const steps = 5;
/** A task's intent and its outcome. */
const rowsPerTask = 2;

const repeat = async (world: World, workMs: number): Promise<readonly Timed[]> => {
  const runs: Timed[] = [];
  for (let workedMs = 0; workedMs < workMs; ) {
    const run = await world.run();
    workedMs += run.totalMs;
    runs.push(run);
  }
  return runs;
};

const perSecond = (runs: readonly Timed[]): number =>
  median(runs.map(({ vmSteps, totalMs }) => (vmSteps / totalMs) * 1_000));

const figuresAt = async (
  { groups, workMs }: Scale,
  vmWorkgroupMax: number,
  wanted: { readonly rate: number; readonly unit: string; readonly peakMb?: number },
): Promise<readonly Figure[]> => {
  const world = await World.open({ groups, steps, faultRate: 0.01, latencyMs: 0, syncDelayMs: 0 });
  try {
    const planned = await world.failOver({ groups, vmWorkgroupMax });
    const cpuBefore = world.daemon.cpuMs;
    const runs = await repeat(world, workMs);
    const cpuMs = world.daemon.cpuMs - cpuBefore;
    const what = `workgroups of ${vmWorkgroupMax}`;
    const bareMs = Math.min(workMs, 1_000);
    const bare = await piscinaRate(vmWorkgroupMax, bareMs);
    const rows = (rowRate(bareMs) / rowsPerTask) * vmWorkgroupMax;
    const value = perSecond(runs);
    return [
      {
        name: `${what}: the same beside its rows alone`,
        value,
        unit: wanted.unit,
        limit: { name: 'bare SQLite, group commit', value: rows },
      },
      {
        name: `${what}: rate`,
        value,
        unit: wanted.unit,
        limit: { name: 'bare Piscina, 2 threads', value: bare },
        wanted: { of: 'value', is: '≥', than: wanted.rate },
      },
      { name: `${what}: StartRun`, value: median(runs.map((run) => run.startMs)), unit: 'ms' },
      {
        name: `${what}: processor time of the daemon`,
        value: (cpuMs * 1_000) / sum(runs.map(({ vmSteps }) => vmSteps)),
        unit: `µs for each of the ${wanted.unit.split('/')[0]}`,
      },
      {
        name: `${what}: peak memory`,
        value: world.daemon.peakMb,
        unit: 'MB',
        ...(wanted.peakMb && { wanted: { of: 'value', is: '≤', than: wanted.peakMb } as const }),
      },
      { name: `${what}: planned failover, cold`, value: planned.totalMs, unit: 'ms' },
    ];
  } finally {
    await world.close();
  }
};

export const rates = async (scale: Scale): Promise<readonly Figure[]> => [
  ...(await figuresAt(scale, 100, { rate: 1_000_000, unit: 'VM-steps/s', peakMb: 300 })),
  ...(await figuresAt(scale, 1, { rate: 40_000, unit: 'tasks/s' })),
];
