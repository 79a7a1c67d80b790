/**
 * Items that go their own way, because a policy's reach is the item, become their own workgroup.
 */
import { encodeRanges } from '../ranges.ts';
import { inherit } from './gates.ts';
import { addStander, type Group, newGroup, type RunState } from './state.ts';
import { without } from './task.ts';

/** From the same step on; it waits, and is waited for, where the whole was. */
export const split = (state: RunState, group: Group, positions: readonly number[]): Group => {
  const away = new Set(positions);
  const part = newGroup(state.groups.length, group.frozen, group.chain, {
    id: `${group.id}.${state.groups.length - state.frozen.workgroups.length + 1}`,
    origin: group.origin,
    live: positions,
    place: group.place,
  });
  part.insists = group.insists;
  part.task = { ...part.task, attempt: group.task.attempt, due: [], before: group.task.before };
  part.completed = group.completed.map((completed) => ({
    ...completed,
    items: completed.items.filter((position) => away.has(position)),
  }));
  group.completed = group.completed.map((completed) => ({
    ...completed,
    items: without(completed.items, away),
  }));
  group.live = without(group.live, away);
  group.liveText = encodeRanges(group.live);
  group.task.due = without(group.task.due, away);
  for (const position of positions) {
    if (group.task.half.has(position)) part.task.half.set(position, true);
    group.task.faulted.delete(position);
  }
  inherit(state.gates, group.index, part.index);
  state.groups.push(part);
  const parts = state.parts.get(part.origin);
  if (parts === undefined) state.parts.set(part.origin, [part.origin, part.index]);
  else parts.push(part.index);
  state.tally.waiting++;
  addStander(state.standers, part);
  return part;
};
