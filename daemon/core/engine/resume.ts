/**
 * A person's decision for a parked run: what was stopped, stuck or in doubt goes on as they say.
 */
import type { Fault } from '../../../sdk/plugin/fault.ts';
import type { RunResumed } from '../entries.ts';
import { insist } from './claims.ts';
import { conclude, isOver, leaveUnknowable } from './flow.ts';
import { leaveStuck, takeUpLeft } from './left.ts';
import { startRollback, turnBack } from './rollback.ts';
import { type Group, type RunState, stepAt } from './state.ts';
import { stand } from './table.ts';
import { loseItems } from './task.ts';

/**
 * Applies a decision. `abandon` leaves all as it is, what is in doubt too: the run's end follows as
 * an entry of its own.
 */
export const resume = (state: RunState, entry: RunResumed): void => {
  state.parked = undefined;
  if (entry.decision === 'abandon') return;
  state.cancelling = false;
  state.halts.clear();
  state.steps.forEach((step, at) => {
    const policy = entry.policies[step.name];
    if (policy !== undefined) state.steps[at] = { ...step, policy };
  });
  if (entry.decision === 'rollback') {
    for (const group of state.groups) {
      resumeStuck(state, group, 'retry');
      // Operations that were accepted before go on; undoing waits for their end.
      if (!isOver(group)) state.agenda.add(group.index);
    }
    takeUpLeft(state);
    startRollback(state, state.groups);
    // Operations that went on while it was parked are polled to their end first.
    for (const group of state.groups) if (!isOver(group)) state.agenda.add(group.index);
    return;
  }
  for (const group of [...state.groups]) {
    group.blocked = false;
    if (group.standing === 'stopped') resumeStopped(state, group, entry);
    else resumeStuck(state, group, entry.decision === 'skip' ? 'skip' : 'retry');
    if (!isOver(group)) state.agenda.add(group.index);
  }
  if (entry.decision === 'retry') takeUpLeft(state);
  turnBack(state);
};

const resumeStopped = (state: RunState, group: Group, entry: RunResumed): void => {
  const { task } = group;
  group.stopping = false;
  group.tries = 0;
  if (entry.decision === 'retry') insist(state, group);
  task.retryAtMs = entry.at;
  if (entry.decision === 'skip') {
    leaveUnknowable(state, group);
    const owed = [...task.due, ...task.unknowable.keys()];
    loseItems(state, group, owed, (position) => {
      const fault = (task.notes.get(position) ?? group.note)?.fault;
      return {
        step: stepAt(group),
        why: `skipped by ${entry.requester}`,
        ...(fault === undefined ? {} : { fault }),
      };
    });
  }
  for (const [position, { why, cause }] of task.unknowable) {
    const asked: Fault = { kind: 'unknown', owner: 'engine', code: 'IN_DOUBT', message: why };
    task.doubt.set(position, cause ?? asked);
  }
  task.unknowable.clear();
  conclude(state, group);
};

const resumeStuck = (state: RunState, group: Group, how: 'retry' | 'skip'): void => {
  if (group.standing !== 'stuck') return;
  group.undoAttempt = 0;
  if (how === 'skip') leaveStuck(state, group);
  // Its turn comes again when the rollback comes to its step.
  group.task.due = [];
  stand(state, group, 'undo-waiting');
};
