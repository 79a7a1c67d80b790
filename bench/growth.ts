/**
 * How the cost of a task grows with the run: processor time of the daemon from the answer of
 * StartRun to the last event, for runs of a thousand tasks to a million, in workgroups of one.
 */
import { Mode } from '../sdk/client/index.ts';
import { Caller } from './callers.ts';
import type { Figure } from './figures.ts';
import type { Scale } from './scale.ts';
import { vmsPerGroup, World } from './world.ts';

/** Workgroups in one run at the most; more tasks are more steps. */
const vmsMax = 20_000;
const stepsMin = 5;
/** The system counts in ticks of 10 ms: so that one more or less is nothing. */
const cpuMsMin = 2_000;

const microsPerTask = async (tasks: number, workMs: number): Promise<number> => {
  const vms = Math.min(vmsMax, tasks / stepsMin);
  const groups = Math.ceil(vms / vmsPerGroup);
  const options = { groups, faultRate: 0.01, latencyMs: 0, syncDelayMs: 0 };
  const world = await World.open({ ...options, steps: tasks / vms });
  const watcher = new Caller(world.daemon.ready.split(' ')[0] ?? '');
  try {
    await world.failOver({ groups, vmWorkgroupMax: 1 });
    let cpuMs = 0;
    let done = 0;
    // Again until enough was measured; a large run is enough by itself.
    while (done === 0 || cpuMs < Math.min(cpuMsMin, workMs)) {
      const runId = await world.start(Mode.REPROTECT);
      const before = world.daemon.cpuMs;
      await watcher.watch(runId);
      cpuMs += world.daemon.cpuMs - before;
      const { steps } = await world.client.runs.get(runId, {});
      done += steps.reduce((sum, step) => sum + step.itemsDone + step.itemsFailed, 0);
    }
    return (cpuMs * 1_000) / done;
  } finally {
    watcher.close();
    await world.close();
  }
};

export const growth = async ({ tasks, workMs }: Scale): Promise<readonly Figure[]> => {
  const figures: Figure[] = [];
  for (const count of tasks) {
    const value = await microsPerTask(count, workMs);
    const [first] = figures;
    figures.push({
      name: `a run of ${count.toLocaleString('en')} tasks: processor time`,
      value,
      unit: 'µs a task',
      ...(first && {
        limit: { name: 'the smallest run', value: first.value },
        wanted: { of: 'ratio', is: '≤', than: 1.3 },
      }),
    });
  }
  return figures;
};
