/**
 * What can be decided beside entries that are not folded yet, so that it needs no sync of its own:
 * intents for the slots that ended calls have left, and, for a workgroup whose step went well, the
 * intent of its next step in the same append (decision 0023). A step then costs one sync and not
 * two.
 *
 * A workgroup goes on here only where its own outcome alone decides where it stands. Everything
 * else waits until the outcome is folded: this is a shorter way to what `decide` would say.
 */
import type { Entry, EntryType, TaskOutcome } from '../entries.ts';
import { type Claims, noClaims } from './claims.ts';
import { enqueue, intent, isRestrained, siteIsLostAt, takeReady } from './decide.ts';
import { isOver } from './flow.ts';
import { closedGate, gatesHolding } from './gates.ts';
import type { Slots } from './ready.ts';
import { type Group, newTask, type RunState } from './state.ts';
import { wholeAndClean } from './task.ts';

/** Entries that change nothing but their own workgroup, and whom its gates hold. */
const local: ReadonlySet<EntryType> = new Set<EntryType>([
  'task-started',
  'task-prepared',
  'task-accepted',
  'task-outcome',
]);

const staysLocal = (entry: Entry): boolean =>
  local.has(entry.type) ||
  (entry.type === 'policy-applied' &&
    (entry.action.action === 'continue' || entry.action.action === 'rerun'));

/** The entries with what can be decided beside them, in the order in which all are appended. */
export const withIntents = (
  state: RunState,
  entries: readonly Entry[],
  now: number,
  slots: Slots,
  claims: Claims = noClaims,
): readonly Entry[] => {
  if (!entries.every(staysLocal)) return entries;
  const goingOn = stepsOn(state, entries);
  for (const [index, step] of goingOn) enqueue(state, state.groups[index] as Group, step);
  const batch: Entry[] = [];
  const following = new Map<number, Entry>();
  for (const group of takeReady(state, slots)) {
    const step = goingOn.get(group.index);
    if (step === undefined) batch.push(intent(group, now, claims));
    else following.set(group.index, firstIntent(group, now));
  }
  for (const index of goingOn.keys()) if (!following.has(index)) state.ready.remove(index);
  for (const entry of entries) {
    batch.push(entry);
    const next = entry.type === 'task-outcome' ? following.get(entry.group) : undefined;
    if (next !== undefined) batch.push(next);
  }
  return batch;
};

/** Workgroups that go on with their outcome, and the step that they come to. */
const stepsOn = (state: RunState, entries: readonly Entry[]): Map<number, number> => {
  const goingOn = new Map<number, number>();
  const told = new Set<number>();
  for (const entry of entries) {
    if (!('group' in entry)) continue;
    // Told of twice: what becomes of it depends on both.
    if (told.has(entry.group)) goingOn.delete(entry.group);
    else if (entry.type === 'task-outcome') {
      const step = stepAfter(state, state.groups[entry.group] as Group, entry);
      if (step !== undefined) goingOn.set(entry.group, step);
    }
    told.add(entry.group);
  }
  return goingOn;
};

/** The step that begins with this outcome; undefined where anything else has a say in it. */
const stepAfter = (state: RunState, group: Group, outcome: TaskOutcome): number | undefined => {
  const step = group.chain[group.place + 1];
  if (step === undefined || outcome.direction === 'undo' || group.live.length === 0) return;
  if (!wholeAndClean(group, outcome) || isRestrained(state, group)) return;
  if (siteIsLostAt(state, step) || mayLoseAt(state, group, step)) return;
  return closedGate(state.gates, group.index, step) === undefined ? step : undefined;
};

/** Whether items can be lost on arrival, for what became of others. */
const mayLoseAt = (state: RunState, group: Group, step: number): boolean => {
  const below = state.groups[group.frozen.storage];
  if (group.frozen.unit === 'vm' && below !== undefined) {
    if (!isOver(below) || below.losses.size > 0) return true;
  }
  return gatesHolding(state.gates, group.index, step).some(
    ({ kind }) =>
      kind === 'dependency' || (kind === 'stands-on' && group.frozen.unit === 'storage'),
  );
};

/** As `intent` will say of the workgroup when its outcome is folded. */
const firstIntent = (group: Group, now: number): Entry => {
  const place = group.place + 1;
  const next = { ...group, standing: 'waiting', place, task: newTask(group.live) } as const;
  return intent(next, now, noClaims);
};
