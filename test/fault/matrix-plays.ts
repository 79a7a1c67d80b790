/** Where each verb of the matrix is called: a run, what must have been before, what leads there. */
import type { Mode } from '../../daemon/core/plan.ts';
import { defaultOptions } from '../../daemon/planner/defaults.ts';
import { modeSteps, steps } from '../../daemon/steps/registry.ts';
import type { TargetVerb } from '../../sdk/plugin/verbs.ts';
import type { CallRule, Effect } from '../../sdk/scenario/rule.ts';
import { planFor, type Rig, rig, untilRest } from '../_support/engine-on-lab.ts';

export interface Play {
  readonly verb: TargetVerb;
  readonly mode: Mode;
  readonly step: string;
  readonly live: boolean;
}

const order: readonly Mode[] = ['planned', 'test', 'cleanup', 'reprotect', 'disaster', 'fence'];

/** Steps that only stretched storage goes through. */
const isLive = (step: string): boolean => {
  const { paths } = steps.get(step) as { paths?: readonly string[] };
  return paths !== undefined && !paths.includes('cold');
};

/** The first step that calls it, in the order of a plan's life; else the first that it helps. */
export const plays = (): ReadonlyMap<TargetVerb, Play> => {
  const found = new Map<TargetVerb, Play>();
  for (const called of ['verbs', 'helpers'] as const) {
    for (const mode of order) {
      for (const step of modeSteps[mode]) {
        for (const verb of steps.get(step)?.[called] ?? []) {
          if (!found.has(verb)) found.set(verb, { verb, mode, step, live: isLive(step) });
        }
      }
    }
  }
  // It is part of no step but of an undo, which has no policy.
  found.delete('restoreReplication');
  return found;
};

const refused: Effect = {
  effect: 'error',
  fault: { kind: 'refused', owner: 'array', message: 'on purpose', code: 'LEADS_THERE' },
};

/** What leads to a verb that is called in some cases alone. */
const ways: Partial<Record<TargetVerb, { readonly [V in TargetVerb]?: Effect }>> = {
  chooseInstance: { findInstances: { effect: 'wrong-result', set: { chosen: false } } },
  migrationStatus: { migrateLive: refused },
  cancelMigration: {
    migrateLive: refused,
    migrationStatus: { effect: 'wrong-result', set: { state: 'running' } },
  },
};

/** Rules that lead to the verb in each of these workgroups. */
export const leading = ({ verb, step }: Play, workgroups: readonly string[]): CallRule[] =>
  Object.entries(ways[verb] ?? {}).flatMap(([first, effect]) =>
    workgroups.map(
      (workgroup): CallRule => ({
        name: `${first} ${workgroup}`,
        ...{ step, workgroup, verb: first, effect },
        direction: 'run',
        attempt: 1,
      }),
    ),
  );

/** How the verb is come by, for readers. */
export const wayTo = ({ verb }: Play): string => {
  const first = Object.keys(ways[verb] ?? {}).map((one) => `\`${one}\``);
  return first.length === 0 ? '' : `, after an injection into ${first.join(' and ')} led there`;
};

const isDiverged = ({ step }: Play): boolean => steps.get(step)?.when === 'diverged';

export const start = async (
  { engine }: Rig,
  mode: Mode,
  policies = {},
  more: { readonly changes?: 'keep' } = {},
): Promise<string> => {
  const asked = { planId: 'payroll', mode, requester: 'matrix', requestKey: '', policies, ...more };
  return (await engine.startRun(asked)).runId;
};

/** Starts what the play is about. */
export const begin = (made: Rig, play: Play, policies = {}): Promise<string> =>
  start(made, play.mode, policies, isDiverged(play) ? { changes: 'keep' } : {});

const whole = async (made: Rig, mode: Mode): Promise<void> => {
  await untilRest(made.engine, await start(made, mode));
};

const loseAndReturn = async (made: Rig): Promise<void> => {
  await made.engine.declareLost('site-a', 'matrix', 'on purpose');
  await whole(made, 'disaster');
  await made.engine.declareReachable('site-a', 'matrix', 'on purpose');
};

/** Runs what must have been before. */
const prepare = async (made: Rig, play: Play): Promise<void> => {
  const { mode } = play;
  if (mode === 'cleanup') await whole(made, 'test');
  if (mode === 'reprotect' && !isDiverged(play)) await whole(made, 'planned');
  if (mode === 'disaster') await made.engine.declareLost('site-a', 'matrix', 'on purpose');
  if (mode === 'fence' || isDiverged(play)) await loseAndReturn(made);
  if (isDiverged(play)) await whole(made, 'fence');
};

/** `groups`: workgroups that the play is to have. */
export const open = async (play: Play, groups: number): Promise<Rig> => {
  const { live } = play;
  const made = await rig(
    live ? { groups: 1, vms: 1, world: { stretched: groups } } : { groups, vms: 1 },
  );
  const options = {
    ...defaultOptions,
    storageWorkgroupMax: 1,
    priorityGates: false,
    liveMigration: live,
  };
  await made.engine.createPlan(planFor(live ? groups + 1 : groups, 1, { options }));
  await prepare(made, play);
  return made;
};

/** The nth of a play; where the world has a plain group too, it is the first. */
export const workgroupOf = ({ step, live }: Play, at: number): string => {
  const unit = steps.get(step)?.unit === 'vm' ? 'v' : 's';
  return `${unit}${at + 1 + (live ? 1 : 0)}`;
};
