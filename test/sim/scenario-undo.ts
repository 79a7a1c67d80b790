/** Runs that are rolled back and cannot be for a while: undos that are refused. */
import { type Policy, type Reach, rollback } from '../../daemon/core/policy.ts';
import type { TargetVerb } from '../../sdk/plugin/verbs.ts';
import type { CallRule } from '../../sdk/scenario/rule.ts';
import type { Chance } from './chance.ts';

export interface UndoOrder {
  readonly policies: Readonly<Record<string, Policy>>;
  readonly injections: readonly CallRule[];
}

const effect = { effect: 'refuse' } as const;

const undone: readonly TargetVerb[] = [
  'unregister',
  'unmount',
  'restoreReplication',
  'restoreReplication',
  'mount',
  'powerOn',
];

/** In one seed of ten. `budget`: an undo is tried three times before the run is stuck. */
export const drawUndo = (chance: Chance): UndoOrder | undefined => {
  if (!chance.hit(0.1)) return undefined;
  const step = chance.pick(['mount', 'register', 'register']);
  const reach = chance.pick(['protection-group', 'run'] as const satisfies readonly Reach[]);
  const refused = Array.from({ length: chance.between(1, 3) }, (_, at): CallRule => {
    const budget = chance.between(2, 9);
    const verb = chance.pick(undone);
    return { name: `no undo ${at + 1}`, verb, direction: 'undo', budget, effect };
  });
  return {
    policies: { [step]: { rules: [], otherwise: rollback(reach) } },
    injections: [
      { name: 'no way on', step, direction: 'run', nth: chance.spread(1, 6), budget: 1, effect },
      ...refused,
    ],
  };
};
