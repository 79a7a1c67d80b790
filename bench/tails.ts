/**
 * The largest run: 100,000 VMs through eight steps, with calls that take as long as real ones, a
 * few of them very long. How near to ideal it is with 64 calls in flight, and with barriers.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { drawer } from '../plugins/lab/chance.ts';
import { listSchedule } from './bare/chains.ts';
import type { Figure } from './figures.ts';
import { tailedMs } from './latencies.ts';
import type { Scale } from './scale.ts';
import { sleptFile } from './slept.ts';
import { vmsPerGroup, World } from './world.ts';

const steps = 8;
/** The default limit of one compute. */
const slots = 64;
/** The default size of a workgroup, and half of it: nobody can cut a call that will be long. */
const sizes = [20, 10] as const;

interface Span {
  readonly ms: number;
  /** What all calls of the run took, spread evenly over the slots. */
  readonly idealMs: number;
  readonly peakMb: number;
}

const sleptMs = (world: World): number =>
  Number(readFileSync(join(world.state, sleptFile), 'utf8'));

const span = async (groups: number, vmWorkgroupMax: number, barrier = false): Promise<Span> => {
  const options = { groups, steps, faultRate: 0, latencyMs: 0, syncDelayMs: 0, tailed: true };
  const world = await World.open(options);
  try {
    const workgroups = (groups * vmsPerGroup) / vmWorkgroupMax;
    const releaseBatchSize = barrier ? workgroups : 0;
    await world.failOver({ groups, vmWorkgroupMax, releaseBatchSize });
    const beforeMs = sleptMs(world);
    const { totalMs, startMs } = await world.run();
    const idealMs = (sleptMs(world) - beforeMs) / slots;
    return { ms: totalMs - startMs, idealMs, peakMb: world.daemon.peakMb };
  } finally {
    await world.close();
  }
};

const ideal = ({ idealMs }: Pick<Span, 'idealMs'>) => ({
  name: 'work ÷ capacity',
  value: idealMs,
});

const figuresAt = async (groups: number, vmWorkgroupMax: number): Promise<readonly Figure[]> => {
  const flowing = await span(groups, vmWorkgroupMax);
  const draw = drawer(1, 'latency');
  let calls = 0;
  const chains = (groups * vmsPerGroup) / vmWorkgroupMax;
  const free = listSchedule({ chains, steps, slots }, () => tailedMs(draw('', calls++)));
  const name = `in workgroups of ${vmWorkgroupMax}`;
  return [
    {
      name: `${name}: makespan`,
      value: flowing.ms,
      unit: 'ms',
      limit: ideal(flowing),
      wanted: { of: 'ratio', is: '≤', than: 1.05 },
    },
    {
      name: `${name}: if only the calls took time`,
      value: free.ms,
      unit: 'ms',
      limit: ideal(free),
    },
    {
      name: `${name}: peak memory`,
      value: flowing.peakMb,
      unit: 'MB',
      wanted: { of: 'value', is: '≤', than: 600 },
    },
  ];
};

export const tails = async ({ groupsMax }: Scale): Promise<readonly Figure[]> => {
  const figures: Figure[] = [];
  for (const size of sizes) figures.push(...(await figuresAt(groupsMax, size)));
  const [, size] = sizes;
  const barriers = await span(groupsMax, size, true);
  const limit = ideal(barriers);
  const value = barriers.ms;
  figures.push({ name: `in workgroups of ${size}: with barriers`, value, unit: 'ms', limit });
  const vms = (groupsMax * vmsPerGroup).toLocaleString('en');
  const what = `${vms} VMs × ${steps} steps, calls of 20 ms to 2 s`;
  return figures.map((figure) => ({ ...figure, name: `${what}, ${figure.name}` }));
};
