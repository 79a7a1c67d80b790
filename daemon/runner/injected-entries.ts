/** What a run's entries say of injections: which were drawn, and which of them did something. */
import type { Group, RunState } from '../core/engine/state.ts';
import type { Entry } from '../core/entries.ts';
import type { Presentations } from '../core/presentation.ts';
import type { Draws } from './draws.ts';
import { coordinatesOf } from './jobs.ts';

interface Parts {
  readonly draws: Draws;
  readonly presentations: Presentations;
}

/** Ahead of its append, in order: what ended is told of before the next attempt is drawn for. */
export const withInjections = (
  entry: Entry,
  state: RunState,
  nowMs: number,
  { draws, presentations }: Parts,
): Entry => {
  const { runId } = state.started;
  if (entry.type === 'task-outcome' || entry.type === 'task-settled') {
    const struck = draws.struckBy(runId, entry.group);
    return struck === undefined ? entry : { ...entry, struck };
  }
  if (entry.type !== 'task-started') return entry;
  const at = coordinatesOf(state, state.groups[entry.group] as Group, entry, presentations);
  const injections = draws.draw(at, entry.group, nowMs);
  return injections.length === 0 ? entry : { ...entry, injections };
};
