/** What a run that is at rest has left in doubt: calls of which nobody knows what they came to. */
import { inDoubt } from '../../../sdk/plugin/fault.ts';
import type { OperationDirection } from '../../../sdk/plugin/verbs.ts';
import type { RunResult } from '../entries.ts';
import type { FrozenStep } from '../frozen.ts';
import type { RunClosed } from '../system-entries.ts';
import { type Group, type RunState, type Standing, stepAt } from './state.ts';

/** Items of a workgroup whose call of one step, or of its undo, is in doubt. */
export interface Doubt {
  readonly group: Group;
  readonly at: number;
  readonly step: FrozenStep;
  readonly direction: OperationDirection;
  /** Ascending. */
  readonly positions: readonly number[];
}

export const doubtsIn = (state: RunState): readonly Doubt[] =>
  state.groups.flatMap((group) => doubtsOf(state, group));

const underWay: ReadonlySet<Standing> = new Set([
  'started',
  'prepared',
  'accepted',
  'undo-started',
]);

/** Nothing of a run that has ended is done, under way or left. */
const isUntouched = (state: RunState): boolean =>
  state.groups.every(
    ({ task, completed, left, kept, standing }) =>
      task.done.length + left.length + kept.size === 0 &&
      completed.every(({ items }) => items.length === 0) &&
      !underWay.has(standing),
  );

/** For the catalog. A run that succeeded with nothing to do has done that. */
export const leftBy = (
  state: RunState,
  result: RunResult,
): Pick<RunClosed, 'inDoubt' | 'untouched'> => {
  if (doubtsIn(state).length > 0) return { inDoubt: true };
  return result !== 'succeeded' && isUntouched(state) ? { untouched: true } : {};
};

const doubtsOf = (state: RunState, group: Group): readonly Doubt[] => {
  const { task, kept, undoFaults, completed } = group;
  const { doubt, accepted, unknowable } = task;
  if (doubt.size + accepted.size + unknowable.size + kept.size + undoFaults.size === 0) return [];
  const known: Lots = { run: new Map(), undo: new Map() };
  for (const lot of [doubt, accepted, unknowable]) {
    for (const position of lot.keys()) add(known.run, stepAt(group), position);
  }
  for (const [position, fault] of undoFaults) {
    if (inDoubt(fault)) add(known.undo, completed.at(-1)?.step, position);
  }
  for (const [position, { doubt: open, step, fault }] of kept) {
    if (open) add(fault === undefined ? known.run : known.undo, step, position);
  }
  return [...told(state, group, known, 'run'), ...told(state, group, known, 'undo')];
};

/** Step → the positions of which a call of it is in doubt. */
type Lots = Readonly<Record<OperationDirection, Map<number, Set<number>>>>;

const add = (lot: Map<number, Set<number>>, step: number | undefined, position: number): void => {
  if (step === undefined) return;
  lot.set(step, (lot.get(step) ?? new Set()).add(position));
};

const told = (
  state: RunState,
  group: Group,
  known: Lots,
  direction: OperationDirection,
): readonly Doubt[] =>
  [...known[direction]].flatMap(([at, positions]) => {
    const step = state.steps[at];
    const inOrder = [...positions].sort((one, other) => one - other);
    return step === undefined ? [] : [{ group, at, step, direction, positions: inOrder }];
  });
