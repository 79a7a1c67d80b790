/**
 * What a rollback leaves because it cannot, or must not, be undone now. A person who skips an undo
 * that failed leaves that one effect; what it stands on is left with it, unless its step stands
 * alone: a source stays demoted under a target that stays promoted, and no VM is started on either.
 * A retry takes all of it up again. See decision 0047.
 */
import { inDoubt } from '../../../sdk/plugin/fault.ts';
import type { VmItem } from '../frozen.ts';
import { gatesWaiting } from './gates.ts';
import { type Completed, type Group, itemId, type Kept, partsOf, type RunState } from './state.ts';
import { stand } from './table.ts';

/** Nothing before it is undone either. */
export const isHeld = ({ kept }: Group, position: number): boolean => {
  const found = kept.get(position);
  return found !== undefined && found.reach !== 'effect';
};

const stepName = (state: RunState, step: number): string => state.steps[step]?.name ?? '';

/** Of what was left before, with nothing else, the report goes on to tell. */
const keep = (group: Group, position: number, kept: Kept): void => {
  const earlier = group.kept.get(position);
  if (earlier === undefined) {
    group.kept.set(position, kept);
    return;
  }
  const why = `${kept.why}; ${earlier.why}`;
  const fault = earlier.doubt ? earlier.fault : (kept.fault ?? earlier.fault);
  const doubt = kept.doubt || earlier.doubt;
  group.kept.set(position, { ...kept, why, doubt, ...(fault === undefined ? {} : { fault }) });
};

/** A person leaves what the stuck undo of a workgroup could not undo. */
export const leaveStuck = (state: RunState, group: Group): void => {
  const top = group.completed.at(-1);
  if (top === undefined) return;
  const { step } = top;
  const { due } = group.task;
  const whenLeft = state.steps[step]?.whenLeft;
  for (const position of due) {
    const fault = group.undoFaults.get(position);
    const failed = fault === undefined ? 'its undo failed' : `its undo failed: ${fault.message}`;
    const why = `left in place by decision: ${stepName(state, step)} is not undone (${failed})`;
    const doubt = fault !== undefined && inDoubt(fault);
    // What another run goes on from is in use: nothing under it is taken away.
    const alone = whenLeft === 'alone' && fault?.code !== 'COUNTED_AS_DONE';
    const reach = alone ? 'effect' : 'ground';
    keep(group, position, {
      why,
      doubt,
      step,
      ...(fault === undefined ? {} : { fault }),
      ...(whenLeft === undefined ? {} : { reach, again: true }),
    });
  }
  group.undoFaults.clear();
  group.completed.pop();
  if (whenLeft !== undefined) group.left = [...group.left, { ...top, items: due }];
};

/** Whether a VM and a consistency group are such that one stands on the other. */
const areStacked = (one: Group, at: number, other: Group, otherAt: number): boolean => {
  const [vm, position, ground, below] =
    one.frozen.unit === 'vm' ? [one, at, other, otherAt] : [other, otherAt, one, at];
  const item = (vm.frozen.items as readonly VmItem[])[position];
  return vm.frozen.storage === ground.origin && item?.on.includes(below) === true;
};

/** Something of it would still be taken back. */
export const isUndoable = (state: RunState, { completed }: Group, position: number): boolean =>
  completed.some(
    ({ step, items }) => state.steps[step]?.undo === 'undo' && items.includes(position),
  );

/** Keeps whatever, at this step of the rollback, lies under something that is left. */
export const leaveGround = (state: RunState, group: Group, { step, items }: Completed): void => {
  for (const gate of gatesWaiting(state.gates, group.index, step)) {
    if (gate.kind !== 'stands-on') continue;
    for (const other of gate.holds.workgroups.flatMap((at) => partsOf(state, at))) {
      for (const [at, kept] of other.kept) {
        if (kept.reach !== 'ground' || (kept.step ?? -1) < gate.holds.step) continue;
        const what = `${itemId(other, at)}, of which ${stepName(state, kept.step ?? -1)}`;
        const why = `left in place with ${what} is not undone`;
        for (const position of items) {
          if (isHeld(group, position) || !areStacked(group, position, other, at)) continue;
          if (!isUndoable(state, group, position)) continue;
          keep(group, position, { why, doubt: false, step, reach: 'ground', again: true });
        }
      }
    }
  }
};

/**
 * Something beyond the rollback stands on a workgroup: it ends with all that it did up to here. Of
 * an item with nothing to undo nothing stays, and what was left before is told as well.
 */
export const leaveStoodOn = (state: RunState, group: Group, top: Completed, why: string): void => {
  for (const position of top.items) {
    if (!isUndoable(state, group, position)) continue;
    const earlier = group.kept.get(position);
    const kept = earlier && { ...earlier, why: `${why}; ${earlier.why}` };
    group.kept.set(position, kept ?? { why, doubt: false });
  }
  const again = group.completed.map((each) => ({
    ...each,
    items: each.items.filter((position) => group.kept.get(position)?.again === true),
  }));
  group.left = [...group.left, ...again.filter(({ items }) => items.length > 0)];
  group.completed = [];
};

/** Takes what is held out of the step that is about to be undone: a retry may come back to it. */
export const putAside = (state: RunState, group: Group, top: Completed): void => {
  if (state.steps[top.step]?.undo !== 'undo') return;
  const items = top.items.filter((position) => group.kept.get(position)?.again === true);
  const held = items.filter((position) => isHeld(group, position));
  if (held.length === 0) return;
  const gone = new Set(held);
  group.left = [...group.left, { ...top, items: held }];
  const due = top.items.filter((position) => !gone.has(position));
  group.completed = [...group.completed.slice(0, -1), { ...top, items: due }];
};

/** By step; one of two workgroups' halves is never there twice. */
const merged = (steps: readonly Completed[]): Completed[] => {
  const byStep = new Map<number, Completed>();
  for (const each of steps) {
    const known = byStep.get(each.step);
    const items = [...(known?.items ?? []), ...each.items].sort((one, other) => one - other);
    byStep.set(each.step, { ...each, items, before: { ...known?.before, ...each.before } });
  }
  return [...byStep.values()].sort((one, other) => one.step - other.step);
};

/** A person has it tried again: whatever was left, in its turn, with what is still to be undone. */
export const takeUpLeft = (state: RunState): void => {
  if (state.groups.every(({ left }) => left.length === 0)) return;
  for (const group of state.groups) {
    if (group.left.length > 0) {
      for (const [position, kept] of [...group.kept]) {
        if (kept.again !== true) continue;
        group.kept.delete(position);
        // Until it has been tried again that is what is known of it.
        if (kept.fault !== undefined) group.undoFaults.set(position, kept.fault);
      }
      group.completed = merged([...group.completed, ...group.left]);
      group.left = [];
      group.undoAttempt = 0;
      state.returning.add(group.index);
      stand(state, group, 'undo-waiting');
    }
    // Whose turn had come waits for it again: there is more to undo before.
    if (group.standing !== 'undo-waiting' && group.standing !== 'undo-backoff') continue;
    state.ready.remove(group.index);
    group.task.due = [];
    stand(state, group, 'undo-waiting');
  }
};
