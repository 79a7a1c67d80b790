/**
 * fold: (state, entry) → state. The state is updated in place; one entry costs what it touches.
 * Live running and recovery after a crash are this same function over the same entries.
 */
import { type Fault, inDoubt } from '../../../sdk/plugin/fault.ts';
import type {
  CallRefused,
  Entry,
  PolicyApplied,
  RunStarted,
  TaskAccepted,
  TaskInterrupted,
  TaskOutcome,
  TaskPrepared,
  TaskSettled,
  TaskStarted,
  TaskWithdrawn,
} from '../entries.ts';
import { settleDelayMsMin, undoAttemptsMax } from '../limits.ts';
import { decodeRanges } from '../ranges.ts';
import { foldElsewhere, foldUndoRefused, foldWaits } from './claims.ts';
import { conclude, isHalted, isOver, park, settleArrivals, settleForOthers } from './flow.ts';
import { resume } from './resume.ts';
import { startRollback, turnBack, undoDone, within } from './rollback.ts';
import { split } from './split.ts';
import { type Group, openRun, type RunState, type Unknowable } from './state.ts';
import { expectLegal, stand, TransitionError } from './table.ts';
import { bookOutcome, bookSettled, loseItems, makeDue, without } from './task.ts';

/** The state that a whole stream of entries leads to. */
export const foldAll = (entries: readonly Entry[]): RunState => {
  const [first, ...rest] = entries;
  if (first?.type !== 'run-started') throw new TransitionError('a run begins with run-started');
  const state = begin(first);
  for (const entry of rest) fold(state, entry);
  return state;
};

/** The state after `run-started`. */
export const begin = (started: RunStarted): RunState => {
  const state = openRun(started);
  settleArrivals(state);
  return state;
};

/** Applies one entry; throws TransitionError for a pair that is not in the table. */
export const fold = (state: RunState, entry: Entry): RunState => {
  apply(state, entry);
  state.cursor++;
  if (state.arrivals.size > 0) settleArrivals(state);
  return state;
};

const apply = (state: RunState, entry: Entry): RunState => {
  if (state.result !== undefined) {
    throw new TransitionError(`entry ${entry.type} after the run has ended`);
  }
  switch (entry.type) {
    case 'run-started':
      throw new TransitionError('run-started is only ever the first entry');
    case 'task-started':
      return foldStarted(state, groupOf(state, entry), entry);
    case 'task-prepared':
      return foldPrepared(state, groupOf(state, entry), entry);
    case 'task-accepted':
      return foldAccepted(state, groupOf(state, entry), entry);
    case 'task-outcome':
      return foldOutcome(state, groupOf(state, entry), entry);
    case 'task-settled':
      return foldSettled(state, groupOf(state, entry), entry);
    case 'task-interrupted':
      return foldInterrupted(state, groupOf(state, entry), entry);
    case 'task-withdrawn':
      return foldWithdrawn(state, groupOf(state, entry), entry);
    case 'policy-applied':
      return foldPolicy(state, groupOf(state, entry), entry);
    case 'claim-waits':
      foldWaits(groupOf(state, entry), entry);
      return state;
    case 'done-elsewhere':
      foldElsewhere(state, groupOf(state, entry), entry);
      return state;
    case 'undo-refused':
      foldUndoRefused(state, groupOf(state, entry), entry);
      return state;
    case 'call-refused':
      state.refusedCalls++;
      return state;
    default:
      return foldRun(state, entry);
  }
};

/** Of one workgroup, and moves it: a refused call is only counted. */
type TaskEntry = Exclude<Extract<Entry, { readonly group: number }>, CallRefused>;

const groupOf = (state: RunState, entry: TaskEntry): Group => {
  const group = state.groups[entry.group];
  if (group === undefined) throw new TransitionError(`entry ${entry.type}: no such workgroup`);
  expectLegal(group, entry.type);
  return group;
};

const none: readonly string[] = [];

const foldStarted = (state: RunState, group: Group, entry: TaskStarted): RunState => {
  state.ready.remove(group.index);
  group.task.attempt = entry.attempt;
  if (entry.direction === 'undo') {
    stand(state, group, 'undo-started');
    return state;
  }
  if (group.task.startedAtMs === 0) group.task.startedAtMs = entry.at;
  group.waits = none;
  group.tries++;
  countWriters(state, group, entry.step, 1);
  stand(state, group, 'started');
  return state;
};

/** From the intent on a writer may have been let in; not if the call was never made. */
const countWriters = (state: RunState, group: Group, step: number, by: 1 | -1): void => {
  if (state.steps[step]?.undo !== 'no-return') return;
  const { storage } = group.frozen;
  const calls = (state.noReturn.get(storage) ?? 0) + by;
  if (calls > 0) state.noReturn.set(storage, calls);
  else state.noReturn.delete(storage);
};

/** As if the intent had not been: only its attempt's number is spent. */
const foldWithdrawn = (state: RunState, group: Group, entry: TaskWithdrawn): RunState => {
  if (entry.direction === 'undo') {
    stand(state, group, 'undo-waiting');
    return state;
  }
  countWriters(state, group, entry.step, -1);
  group.tries--;
  if (group.tries === 0) group.task.startedAtMs = 0;
  if (state.rollback.has(group.index) || group.stopping) conclude(state, group);
  else stand(state, group, group.tries === 0 ? 'waiting' : 'backoff');
  if (isHalted(state, group)) settleForOthers(state, group);
  return afterRest(state, group);
};

const foldPrepared = (state: RunState, group: Group, entry: TaskPrepared): RunState => {
  // The first finding stands: a later attempt may find what an earlier one has changed.
  group.task.before = { ...entry.before, ...group.task.before };
  stand(state, group, 'prepared');
  return state;
};

const foldAccepted = (state: RunState, group: Group, entry: TaskAccepted): RunState => {
  const taken = new Set<number>();
  for (const { item, operation } of entry.operations) {
    group.task.accepted.set(item, operation);
    taken.add(item);
  }
  group.task.due = without(group.task.due, taken);
  stand(state, group, group.task.due.length === 0 ? 'accepted' : group.standing);
  return state;
};

const foldOutcome = (state: RunState, group: Group, entry: TaskOutcome): RunState => {
  if (entry.direction === 'undo') return foldUndoOutcome(state, group, entry);
  // Until `task-prepared` is durable only `before` was asked: no change can be in doubt.
  const changing = group.standing !== 'started' || state.steps[entry.step]?.before === false;
  bookOutcome(group, entry, changing);
  noteFault(group, entry.faults[0]?.fault);
  conclude(state, group);
  return afterRest(state, group);
};

const noteFault = (group: Group, fault: { message: string } | undefined): void => {
  if (fault !== undefined) group.note = { fault: fault as never, why: fault.message };
};

/** Whenever a workgroup that is to be undone comes to rest, the rollback may take its next turn. */
const afterRest = (state: RunState, group: Group): RunState => {
  if (group.standing === 'undo-waiting') turnBack(state);
  return state;
};

const foldUndoOutcome = (state: RunState, group: Group, entry: TaskOutcome): RunState => {
  const { task } = group;
  const done = new Set(decodeRanges(entry.done));
  task.due = without(task.due, done);
  for (const position of done) group.undoFaults.delete(position);
  for (const { items, fault } of entry.faults) noteUndoFault(group, decodeRanges(items), fault);
  if (task.due.length === 0) {
    undoDone(state, group);
    return state;
  }
  owe(group, task.due);
  noteFault(group, entry.faults[0]?.fault);
  retryUndo(state, group, entry.at);
  return state;
};

/** What can still land is not forgotten over a later attempt that was refused. */
const noteUndoFault = (group: Group, items: readonly number[], fault: Fault): void => {
  for (const position of items) {
    if (inDoubt(fault)) group.undoDoubt.set(position, true);
    const earlier = group.undoFaults.get(position);
    if (earlier === undefined || !inDoubt(earlier)) group.undoFaults.set(position, fault);
  }
};

/** What is still to be undone of the step: a person's retry does not undo the others again. */
const owe = (group: Group, items: readonly number[]): void => {
  const top = group.completed.pop();
  if (top !== undefined) group.completed.push({ ...top, items: [...items] });
};

const retryUndo = (state: RunState, group: Group, at: number): void => {
  group.undoAttempt++;
  group.task.retryAtMs = at + settleDelayMsMin * 2 ** group.undoAttempt;
  stand(state, group, group.undoAttempt >= undoAttemptsMax ? 'stuck' : 'undo-backoff');
};

const foldSettled = (state: RunState, group: Group, entry: TaskSettled): RunState => {
  bookSettled(group, entry);
  noteFault(group, entry.absent[0]?.fault);
  const [lost] = group.task.unknowable.values();
  if (lost !== undefined) noteUnknowable(group, lost);
  conclude(state, group);
  return afterRest(state, group);
};

/** The fault that began it is told too: it says whose doing it was. */
const noteUnknowable = (group: Group, { why, cause }: Unknowable): void => {
  group.note = cause === undefined ? { why } : { why: `${why} (${cause.message})`, fault: cause };
};

/** The call died with its worker or with the daemon. */
const foldInterrupted = (state: RunState, group: Group, entry: TaskInterrupted): RunState => {
  const fault: Fault = {
    kind: 'unknown',
    owner: 'engine',
    code: 'INTERRUPTED',
    message: entry.reason,
  };
  if (entry.direction === 'undo') {
    noteUndoFault(group, group.task.due, fault);
    retryUndo(state, group, entry.at);
    return state;
  }
  const preparing = group.standing === 'started' && state.steps[entry.step]?.before === true;
  if (!preparing) {
    for (const position of group.task.due) group.task.doubt.set(position, fault);
    group.task.due = [];
    conclude(state, group);
    return afterRest(state, group);
  }
  if (state.rollback.has(group.index)) conclude(state, group);
  else stand(state, group, 'waiting');
  return afterRest(state, group);
};

const foldPolicy = (state: RunState, group: Group, entry: PolicyApplied): RunState => {
  const positions = decodeRanges(entry.items);
  const { action } = entry;
  const note = { fault: entry.fault, why: entry.because ?? entry.fault.message };
  group.note = note;
  for (const position of positions) group.task.notes.set(position, note);
  switch (action.action) {
    case 'continue':
      loseItems(state, group, positions, () => ({
        step: entry.step,
        why: entry.fault.message,
        fault: entry.fault,
      }));
      break;
    case 'rerun':
      makeDue(group.task, positions);
      group.task.retryAtMs = Math.max(group.task.retryAtMs, entry.retryAtMs ?? entry.at);
      break;
    case 'stop':
      stopItems(state, group, positions, entry);
      break;
    case 'rollback':
      rollBackItems(state, group, positions, entry);
      return state;
  }
  conclude(state, group);
  return state;
};

const stopItems = (
  state: RunState,
  group: Group,
  positions: readonly number[],
  entry: PolicyApplied,
): void => {
  const reach = entry.action.action === 'stop' ? entry.action.reach : 'workgroup';
  if (reach === 'item' && positions.length < group.live.length) {
    const part = split(state, group, positions);
    part.stopping = true;
    part.note = group.note;
    part.task.notes = group.task.notes;
    makeDue(part.task, positions);
    park(state, part);
    return;
  }
  makeDue(group.task, positions);
  state.ready.remove(group.index);
  group.stopping = true;
  if (reach === 'protection-group' || reach === 'run') halt(state, group, reach, entry);
};

/** Nothing new starts within reach; what is in flight ends, and then rests. */
const halt = (
  state: RunState,
  group: Group,
  reach: 'protection-group' | 'run',
  entry: PolicyApplied,
): void => {
  const step = state.steps[entry.step]?.name ?? '';
  state.halts.set(
    reach === 'run' ? '*' : group.frozen.protectionGroupId,
    `${group.id} stopped at ${step}`,
  );
  for (const other of within(state, group, reach)) {
    if (other === group || isOver(other)) continue;
    state.ready.remove(other.index);
    if (other.standing === 'waiting' || other.standing === 'backoff') {
      settleForOthers(state, other);
    }
  }
};

const rollBackItems = (
  state: RunState,
  group: Group,
  positions: readonly number[],
  entry: PolicyApplied,
): void => {
  const reach = entry.action.action === 'rollback' ? entry.action.reach : 'workgroup';
  if (reach === 'item' && positions.length < group.live.length) {
    const part = split(state, group, positions);
    part.note = group.note;
    for (const position of positions) {
      part.task.faulted.set(position, entry.fault);
      group.task.faulted.delete(position);
    }
    startRollback(state, [part]);
    conclude(state, group);
    return;
  }
  startRollback(state, within(state, group, reach));
};

type RunLevel = Exclude<Entry, TaskEntry | { type: 'run-started' | 'call-refused' }>;

const foldRun = (state: RunState, entry: RunLevel): RunState => {
  if ('requestId' in entry && entry.requestId !== undefined) state.requestIds.add(entry.requestId);
  switch (entry.type) {
    case 'run-cancel-requested':
      state.cancelling = true;
      state.cancelReason = entry.reason;
      for (const group of state.groups) state.ready.remove(group.index);
      return state;
    case 'run-parked':
      state.parked = entry.reason;
      return state;
    case 'run-resumed':
      resume(state, entry);
      return state;
    case 'run-site-lost':
      state.lostSites.add(entry.siteId);
      break;
    case 'run-site-reachable':
      state.lostSites.delete(entry.siteId);
      break;
    case 'run-taken-over':
      state.epoch = entry.epoch;
      return state;
    case 'run-ended':
      state.result = entry.result;
      state.endedAtMs = entry.at;
      state.supersededBy = entry.byRunId;
      return state;
  }
  for (const group of state.groups) if (!isOver(group)) state.agenda.add(group.index);
  return state;
};
