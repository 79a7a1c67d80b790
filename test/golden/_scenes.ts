/**
 * What a golden journal tells of: one run for each way in which a run can be left behind. The world
 * of an open run is as it was before it, so that a later release can take the run up in a new one.
 */
import type { Mode } from '../../daemon/core/plan.ts';
import { type Policy, rerun, rollback, stop } from '../../daemon/core/policy.ts';
import { planFor, type Rig, untilRest } from '../_support/engine-on-lab.ts';

/** Consistency groups of the world; each scene has two of its own. */
export const groups = 8;
export const vms = 2;

/** Scenes by plan id, with the first of its groups. */
export const scenes = { finished: 0, 'rolled-back': 2, parked: 4, unfinished: 6 } as const;
export type Scene = keyof typeof scenes;

const again = rerun({ attemptsMax: 3, delayMsMin: 10, delayMsMax: 100 });

const policies: Readonly<Record<string, Policy>> = {
  register: { rules: [], otherwise: rollback('run') },
  sync: { rules: [{ kinds: ['interrupted'], do: again }], otherwise: stop('run') },
};

const planOf = (id: string, from: number, count: number) => ({
  ...planFor(groups, vms),
  id,
  name: id,
  protectionGroups: planFor(groups, vms).protectionGroups.slice(from, from + count),
});

const start = async ({ engine }: Rig, planId: string, mode: Mode): Promise<string> => {
  const request = { planId, mode, requester: 'ann', requestKey: `${planId} ${mode}`, policies };
  return (await engine.startRun(request)).runId;
};

/** One run of each scene; the last one waits for answers that never come. */
export const playRuns = async (rig: Rig): Promise<void> => {
  await rig.lab.failNext({ verb: 'register', kind: 'refused', targetIds: ['vm-00005'] });
  await rig.lab.failNext({ verb: 'sync', kind: 'refused', targetIds: ['cg-0005'] });
  for (const id of ['cg-0007', 'cg-0008']) {
    await rig.lab.hangNext({ verb: 'sync', targetIds: [id] });
  }
  for (const [id, from] of Object.entries(scenes)) {
    await rig.engine.createPlan(planOf(id, from, 2));
    const runId = await start(rig, id, 'planned');
    if (id !== 'unfinished') await untilRest(rig.engine, runId);
    else await untilStarted(rig, runId);
  }
};

/** A run that moves everything without its lost site. */
export const playDisaster = async (rig: Rig): Promise<void> => {
  await rig.engine.createPlan(planOf('disaster', 0, groups));
  await rig.lab.loseSite('site-a');
  await rig.engine.declareLost('site-a', 'ann', 'fire');
  await untilRest(rig.engine, await start(rig, 'disaster', 'disaster'));
};

/** Until the calls of both groups have left. */
const untilStarted = async ({ engine }: Rig, runId: string): Promise<void> => {
  let started = 0;
  for await (const { events } of engine.watchRun(runId, 0, new AbortController().signal)) {
    started += events.filter(({ body }) => body.includes('"task-started"')).length;
    if (started === 2) return;
  }
};

/** All that is told of the runs of a journal; equal for ever. */
export const toldOf = async ({ engine }: Rig) => {
  const runs = [];
  for (const { runId, status } of engine.listRuns({ openOnly: false })) {
    const { durationMs, ...report } = await engine.reportRun(runId);
    runs.push({
      view: await engine.getRun(runId, 'full'),
      // Of an open run it is the time until now.
      report: status === 'ended' ? { durationMs, ...report } : report,
    });
  }
  const plans = engine.listPlans().map(({ plan, state, etag }) => ({ plan, state, etag }));
  return { plans, runs, sites: engine.listSites() };
};
