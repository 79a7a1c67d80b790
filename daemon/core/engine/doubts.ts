/** What a run that is at rest has left in doubt: calls of which nobody knows what they came to. */
import type { FrozenStep } from '../frozen.ts';
import { type Group, type RunState, stepAt } from './state.ts';

/** Items of a workgroup whose call of one step is in doubt. */
export interface Doubt {
  readonly group: Group;
  readonly at: number;
  readonly step: FrozenStep;
  /** Ascending. */
  readonly positions: readonly number[];
}

export const doubtsIn = (state: RunState): readonly Doubt[] =>
  state.groups.flatMap((group) => doubtsOf(state, group));

const doubtsOf = (state: RunState, group: Group): readonly Doubt[] => {
  const { doubt, accepted, unknowable } = group.task;
  if (doubt.size + accepted.size + unknowable.size + group.kept.size === 0) return [];
  const bySteps = new Map<number, Set<number>>();
  const add = (at: number, position: number): void => {
    const known = bySteps.get(at) ?? new Set();
    bySteps.set(at, known.add(position));
  };
  for (const lot of [doubt, accepted, unknowable]) {
    for (const position of lot.keys()) add(stepAt(group), position);
  }
  for (const [position, kept] of group.kept) {
    if (kept.doubt && kept.step !== undefined) add(kept.step, position);
  }
  return [...bySteps].flatMap(([at, positions]) => {
    const step = state.steps[at];
    const inOrder = [...positions].sort((one, other) => one - other);
    return step === undefined ? [] : [{ group, at, step, positions: inOrder }];
  });
};
