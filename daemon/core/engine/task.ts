/** Sorting a task's items by the answers that came: pure bookkeeping on one workgroup. */
import { type Fault, inDoubt } from '../../../sdk/plugin/fault.ts';
import type { ItemFaults, TaskOutcome, TaskSettled } from '../entries.ts';
import { decodeRanges, encodeRanges } from '../ranges.ts';
import type { Lot } from './lot.ts';
import type { Group, RunState, Task } from './state.ts';

/** Takes `gone` (any order) out of an ascending list. */
export const without = (list: readonly number[], gone: ReadonlySet<number>): number[] =>
  list.filter((position) => !gone.has(position));

const merge = (left: readonly number[], right: readonly number[]): number[] =>
  left.length === 0 ? [...right] : [...left, ...right].sort((one, other) => one - other);

/** Items that a task holds in any lot but `done` and `due`. */
const release = (task: Task, position: number): void => {
  task.accepted.delete(position);
  task.doubt.delete(position);
};

/** True when the outcome says that everything due is done, and nothing else is owed. */
export const wholeAndClean = (group: Group, outcome: TaskOutcome): boolean =>
  outcome.faults.length === 0 &&
  outcome.done === group.liveText &&
  group.task.due.length === group.live.length &&
  group.task.accepted.size === 0;

/** What is missing was not changed; of several parts, the others may have been. */
const leavesHalf = ({ kind, members }: Fault): boolean =>
  kind !== 'missing' || members !== undefined;

const sortFaults = (
  task: Task,
  faults: readonly ItemFaults[],
  lotOf: (fault: Fault) => Lot<Fault>,
  named: Set<number>,
): void => {
  for (const { items, fault } of faults) {
    for (const position of decodeRanges(items)) {
      release(task, position);
      lotOf(fault).set(position, fault);
      if (leavesHalf(fault)) task.half.set(position, true);
      named.add(position);
    }
  }
};

/** Books an outcome. `settles`: doubtful faults count as doubt (a change may have been made). */
export const bookOutcome = (group: Group, outcome: TaskOutcome, settles: boolean): void => {
  const { task } = group;
  if (wholeAndClean(group, outcome)) {
    task.done = task.due;
    task.due = [];
    return;
  }
  const done = decodeRanges(outcome.done);
  const named = new Set(done);
  for (const position of done) release(task, position);
  sortFaults(
    task,
    outcome.faults,
    (fault) => (settles && inDoubt(fault) ? task.doubt : task.faulted),
    named,
  );
  task.due = without(task.due, named);
  task.done = merge(task.done, done);
};

export const bookSettled = (group: Group, settled: TaskSettled): void => {
  const { task } = group;
  const done = decodeRanges(settled.done);
  const named = new Set(done);
  for (const position of done) release(task, position);
  sortFaults(task, settled.absent, () => task.faulted, named);
  for (const { items, why } of settled.unknowable) {
    for (const position of decodeRanges(items)) {
      const cause = task.doubt.get(position);
      release(task, position);
      task.unknowable.set(position, cause === undefined ? { why } : { why, cause });
      named.add(position);
    }
  }
  task.due = without(task.due, named);
  task.done = merge(task.done, done);
};

/** Puts items back to be run again. */
export const makeDue = (task: Task, positions: readonly number[]): void => {
  for (const position of positions) {
    task.faulted.delete(position);
    task.unknowable.delete(position);
  }
  task.due = merge(without(task.due, new Set(positions)), positions);
};

/** Takes items out of the workgroup for good. */
export const loseItems = (
  state: RunState,
  group: Group,
  positions: readonly number[],
  lossOf: (position: number) => { step: number; why: string; fault?: Fault },
): void => {
  if (positions.length === 0) return;
  const gone = new Set(positions);
  for (const position of positions) {
    const loss = lossOf(position);
    group.losses.set(position, loss);
    if (loss.fault !== undefined) {
      state.stepFailed[loss.step] = (state.stepFailed[loss.step] ?? 0) + 1;
    }
    release(group.task, position);
    group.task.faulted.delete(position);
    group.task.unknowable.delete(position);
  }
  group.task.due = without(group.task.due, gone);
  group.task.done = without(group.task.done, gone);
  group.live = without(group.live, gone);
  group.liveText = encodeRanges(group.live);
};
