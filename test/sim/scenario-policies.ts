/** Policies as a person might write them, and some that nobody should. */
import {
  goOn,
  type Policy,
  type PolicyAction,
  reaches,
  rerun,
  rollback,
  stop,
} from '../../daemon/core/policy.ts';
import { modeSteps, steps } from '../../daemon/steps/registry.ts';
import type { Chance } from './chance.ts';

/** Steps behind which there is no way back in some mode: no rollback may be asked for there. */
const noReturn: ReadonlySet<string> = new Set(
  Object.values(modeSteps).flatMap((names) => {
    const first = names.findIndex((name) => steps.get(name)?.undo === 'no-return');
    return first < 0 ? [] : names.slice(first);
  }),
);

const drawAction = (chance: Chance, step: string): PolicyAction => {
  const reach = chance.pick(steps.get(step)?.unit === 'storage' ? reaches.slice(1) : reaches);
  return chance.pick([
    () => goOn,
    () => stop(reach),
    () => (noReturn.has(step) ? stop(reach) : rollback(reach)),
    () => rerun({ attemptsMax: chance.between(1, 4), delayMsMin: 100, delayMsMax: 5_000 }),
  ])();
};

const passing = ['busy', 'timeout', 'interrupted', 'unreachable'] as const;

const drawPolicy = (chance: Chance, step: string): Policy => ({
  rules: chance.hit(0.5) ? [{ kinds: passing, do: drawAction(chance, step) }] : [],
  otherwise: drawAction(chance, step),
});

/** Step → policy, for a few steps. */
export const drawPolicies = (chance: Chance): Record<string, Policy> => {
  const policies: Record<string, Policy> = {};
  for (const step of new Set(Object.values(modeSteps).flat())) {
    if (chance.hit(0.25)) policies[step] = drawPolicy(chance, step);
  }
  return policies;
};

const often = rerun({ attemptsMax: 50, delayMsMin: 1_000, delayMsMax: 10_000 });

/** For every step: whatever fails is tried again, for long enough. */
export const patient: Readonly<Record<string, Policy>> = Object.fromEntries(
  Object.values(modeSteps)
    .flat()
    .map((step) => [step, { rules: [], otherwise: often }]),
);
