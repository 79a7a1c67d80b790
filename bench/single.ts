/** How soon a run of one VM through five steps is over, with nothing else going on. */
import { Mode } from '../sdk/client/index.ts';
import type { Figure } from './figures.ts';
import { quantile } from './numbers.ts';
import type { Scale } from './scale.ts';
import { type Timed, World } from './world.ts';

const steps = 5;

/** A plan that has gone well cannot do the same again: each run has a plan of its own. */
const prepared = async (world: World, plans: readonly string[]): Promise<void> => {
  for (const id of plans) {
    const protectionGroups = [{ id, groups: [{ arrayId: 'lab-a', id: `cg-${id}` }] }];
    const sites = { protectedSiteId: 'site-a', recoverySiteId: 'site-b' };
    await world.client.plans.create({ id, name: id, ...sites, protectionGroups });
    await world.run(Mode.PLANNED, id);
  }
};

export const single = async ({ singles }: Scale): Promise<readonly Figure[]> => {
  const options = { groups: singles, vmsPerGroup: 1, steps, faultRate: 0, latencyMs: 0 };
  const world = await World.open({ ...options, syncDelayMs: 0 });
  try {
    const plans = Array.from({ length: singles }, (_, at) => String(at + 1).padStart(4, '0'));
    await prepared(world, plans);
    const runs: Timed[] = [];
    for (const id of plans) runs.push(await world.run(Mode.REPROTECT, id));
    const p50 = (of: (run: Timed) => number): number => quantile(runs.map(of), 0.5);
    return [
      {
        name: 'a run of one VM: from the answer of StartRun to the last event, p50',
        value: p50(({ totalMs, startMs }) => totalMs - startMs),
        unit: 'ms',
        wanted: { of: 'value', is: '≤', than: 1 },
      },
      {
        name: 'a run of one VM: from StartRun to the last event, p50',
        value: p50(({ totalMs }) => totalMs),
        unit: 'ms',
        wanted: { of: 'value', is: '≤', than: 2 },
      },
    ];
  } finally {
    await world.close();
  }
};
