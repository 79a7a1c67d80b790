/**
 * How a workgroup goes on: to its next step, past a gate, into waiting for a person, or out. Every
 * entry that answers something ends here, in `conclude`.
 */
import type { VmItem } from '../frozen.ts';
import { closedGate, gatesHolding, heldBehind, satisfy } from './gates.ts';
import { type Group, itemId, newTask, partsOf, type RunState, stepAt } from './state.ts';
import { stand } from './table.ts';
import { loseItems } from './task.ts';

const everyStep = Number.POSITIVE_INFINITY;

/** Whom a workgroup's progress frees may have come to the start of its step. */
const free = (state: RunState, freed: readonly number[]): void => {
  for (const index of freed) state.arrivals.add(index);
};

/** Decides where a workgroup stands now that nothing of it is in flight. */
export const conclude = (state: RunState, group: Group): void => {
  const { task } = group;
  if (task.accepted.size > 0) stand(state, group, 'accepted');
  else if (task.doubt.size > 0) stand(state, group, 'doubt');
  else if (state.rollback.has(group.index)) beginUndo(state, group);
  else if (task.faulted.size > 0) stand(state, group, 'judging');
  else if (group.stopping || task.unknowable.size > 0) park(state, group);
  else if (task.due.length > 0) stand(state, group, 'backoff');
  else if (group.live.length === 0) leave(state, group, 'dropped');
  else advance(state, group);
};

/** The step is done for all that is left: on to the next one. */
const advance = (state: RunState, group: Group): void => {
  const step = stepAt(group);
  state.stepTasksDone[step] = (state.stepTasksDone[step] ?? 0) + 1;
  state.stepDone[step] = (state.stepDone[step] ?? 0) + group.task.done.length;
  group.completed.push({ step, items: group.task.done, before: group.task.before });
  group.place++;
  group.note = undefined;
  group.task = newTask(group.live);
  group.tries = 0;
  if (group.place >= group.chain.length) {
    leave(state, group, 'finished');
    return;
  }
  stand(state, group, 'waiting');
  state.arrivals.add(group.index);
  free(state, satisfy(state.gates, group.index, step, 'done'));
  if (isHalted(state, group)) settleForOthers(state, group);
};

/** Ended for good: whatever waited for it need not wait any longer. */
export const leave = (
  state: RunState,
  group: Group,
  standing: 'finished' | 'dropped' | 'undone',
): void => {
  stand(state, group, standing);
  state.ready.remove(group.index);
  free(state, satisfy(state.gates, group.index, everyStep, 'done'));
};

/** Waits for a person; those that may pass a parked workgroup pass, those behind it are blocked. */
export const park = (state: RunState, group: Group): void => {
  stand(state, group, 'stopped');
  settleForOthers(state, group);
};

/** For gates that only ask "settled?": this workgroup, and all that cannot run without it, are. */
export const settleForOthers = (state: RunState, first: Group): void => {
  const seen = new Set([first.index]);
  const pending = [first.index];
  for (let index = pending.pop(); index !== undefined; index = pending.pop()) {
    free(state, satisfy(state.gates, index, everyStep, 'settled'));
    for (const behind of heldBehind(state.gates, index)) {
      const group = state.groups[behind];
      if (group === undefined || seen.has(behind) || isOver(group)) continue;
      group.blocked = true;
      seen.add(behind);
      pending.push(behind);
    }
  }
};

export const isOver = (group: Group): boolean =>
  group.standing === 'finished' || group.standing === 'dropped' || group.standing === 'undone';

export const isHalted = (state: RunState, group: Group): boolean =>
  state.halts.has('*') || state.halts.has(group.frozen.protectionGroupId);

/** Whether what the workgroup's step has done is never taken back, nor what it stands on. */
const staysAt = (state: RunState, group: Group): boolean =>
  state.steps[stepAt(group)]?.undo === 'stays';

/** What nobody knows is left as it is; so is what it stands on, where the step may have stayed. */
export const leaveUnknowable = (state: RunState, group: Group): void => {
  const { unknowable } = group.task;
  const step = stepAt(group);
  const reach = state.steps[step]?.whenLeft === 'ground' ? ({ reach: 'ground' } as const) : {};
  for (const [position, { why }] of unknowable) {
    group.kept.set(position, { why, doubt: true, step, ...reach });
  }
  if (staysAt(state, group)) group.stayed = [...group.stayed, ...unknowable.keys()];
};

/** What nobody knows is neither undone nor done: it is out of the run. */
const dropUnknowable = (state: RunState, group: Group): void => {
  leaveUnknowable(state, group);
  const lost = new Map(group.task.unknowable);
  loseItems(state, group, [...lost.keys()], (position) => {
    const { why = '', cause } = lost.get(position) ?? {};
    return { step: stepAt(group), why, ...(cause === undefined ? {} : { fault: cause }) };
  });
};

/** Nothing of the workgroup is in flight any more and it is to be undone. */
export const beginUndo = (state: RunState, group: Group): void => {
  const { task } = group;
  dropUnknowable(state, group);
  for (const [position, fault] of task.faulted) group.causes.set(position, fault);
  // An item that failed may be half changed, also one that was to be tried again, or was stopped;
  // undoing converges, so it is undone with the others.
  const half = staysAt(state, group) ? [] : task.half.keys();
  const touched = new Set([...task.done, ...half]);
  const items = group.live.filter((position) => touched.has(position));
  if (items.length > 0) {
    group.completed.push({ step: stepAt(group), items, before: task.before });
  }
  group.task = newTask([], task.attempt);
  group.undoAttempt = 0;
  state.ready.remove(group.index);
  stand(state, group, 'undo-waiting');
  settleForOthers(state, group);
};

/**
 * Lets workgroups arrive at their step once no gate holds them; what was lost below or before them
 * is lost here. Part of every fold, so that replaying the entries loses the same items.
 */
export const settleArrivals = (state: RunState): void => {
  for (const index of state.arrivals) {
    state.arrivals.delete(index);
    const group = state.groups[index];
    if (group?.standing !== 'waiting' || !hasArrived(state, group)) continue;
    applyLosses(state, group);
    state.agenda.add(index);
  }
};

/** No gate holds the workgroup before its step. */
export const hasArrived = (state: RunState, group: Group): boolean =>
  closedGate(state.gates, group.index, stepAt(group)) === undefined;

const applyLosses = (state: RunState, group: Group): void => {
  const step = stepAt(group);
  if (group.frozen.unit === 'vm') loseWithStorage(state, group, step);
  for (const gate of gatesHolding(state.gates, group.index, step)) {
    if (gate.kind === 'dependency') loseWithDependency(state, group, step, gate.waits.step);
    if (gate.kind === 'stands-on' && group.frozen.unit === 'storage') {
      loseUnderVms(state, group, step, gate.waits.step);
    }
  }
  if (group.live.length === 0) leave(state, group, 'dropped');
};

const loseWithStorage = (state: RunState, group: Group, step: number): void => {
  const storage = state.groups[group.frozen.storage];
  if (storage === undefined || storage.losses.size === 0) return;
  const items = group.frozen.items as readonly VmItem[];
  const lostUnder = (position: number): number | undefined =>
    items[position]?.on.find((below) => storage.losses.has(below));
  loseItems(
    state,
    group,
    group.live.filter((position) => lostUnder(position) !== undefined),
    (position) => ({
      step,
      why: `stands on ${itemId(storage, lostUnder(position) ?? 0)}, which dropped out`,
    }),
  );
};

/**
 * Where an item did not complete a step, or does not stay so: its workgroup, or a part of it.
 * What became of it in later steps does not count: the dependency was met.
 */
const whereLost = (
  state: RunState,
  [index, position]: readonly [number, number],
  step: number,
): Group | undefined =>
  partsOf(state, index).find((part) => {
    const loss = part.losses.get(position);
    if (state.rollback.has(part.index)) return loss !== undefined || part.live.includes(position);
    return loss !== undefined && loss.step <= step;
  });

const loseWithDependency = (state: RunState, group: Group, step: number, waited: number): void => {
  for (const needed of group.frozen.dependsOn) {
    const first = whereLost(state, needed, waited);
    if (first === undefined) continue;
    const [, position] = needed;
    loseItems(state, group, group.live, () => ({
      step,
      why: `depends on ${itemId(first, position)}, which dropped out`,
    }));
    return;
  }
};

/** A group of devices cannot go on under a VM that did not get out of its way. */
const loseUnderVms = (state: RunState, group: Group, step: number, waited: number): void => {
  const blockers = new Map<number, string>();
  for (const index of state.standers.get(group.index) ?? []) {
    const above = state.groups[index] as Group;
    for (const [position, loss] of above.losses) {
      if (loss.step > waited) continue;
      for (const below of (above.frozen.items as readonly VmItem[])[position]?.on ?? []) {
        blockers.set(below, itemId(above, position));
      }
    }
  }
  if (blockers.size === 0) return;
  const name = state.steps[waited]?.name ?? '';
  loseItems(
    state,
    group,
    group.live.filter((position) => blockers.has(position)),
    (position) => ({ step, why: `${blockers.get(position)} on it did not complete ${name}` }),
  );
};
