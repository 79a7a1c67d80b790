/**
 * Rolling back: completed tasks within reach are undone in reverse order of the steps. All of one
 * step is undone before anything of an earlier one, and nothing is undone while something within
 * reach is still in flight.
 */
import type { VmItem } from '../frozen.ts';
import type { Reach } from '../policy.ts';
import { beginUndo, leave } from './flow.ts';
import { dependentsOf, gatesWaiting } from './gates.ts';
import { isHeld, leaveGround, leaveStoodOn, putAside } from './left.ts';
import {
  type Completed,
  type Group,
  itemId,
  partsOf,
  type RunState,
  type Standing,
} from './state.ts';
import { restlessAt, stand } from './table.ts';
import { loseItems } from './task.ts';

/** The workgroups that a reach covers, seen from one of them. */
export const within = (state: RunState, group: Group, reach: Reach): readonly Group[] => {
  if (reach === 'run') return state.groups;
  if (reach === 'protection-group') {
    const { protectionGroupId } = group.frozen;
    return state.groups.filter((other) => other.frozen.protectionGroupId === protectionGroupId);
  }
  if (reach === 'item' || group.frozen.unit === 'vm') return [group];
  const standing = (state.standers.get(group.index) ?? []).map((at) => state.groups[at] as Group);
  return [group, ...standing];
};

/** Past the first writer at the recovery side there is no way back but reprotect and failback. */
export const pastReturn = (state: RunState, groups: readonly Group[]): Group | undefined =>
  groups.find((group) => state.noReturn.has(group.frozen.storage));

const inFlight: ReadonlySet<Standing> = new Set(['started', 'prepared', 'accepted', 'doubt']);

/**
 * Marks workgroups to be undone; those in flight are marked now and undone when they have ended.
 */
export const startRollback = (state: RunState, groups: readonly Group[]): void => {
  // Whose turn had come waits for it again: what has joined may have more to undo before.
  for (const index of state.returning) {
    const group = state.groups[index] as Group;
    if (group.standing !== 'undo-waiting') continue;
    group.task.due = [];
    state.ready.remove(index);
  }
  for (const group of groups) {
    if (state.rollback.has(group.index)) continue;
    state.rollback.add(group.index);
    state.returning.add(group.index);
    state.restless += restlessAt(group.standing);
    // Who depends on it and has not begun will not: it is as good as lost.
    for (const index of dependentsOf(state.gates, group.index)) state.arrivals.add(index);
    if (!inFlight.has(group.standing)) beginUndo(state, group);
  }
  turnBack(state);
};

const topOf = (group: Group): Completed | undefined => group.completed.at(-1);

/** The latest step that something within reach still has to undo. */
const frontier = (waiting: readonly Group[]): number =>
  waiting.reduce((step, group) => Math.max(step, topOf(group)?.step ?? -1), -1);

/**
 * Lets those take their turn that are furthest; pops what has nothing to undo. Called whenever a
 * workgroup within reach has come to rest.
 */
export const turnBack = (state: RunState): void => {
  while (state.restless === 0 && state.returning.size > 0) {
    const waiting = [...state.returning].map((index) => state.groups[index] as Group);
    const step = frontier(waiting);
    const furthest = waiting.filter((group) => (topOf(group)?.step ?? -1) === step);
    let calls = 0;
    for (const group of furthest) if (takeTurn(state, group, step)) calls++;
    if (calls > 0) return;
  }
};

/** True when an undo call is due; otherwise the step is popped (or the workgroup is undone). */
const takeTurn = (state: RunState, group: Group, step: number): boolean => {
  const top = topOf(group);
  if (top === undefined) {
    settleUndone(state, group);
    return false;
  }
  const stays = keptBy(state, group, step);
  if (stays !== undefined) {
    leaveStoodOn(state, group, top, stays);
    settleUndone(state, group);
    return false;
  }
  if (state.steps[step]?.undo === 'stays') leaveAsDone(state, group, top);
  if (group.frozen.unit === 'storage') leaveUnderStayed(state, group);
  leaveGround(state, group, top);
  putAside(state, group, top);
  const due = top.items.filter((position) => !isHeld(group, position));
  if (state.steps[step]?.undo !== 'undo' || due.length === 0) {
    group.completed.pop();
    return false;
  }
  group.task.due = due;
  state.agenda.add(group.index);
  return true;
};

/** What the step did to these is not taken back. Those that are lost say already what they are. */
const leaveAsDone = (state: RunState, group: Group, { step, items }: Completed): void => {
  const kept = { why: `stays as ${state.steps[step]?.name} left it`, doubt: false };
  for (const position of items) if (!group.losses.has(position)) group.kept.set(position, kept);
  group.stayed = [...group.stayed, ...items];
};

/** What stands above came to its turn before: of what it was left on, nothing is undone. */
const leaveUnderStayed = (state: RunState, group: Group): void => {
  for (const index of state.standers.get(group.index) ?? []) {
    const above = state.groups[index] as Group;
    for (const position of above.stayed) {
      const kept = { why: `${itemId(above, position)} on it stays`, doubt: false };
      for (const below of (above.frozen.items as readonly VmItem[])[position]?.on ?? []) {
        if (!group.losses.has(below)) group.kept.set(below, kept);
      }
    }
  }
};

/** A later task outside the reach stands on this one: undoing it would pull the ground away. */
const keptBy = (state: RunState, group: Group, step: number): string | undefined => {
  for (const gate of gatesWaiting(state.gates, group.index, step)) {
    if (gate.kind !== 'stands-on') continue;
    for (const other of gate.holds.workgroups.flatMap((at) => partsOf(state, at))) {
      if (state.rollback.has(other.index)) continue;
      const past = other.completed.some((completed) => completed.step >= gate.holds.step);
      const busy = inFlight.has(other.standing) && other.chain[other.place] === gate.holds.step;
      if (past || busy) return `${other.id} stands on it and is not rolled back`;
    }
  }
  return undefined;
};

/** Nothing is left to undo: what the workgroup had is out of the run. */
export const settleUndone = (state: RunState, group: Group): void => {
  const step = group.chain[Math.min(group.place, group.chain.length - 1)] ?? 0;
  loseItems(state, group, group.live, (position) => {
    const fault = group.causes.get(position);
    return { step, why: 'rolled back', ...(fault === undefined ? {} : { fault }) };
  });
  state.returning.delete(group.index);
  leave(state, group, 'undone');
};

/** The undo of the top step has ended for every item. */
export const undoDone = (state: RunState, group: Group): void => {
  group.completed.pop();
  group.undoFaults.clear();
  group.undoAttempt = 0;
  group.note = undefined;
  stand(state, group, 'undo-waiting');
  turnBack(state);
};
