/**
 * How near to ideal: 64 calls in flight that take 5 ms for each of their VMs, so that every size of
 * workgroup is some four seconds of work; and the same with barriers.
 */
import { chainsOfWaits } from './bare/timers.ts';
import type { Figure } from './figures.ts';
import { median } from './numbers.ts';
import type { Scale } from './scale.ts';
import { type Timed, vmsPerGroup, World } from './world.ts';

const steps = 5;
const latencyMsPerVm = 5;
/** The default limit of one compute. */
const slots = 64;

const span = async (
  { groups, workMs }: Scale,
  vmWorkgroupMax: number,
  barrier: boolean,
): Promise<number> => {
  const latencyMs = latencyMsPerVm * vmWorkgroupMax;
  const world = await World.open({ groups, steps, faultRate: 0.01, latencyMs, syncDelayMs: 0 });
  try {
    const workgroups = groups * Math.ceil(vmsPerGroup / vmWorkgroupMax);
    const releaseBatchSize = barrier ? workgroups : 0;
    await world.failOver({ groups, vmWorkgroupMax, releaseBatchSize });
    const runs: Timed[] = [];
    for (let workedMs = 0; workedMs < workMs; ) {
      const run = await world.run();
      runs.push(run);
      workedMs += run.totalMs;
    }
    return median(runs.map(({ totalMs, startMs }) => totalMs - startMs));
  } finally {
    await world.close();
  }
};

const figuresAt = async (scale: Scale, vmWorkgroupMax: number): Promise<readonly Figure[]> => {
  const latencyMs = latencyMsPerVm * vmWorkgroupMax;
  const chains = (scale.groups * vmsPerGroup) / vmWorkgroupMax;
  const idealMs = Math.max(steps, (chains * steps) / slots) * latencyMs;
  const name = `workgroups of ${vmWorkgroupMax}, verbs of ${latencyMs} ms, ${slots} in flight`;
  const ideal = { name: 'ideal', value: idealMs };
  const bareMs = await chainsOfWaits({ chains, steps, slots }, latencyMs);
  return [
    {
      name: `${name}: makespan`,
      value: await span(scale, vmWorkgroupMax, false),
      unit: 'ms',
      limit: ideal,
      wanted: { of: 'ratio', is: '≤', than: 1.15 },
    },
    {
      name: `${name}: with barriers`,
      value: await span(scale, vmWorkgroupMax, true),
      unit: 'ms',
      limit: ideal,
    },
    { name: `${name}: bare timers`, value: bareMs, unit: 'ms', limit: ideal },
  ];
};

export const makespan = async (scale: Scale): Promise<readonly Figure[]> => [
  ...(await figuresAt(scale, 1)),
  ...(await figuresAt(scale, 10)),
  ...(await figuresAt(scale, 100)),
];
