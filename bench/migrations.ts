/** How near to ideal a live failover is: 1,000 VMs on stretched devices, verbs that take 5 ms. */
import { Mode } from '../sdk/client/index.ts';
import { chainsOfWaits } from './bare/timers.ts';
import type { Figure } from './figures.ts';
import { median } from './numbers.ts';
import type { Scale } from './scale.ts';
import { type Timed, vmsPerGroup, World } from './world.ts';

const latencyMs = 5;
/** The default limit of one array, and of one compute. */
const slots = 64;
/** Calls one after the other: look, switch, mount; migrate; look whether it runs. */
const callsBefore = 3;
const callsToMigrate = 1;
const callsAfter = 1;

/** A tenth of the largest world: 1,000 VMs. */
const groupsIn = (scale: Scale): number => Math.max(1, scale.groups / 10);

/** There and back again until enough was measured: each way is a failover of its own. */
const spans = async (groups: number, vmWorkgroupMax: number, workMs: number): Promise<number[]> => {
  const options = { groups, steps: 0, faultRate: 0, latencyMs, syncDelayMs: 0, stretched: true };
  const world = await World.open(options);
  try {
    const runs: Timed[] = [await world.failOver({ groups, vmWorkgroupMax, liveMigration: true })];
    for (let workedMs = 0; workedMs < workMs; ) {
      await world.run(Mode.REPROTECT);
      const run = await world.run(Mode.PLANNED);
      runs.push(run);
      workedMs += run.totalMs;
    }
    // The first one starts cold, and is not what a daemon of some hours does.
    return runs.slice(runs.length > 1 ? 1 : 0).map(({ totalMs, startMs }) => totalMs - startMs);
  } finally {
    await world.close();
  }
};

const figureAt = async (scale: Scale, vmWorkgroupMax: number): Promise<readonly Figure[]> => {
  const groups = groupsIn(scale);
  const chains = Math.ceil((groups * vmsPerGroup) / vmWorkgroupMax);
  const rounds = Math.max(1, chains / slots);
  const idealMs = (callsBefore + rounds * callsToMigrate + callsAfter) * latencyMs;
  const ideal = { name: 'ideal', value: idealMs };
  const name = `${groups * vmsPerGroup} VMs live in workgroups of ${vmWorkgroupMax}`;
  const bareMs = await chainsOfWaits({ chains, steps: callsToMigrate, slots }, latencyMs);
  return [
    {
      name: `${name}: switch and migrate`,
      value: median(await spans(groups, vmWorkgroupMax, scale.workMs)),
      unit: 'ms',
      limit: ideal,
      wanted: { of: 'ratio', is: '≤', than: 1.15 },
    },
    {
      name: `${name}: bare timers of the migrations alone`,
      value: bareMs,
      unit: 'ms',
      limit: ideal,
    },
  ];
};

export const migrations = (scale: Scale): Promise<readonly Figure[]> => figureAt(scale, 1);
