/**
 * decide: what is to be done next. Pure but for emptying the agenda and taking slots: the same
 * state, moment and slots give the same answer. Handling one outcome costs what it touches.
 */
import type { Entry, RunParked, TaskSettled, TaskStarted } from '../entries.ts';
import { remoteOf } from '../frozen.ts';
import { lastFewMax } from '../limits.ts';
import { stop } from '../policy.ts';
import { encodeRanges } from '../ranges.ts';
import { type Claims, claimEntries, noClaims, undoRefused } from './claims.ts';
import { hasArrived, isHalted, isOver } from './flow.ts';
import { judge, policyEntry, wayOut } from './judge.ts';
import type { Slots } from './ready.ts';
import { type Group, type RunState, siteOf, stepAt } from './state.ts';

export interface Decisions {
  /** To be appended, in this order; a `task-started` among them is to be called once durable. */
  readonly entries: readonly Entry[];
  /** Workgroups with items in doubt, to be asked about. */
  readonly settle: readonly number[];
  /** Workgroups with accepted operations, to be polled. */
  readonly poll: readonly number[];
  /** When to decide again if nothing else happens before. */
  readonly wakeAtMs?: number;
}

/** Questions under way. */
export interface Asking {
  /** One may lead on what it asks about: it is waited for as a call is. */
  readonly leads: boolean;
}

const nothingAsked: Asking = { leads: false };

interface Draft {
  entries: Entry[];
  settle: number[];
  poll: number[];
}

export const decide = (
  state: RunState,
  now: number,
  slots: Slots,
  claims: Claims = noClaims,
  asking: Asking = nothingAsked,
): Decisions => {
  const draft: Draft = { entries: [], settle: [], poll: [] };
  if (state.result !== undefined) return draft;
  for (let due = state.delayed.first; due !== undefined; due = state.delayed.first) {
    if (due.rank > now) break;
    state.delayed.pop();
    state.agenda.add(due.value);
  }
  for (const index of state.agenda) {
    state.agenda.delete(index);
    look(state, state.groups[index] as Group, { now, claims }, draft);
    // What reaches beyond its workgroup is folded before anything else is decided: it may undo,
    // hold or drop what this turn would otherwise go on with.
    if (reachesOut(state, draft.entries.at(-1))) return draft;
  }
  for (const group of takeReady(state, slots)) draft.entries.push(intent(group, now, claims));
  const still = draft.entries.length === 0 && !waitsForClaims(state, claims);
  const end = still && !asking.leads ? rest(state, now, draft) : undefined;
  if (end !== undefined) draft.entries.push(end);
  const wakeAtMs = state.delayed.first?.rank;
  return wakeAtMs === undefined ? draft : { ...draft, wakeAtMs };
};

/** As many ready workgroups as there is room for, best first: each has its slot. */
export const takeReady = (state: RunState, slots: Slots): Group[] => {
  const taken: Group[] = [];
  const { finished, dropped } = state.tally;
  const lastFew = state.groups.length - finished - dropped <= lastFewMax;
  for (;;) {
    const next = state.ready.take(slots, lastFew);
    if (next === undefined) return taken;
    taken.push(state.groups[next] as Group);
  }
};

const reachesOut = (state: RunState, entry: Entry | undefined): boolean => {
  if (entry?.type !== 'policy-applied') return false;
  const { action } = entry;
  // With storage that goes on without an item, the VMs on that item drop out.
  const isStorage = state.groups[entry.group]?.frozen.unit === 'storage';
  const drops = isStorage && action.action === 'continue';
  return (
    drops ||
    action.action === 'rollback' ||
    (action.action === 'stop' && action.reach !== 'item' && action.reach !== 'workgroup')
  );
};

interface Moment {
  readonly now: number;
  readonly claims: Claims;
}

const look = (state: RunState, group: Group, moment: Moment, draft: Draft): void => {
  const { now } = moment;
  switch (group.standing) {
    case 'judging':
      draft.entries.push(...judge(state, group, now));
      return;
    case 'doubt':
      if (siteIsLost(state, group)) draft.entries.push(unknowable(state, group, now));
      // Beside an operation that ended after the run was parked: a person decides first.
      else if (state.parked === undefined) draft.settle.push(group.index);
      return;
    case 'accepted':
      if (siteIsLost(state, group)) draft.entries.push(unknowable(state, group, now));
      else if (!state.cancelling) draft.poll.push(group.index);
      return;
    case 'waiting':
    case 'backoff':
      lookForward(state, group, moment, draft);
      return;
    case 'undo-waiting':
    case 'undo-backoff':
      lookBack(state, group, moment, draft);
      return;
    default:
      return;
  }
};

export const siteIsLostAt = (state: RunState, at: number): boolean => {
  const step = state.steps[at];
  return step !== undefined && state.lostSites.has(siteOf(state, step));
};

const siteIsLost = (state: RunState, group: Group): boolean => siteIsLostAt(state, stepAt(group));

/** Nothing new of a workgroup begins, in the direction in which it goes. */
export const isRestrained = (state: RunState, group: Group): boolean => {
  if (state.cancelling || state.parked !== undefined) return true;
  if (group.standing.startsWith('undo')) return state.tally.stuck > 0;
  return isHalted(state, group) || state.rollback.has(group.index) || group.stopping;
};

/** Whether the call of a durable intent should still be made. */
export const isWanted = (state: RunState, group: Group): boolean =>
  !isRestrained(state, group) && (group.standing === 'undo-started' || !siteIsLost(state, group));

const lookForward = (
  state: RunState,
  group: Group,
  { now, claims }: Moment,
  draft: Draft,
): void => {
  if (isRestrained(state, group)) return;
  if (group.standing === 'waiting' && !hasArrived(state, group)) return;
  if (siteIsLost(state, group)) {
    state.ready.remove(group.index);
    draft.entries.push(stopAtLostSite(state, group, now));
    return;
  }
  if (group.standing === 'backoff' && group.task.retryAtMs > now) {
    state.delayed.push({ rank: group.task.retryAtMs, value: group.index });
    return;
  }
  const claim = claims.of(group);
  if (claim === undefined) return;
  draft.entries.push(...claimEntries(state, group, claim, now));
  if (claim.kind === 'free') enqueue(state, group, stepAt(group));
};

/** Somebody else's turn comes first: until then the run is neither parked nor ended. */
const waitsForClaims = (state: RunState, claims: Claims): boolean => {
  for (const index of claims.pending()) {
    if (!isRestrained(state, state.groups[index] as Group)) return true;
  }
  return false;
};

export const enqueue = (state: RunState, group: Group, at: number): void => {
  const step = state.steps[at];
  if (step === undefined) return;
  state.ready.add(group.index, group.frozen.priority, at, remoteOf(step, group.frozen));
};

/** Undo goes on only while nothing is stuck: a person must look first. */
const lookBack = (state: RunState, group: Group, { now, claims }: Moment, draft: Draft): void => {
  const top = group.completed.at(-1);
  if (isRestrained(state, group)) return;
  if (top === undefined || group.task.due.length === 0) return;
  const counted = claims.counted(group);
  if (counted === undefined) return;
  if (group.task.due.every((position) => counted.has(position))) {
    draft.entries.push(undoRefused(group, counted, now));
    return;
  }
  if (group.standing === 'undo-backoff' && group.task.retryAtMs > now) {
    state.delayed.push({ rank: group.task.retryAtMs, value: group.index });
    return;
  }
  enqueue(state, group, top.step);
};

/** What others count as done is not among what is undone. */
const dueOf = (group: Group, claims: Claims): readonly number[] => {
  const counted = claims.counted(group);
  if (counted === undefined || counted.size === 0) return group.task.due;
  return group.task.due.filter((position) => !counted.has(position));
};

export const intent = (group: Group, now: number, claims: Claims): TaskStarted => {
  const undo = group.standing === 'undo-waiting' || group.standing === 'undo-backoff';
  const step = undo ? (group.completed.at(-1)?.step ?? 0) : stepAt(group);
  const whole = !undo && group.task.due.length === group.frozen.items.length;
  return {
    type: 'task-started',
    at: now,
    group: group.index,
    step,
    direction: undo ? 'undo' : 'run',
    attempt: undo ? group.undoAttempt + 1 : group.task.attempt + 1,
    ...(whole ? {} : { items: encodeRanges(undo ? dueOf(group, claims) : group.task.due) }),
  };
};

const stopAtLostSite = (state: RunState, group: Group, now: number) => {
  const step = state.steps[stepAt(group)];
  const siteId = step === undefined ? '' : siteOf(state, step);
  const fault = {
    kind: 'unreachable',
    owner: 'engine',
    code: 'SITE_LOST',
    message: `site ${siteId} is lost`,
  } as const;
  return policyEntry(state, group, now, {
    fault,
    verdict: { action: stop(), because: `${fault.message}${wayOut(state)}` },
    positions: group.task.due,
  });
};

/** A lost site cannot be asked: what is in doubt there stays so, by name. */
const unknowable = (state: RunState, group: Group, now: number): TaskSettled => {
  const positions = [...group.task.doubt.keys(), ...group.task.accepted.keys()];
  return {
    type: 'task-settled',
    at: now,
    group: group.index,
    step: stepAt(group),
    direction: 'run',
    attempt: group.task.attempt,
    done: '',
    absent: [],
    unknowable: [
      {
        items: encodeRanges(positions.sort((one, other) => one - other)),
        why:
          `site ${siteOf(state, state.steps[stepAt(group)] as never)} ` +
          'is lost and cannot be asked',
      },
    ],
  };
};

/** When nothing is in flight and nothing can start: the run has ended, or waits for a person. */
const rest = (state: RunState, now: number, draft: Draft): Entry | undefined => {
  const { tally } = state;
  const moving =
    tally.started + tally.prepared + tally['undo-started'] + tally.judging + tally.doubt;
  if (moving > 0 || draft.settle.length > 0 || draft.poll.length > 0) return undefined;
  if (!state.cancelling) {
    const coming = state.ready.size + state.delayed.size + tally.accepted;
    if (coming > 0) return undefined;
  }
  if (state.groups.every(isOver)) return { type: 'run-ended', at: now, result: resultOf(state) };
  if (state.parked !== undefined) return undefined;
  return { type: 'run-parked', at: now, reason: parkReason(state) };
};

const parkReason = (state: RunState): RunParked['reason'] => {
  if (state.tally.stuck > 0) return 'stuck';
  if (state.cancelling) return 'cancelled';
  return state.groups.some((group) => group.task.unknowable.size > 0) ? 'doubt' : 'stopped';
};

const resultOf = (state: RunState): 'succeeded' | 'incomplete' | 'rolled-back' => {
  const clean = (group: Group) => group.losses.size === 0 && group.kept.size === 0;
  if (state.groups.every((group) => group.standing !== 'undone' && clean(group))) {
    return 'succeeded';
  }
  const back = (group: Group) => group.standing === 'undone' && group.kept.size === 0;
  return state.groups.every((group) => back(group) || group.frozen.items.length === 0)
    ? 'rolled-back'
    : 'incomplete';
};
