/** Runs of the engine on the lab, under rules of injections. */
import type { Entry } from '../../daemon/core/entries.ts';
import type { Mode } from '../../daemon/core/plan.ts';
import type { Rule } from '../../sdk/scenario/rule.ts';
import { planFor, type Rig, rig, untilRest } from './engine-on-lab.ts';

export const start = async ({ engine }: Rig, mode: Mode = 'planned'): Promise<string> => {
  const asked = { planId: 'payroll', mode, requester: 'tester', requestKey: '', policies: {} };
  return (await engine.startRun(asked)).runId;
};

export const run = async (made: Rig, mode?: Mode): Promise<string> => {
  const runId = await start(made, mode);
  await untilRest(made.engine, runId);
  return runId;
};

export const entriesOf = async ({ journal }: Rig, runId: string): Promise<Entry[]> =>
  (await journal.read(runId, 1, 100_000)).map(({ body }) => JSON.parse(body) as Entry);

export const ready = async (options: Parameters<typeof rig>[0] = {}): Promise<Rig> => {
  const made = await rig(options);
  await made.engine.createPlan(planFor(options.groups ?? 2, options.vms ?? 3));
  return made;
};

export const on = async ({ engine }: Rig, rules: readonly Rule[], seed = 1) => {
  await engine.injections.add('tester', rules);
  return engine.injections.enable('tester', 'a test', seed, 0);
};
