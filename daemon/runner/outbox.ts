/** What an agent reads out of entries on their way to the journal, and what it keeps back. */
import type { RunState } from '../core/engine/state.ts';
import type { Entry } from '../core/entries.ts';
import { errandOf } from './jobs.ts';

/** Positions of which something was found. */
export const foundPositions = (before: Readonly<Record<string, unknown>>): readonly number[] =>
  Object.keys(before)
    .map(Number)
    .sort((one, other) => one - other);

/** What was asked for while the run came to its end comes too late, and is not recorded. */
export const upToEnd = (entries: Entry[]): Entry[] => {
  const end = entries.findIndex(({ type }) => type === 'run-ended');
  return end < 0 ? entries : entries.slice(0, end + 1);
};

/** A run that goes on is not superseded: whoever wanted that is told so. */
export const goingOn = (entries: Entry[]): Entry[] =>
  upToEnd(entries.filter((entry) => entry.type !== 'run-ended' || entry.result !== 'superseded'));

const underWay: readonly string[] = ['started', 'prepared', 'undo-started'];

/** Everything that was in flight is in doubt. */
export const interrupted = (state: RunState, reason: string, at: number): readonly Entry[] =>
  state.groups
    .filter(({ standing }) => underWay.includes(standing))
    .map((group) => {
      const direction = group.standing === 'undo-started' ? 'undo' : 'run';
      const { at: step } = errandOf(state, group, direction);
      const { index, task } = group;
      const { attempt } = task;
      return { type: 'task-interrupted', at, group: index, step, direction, attempt, reason };
    });
