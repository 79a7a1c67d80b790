/**
 * What a step may call in each phase of a task: what injections are drawn for. "May" is all that
 * can be said ahead of a call: a way out, such as a look after a conflict, counts like the change.
 */
import { isReading } from '../../sdk/plugin/verbs.ts';
import type { Phase } from '../../sdk/scenario/rule.ts';
import type { Step } from './step.ts';

/** Phases of a task that does, or undoes. An undo is followed, and never settled. */
const phasesOf: Readonly<Record<'run' | 'undo', readonly Phase[]>> = {
  run: ['before', 'run', 'settle', 'poll'],
  undo: ['undo', 'poll'],
};

const phaseCalls = (step: Step, phase: Phase, direction: 'run' | 'undo'): readonly string[] => {
  const { verbs, undoVerbs = [], calls, prove, judge } = step;
  if (phase === 'undo') return undoVerbs;
  if (phase === 'before') return calls?.before ?? [];
  if (phase !== 'poll') return calls?.[phase] ?? [verbs[0]];
  const polled = phaseCalls(step, direction, direction);
  // Only what changes something goes on by itself; who proves or judges looks when it has ended.
  const looks = direction === 'run' && (prove ?? judge) !== undefined;
  return looks ? polled : polled.filter((verb) => !isReading(verb));
};

export type Calls = Readonly<Partial<Record<Phase, readonly string[]>>>;

/** Phase → the verbs that it may call; a phase that the direction does not have is left out. */
export const callsOf = (step: Step, direction: 'run' | 'undo'): Calls =>
  Object.fromEntries(
    phasesOf[direction].map((phase) => [phase, phaseCalls(step, phase, direction)]),
  );
