/** What a person can see of a run, derived from its state: nothing is stored for the sake of it. */
import { inDoubt } from '../../../sdk/plugin/fault.ts';
import type { Decision } from '../entries.ts';
import { remoteOf } from '../frozen.ts';
import { someNamed } from '../some.ts';
import type {
  ItemNote,
  RunStatus,
  RunSummary,
  RunView,
  StepView,
  TaskStatus,
  WorkgroupView,
} from '../view.ts';
import { isHalted, isOver } from './flow.ts';
import { closedGate, missingAt } from './gates.ts';
import { isUndoable } from './left.ts';
import { type Group, itemId, type Loss, type RunState, type Standing, stepAt } from './state.ts';

const statusOf: Readonly<Record<Standing, TaskStatus>> = {
  waiting: 'waiting',
  started: 'running',
  prepared: 'running',
  accepted: 'operating',
  doubt: 'in-doubt',
  judging: 'running',
  backoff: 'backing-off',
  stopped: 'stopped',
  finished: 'done',
  dropped: 'dropped',
  'undo-waiting': 'undoing',
  'undo-started': 'undoing',
  'undo-backoff': 'undoing',
  undone: 'undone',
  stuck: 'stuck',
};

export const runStatusOf = (state: RunState): RunStatus => {
  if (state.result !== undefined) return 'ended';
  if (state.parked !== undefined) return state.parked === 'stuck' ? 'stuck' : 'parked';
  if (state.cancelling) return 'cancelling';
  return state.groups.some((group) => state.rollback.has(group.index) && !isOver(group))
    ? 'rolling-back'
    : 'running';
};

export const summaryOf = (state: RunState): RunSummary => ({
  runId: state.started.runId,
  planId: state.frozen.planId,
  mode: state.frozen.mode,
  status: runStatusOf(state),
  ...(state.result === undefined ? {} : { result: state.result }),
  requester: state.started.requester,
  startedAtMs: state.started.at,
  ...(state.endedAtMs === undefined ? {} : { endedAtMs: state.endedAtMs }),
});

const names = (state: RunState, indexes: readonly number[]): string =>
  someNamed(indexes, (index) => state.groups[index]?.id ?? '?');

/** UTC, as the journal's moments are. */
const timeOfDay = (atMs: number): string => new Date(atMs).toISOString().slice(11);

/** Why a workgroup does not run now; empty when it does, or when it has ended. */
const waitsFor = (state: RunState, group: Group): string => {
  const step = state.steps[stepAt(group)];
  const remoteId = step ? remoteOf(step, group.frozen) : '';
  switch (group.standing) {
    case 'waiting':
      return waitingFor(state, group);
    case 'backoff':
      if (group.waits.length > 0) return waitingFor(state, group);
      return `attempt ${group.task.attempt + 1}, due ${timeOfDay(group.task.retryAtMs)}`;
    case 'accepted':
      return `${group.task.accepted.size} operations at ${remoteId}`;
    case 'doubt':
      return `asking ${remoteId} what became of the call`;
    case 'stopped':
      return `a person: ${group.note?.why ?? 'stopped'}`;
    case 'stuck':
      return `a person: undo failed: ${group.note?.why ?? ''}`;
    default:
      return '';
  }
};

const waitingFor = (state: RunState, group: Group): string => {
  const step = stepAt(group);
  const gate = closedGate(state.gates, group.index, step);
  if (gate !== undefined) {
    const name = state.steps[gate.waits.step]?.name ?? '';
    return `${gate.kind} gate: ${name} of ${names(state, missingAt(state.gates, gate))}`;
  }
  if (isHalted(state, group)) {
    const { protectionGroupId } = group.frozen;
    return `a person: ${state.halts.get('*') ?? state.halts.get(protectionGroupId) ?? 'halted'}`;
  }
  if (state.parked !== undefined || state.cancelling) return 'a person: the run is parked';
  if (group.waits.length > 0) {
    const parked = new Set(group.waitsParked);
    return group.waits.map((id) => `run ${id}${parked.has(id) ? ', parked' : ''}`).join('; ');
  }
  const frozen = state.steps[step];
  return frozen === undefined ? '' : `a free slot at ${remoteOf(frozen, group.frozen)}`;
};

/** The step that a workgroup is at, ended at, or is undoing. */
const presentStep = (group: Group): number => {
  const top = group.completed.at(-1);
  const undoing = group.standing.startsWith('undo') || group.standing === 'stuck';
  if (undoing && top !== undefined) return top.step;
  const last = group.chain[group.chain.length - 1] ?? 0;
  return group.place < group.chain.length ? stepAt(group) : last;
};

const workgroupView = (state: RunState, group: Group): WorkgroupView => {
  const step = presentStep(group);
  const fault = group.note?.fault;
  return {
    id: group.id,
    unit: group.frozen.unit,
    protectionGroupId: group.frozen.protectionGroupId,
    priority: group.frozen.priority,
    itemsTotal: group.live.length + group.losses.size + group.elsewhere.size,
    itemsLive: group.live.length,
    itemsDropped: group.losses.size,
    step,
    stepName: state.steps[step]?.name ?? '',
    status: statusOf[group.standing],
    attempt: group.task.attempt,
    waitsFor: waitsFor(state, group),
    ...(fault === undefined ? {} : { fault }),
  };
};

/** Chains, which those of one unit and path share, with how many workgroups go along them. */
const chainsOf = (state: RunState): ReadonlyMap<readonly number[], number> => {
  const chains = new Map<readonly number[], number>();
  for (const { chain } of state.groups) chains.set(chain, (chains.get(chain) ?? 0) + 1);
  return chains;
};

const stepViews = (state: RunState): StepView[] => {
  const running = state.steps.map(() => 0);
  for (const group of state.groups) {
    const at = stepAt(group);
    const busy = group.standing === 'started' || group.standing === 'prepared';
    if (busy || group.standing === 'accepted') running[at] = (running[at] ?? 0) + 1;
  }
  const total = state.steps.map(() => 0);
  for (const [chain, count] of chainsOf(state)) {
    for (const at of chain) total[at] = (total[at] ?? 0) + count;
  }
  return state.steps.map((step, at) => ({
    name: step.name,
    unit: step.unit,
    side: step.side,
    policy: step.policy,
    workgroupsTotal: total[at] ?? 0,
    workgroupsDone: state.stepTasksDone[at] ?? 0,
    workgroupsRunning: running[at] ?? 0,
    itemsDone: state.stepDone[at] ?? 0,
    itemsFailed: state.stepFailed[at] ?? 0,
  }));
};

/** Items that did not simply go through, by name, with whose fault it is. */
export const notesOf = (state: RunState): ItemNote[] =>
  state.groups.flatMap((group) => groupNotes(state, group));

const groupNotes = (state: RunState, group: Group): ItemNote[] => {
  const at = (position: number, step: number) => ({
    itemId: itemId(group, position),
    workgroupId: group.id,
    step: state.steps[step]?.name ?? '',
  });
  const notes: ItemNote[] = [];
  for (const [position, { why, doubt, fault, step = stepAt(group) }] of group.kept) {
    notes.push({
      ...at(position, step),
      state: doubt ? 'in-doubt' : 'not-undone',
      why,
      ...(fault === undefined ? {} : { fault }),
    });
  }
  for (const [position, loss] of group.losses) {
    if (group.kept.has(position)) continue;
    notes.push({
      ...at(position, loss.step),
      ...lossOf(state, group, position, loss),
      ...(loss.fault === undefined ? {} : { fault: loss.fault }),
    });
  }
  for (const [position, byRunId] of group.elsewhere) {
    const step = group.chain.at(-1) ?? 0;
    notes.push({ ...at(position, step), state: 'done-elsewhere', why: `run ${byRunId} did it` });
  }
  const { task } = group;
  for (const [position, { why, cause }] of task.unknowable) {
    const fault = cause === undefined ? {} : { fault: cause };
    notes.push({ ...at(position, stepAt(group)), state: 'in-doubt', why, ...fault });
  }
  // At rest nobody asks: what goes on at the remote, or was not asked about yet, is in doubt.
  if (state.parked !== undefined || state.result !== undefined) {
    for (const [position, operation] of task.accepted) {
      const why = `operation ${operation} goes on at the remote`;
      notes.push({ ...at(position, stepAt(group)), state: 'in-doubt', why });
    }
    for (const [position, fault] of task.doubt) {
      notes.push({ ...at(position, stepAt(group)), state: 'in-doubt', why: fault.message, fault });
    }
  }
  notes.push(...undoNotes(state, group));
  if (group.standing !== 'stopped') return notes;
  for (const position of task.due) {
    const { why = '', fault } = task.notes.get(position) ?? group.note ?? {};
    notes.push({
      ...at(position, stepAt(group)),
      state: 'stopped',
      why,
      ...(fault === undefined ? {} : { fault }),
    });
  }
  return notes;
};

/** What was left and is taken up again is not undone before it is. */
const lossOf = (
  state: RunState,
  group: Group,
  position: number,
  { why, fault }: Loss,
): Pick<ItemNote, 'state' | 'why'> => {
  if (why !== 'rolled back') return { state: fault === undefined ? 'dropped' : 'failed', why };
  return isUndoable(state, group, position)
    ? { state: 'not-undone', why: 'its undo is still to come' }
    : { state: 'undone', why };
};

/** Of undoing that failed: at rest nobody tries again, and what was in doubt can still land. */
const undoNotes = (state: RunState, group: Group): ItemNote[] => {
  const stuck = group.standing === 'stuck';
  if (!stuck && state.parked === undefined && state.result === undefined) return [];
  return [...group.undoFaults]
    .filter(([position]) => !group.kept.has(position))
    .map(([position, fault]) => ({
      itemId: itemId(group, position),
      workgroupId: group.id,
      step: state.steps[presentStep(group)]?.name ?? '',
      state: !stuck && inDoubt(fault) ? 'in-doubt' : 'not-undone',
      why: `undo failed: ${fault.message}`,
      fault,
    }));
};

const attentionOf = (state: RunState): string => {
  if (state.result !== undefined || state.parked === undefined) return '';
  const { runId } = state.started;
  const causes = state.groups.filter(
    (group) => group.standing === 'stopped' || group.standing === 'stuck',
  );
  const first = causes[0];
  const cause =
    first === undefined
      ? state.cancelReason || 'by request'
      : `${first.id} at ${state.steps[presentStep(first)]?.name ?? ''}: ${first.note?.why ?? ''}`;
  const what = {
    stopped: 'Mend the cause, then resume',
    cancelled: 'Resume to go on',
    stuck: 'An undo failed: mend the cause, then resume with retry (skip leaves it as it is)',
    doubt: 'Find out what became of the items in doubt, then resume (retry asks again)',
  }[state.parked];
  return `${state.parked}: ${cause}. ${what}: siteswap resume ${runId}`;
};

/** What a person may decide now. */
export const decisionsFor = (state: RunState): Decision[] => {
  if (state.parked === undefined || state.result !== undefined) return [];
  const back = state.noReturn.size === 0 && state.lostSites.size === 0;
  return back ? ['retry', 'skip', 'rollback', 'abandon'] : ['retry', 'skip', 'abandon'];
};

/** The first that a view lists: those that need attention before the others, each in order. */
const listed = ({ groups }: RunState, max: number): readonly Group[] => {
  if (groups.length <= max || max === 0) return groups.slice(0, max);
  const ordinary = ({ standing }: Group) =>
    standing === 'waiting' || standing === 'finished' ? 1 : 0;
  return groups.toSorted((one, other) => ordinary(one) - ordinary(other)).slice(0, max);
};

/** `max`: of workgroups and of notes; 0: only the run itself, which takes no longer for many. */
export const viewOf = (state: RunState, max: number): RunView => {
  const notes = max === 0 ? [] : notesOf(state);
  return {
    ...summaryOf(state),
    ...(state.supersededBy === undefined ? {} : { supersededBy: state.supersededBy }),
    requestKey: state.started.requestKey,
    initiatorId: state.started.initiatorId,
    protectedSiteId: state.frozen.protectedSiteId,
    recoverySiteId: state.frozen.recoverySiteId,
    steps: stepViews(state),
    workgroups: listed(state, max).map((group) => workgroupView(state, group)),
    workgroupsTotal: state.groups.length,
    attention: attentionOf(state),
    decisionsAllowed: decisionsFor(state),
    notes: notes.slice(0, max),
    notesTotal: notes.length,
    cursor: state.cursor,
  };
};
