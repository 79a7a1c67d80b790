/**
 * The transition table: what an entry may do to a workgroup that stands somewhere. Any pair that is
 * not in it is a bug (or a damaged journal), and says so.
 */
import type { EntryType } from '../entries.ts';
import type { Group, RunState, Standing } from './state.ts';

/** Where answers lead: on, or to whatever is still owed. */
const answered: readonly Standing[] = [
  'waiting',
  'finished',
  'dropped',
  'accepted',
  'doubt',
  'judging',
  'backoff',
  'stopped',
  'undo-waiting',
];
const undoAnswered: readonly Standing[] = ['undo-waiting', 'undone', 'undo-backoff', 'stuck'];

type Row = Readonly<Partial<Record<EntryType, readonly Standing[]>>>;

export const transitions: Readonly<Record<Standing, Row>> = {
  waiting: {
    'task-started': ['started'],
    'policy-applied': ['stopped'],
    'claim-waits': ['waiting'],
    'done-elsewhere': ['waiting', 'finished', 'dropped'],
  },
  started: {
    'task-prepared': ['prepared'],
    'task-accepted': ['started', 'accepted'],
    'task-outcome': answered,
    'task-interrupted': ['doubt', 'waiting', 'stopped', 'undo-waiting'],
    'task-withdrawn': ['waiting', 'backoff', 'stopped', 'undo-waiting'],
  },
  prepared: {
    'task-accepted': ['prepared', 'accepted'],
    'task-outcome': answered,
    'task-interrupted': ['doubt', 'stopped', 'undo-waiting'],
  },
  accepted: {
    'task-outcome': answered,
    'task-settled': answered,
  },
  doubt: {
    'task-settled': answered,
  },
  judging: {
    'policy-applied': answered,
  },
  backoff: {
    'task-started': ['started'],
    'policy-applied': ['stopped'],
    'claim-waits': ['backoff'],
    'done-elsewhere': ['backoff', 'finished', 'dropped'],
  },
  stopped: {},
  finished: {},
  dropped: {},
  'undo-waiting': {
    'task-started': ['undo-started'],
    'undo-refused': ['stuck'],
  },
  'undo-started': {
    'task-outcome': undoAnswered,
    'task-interrupted': undoAnswered,
    'task-withdrawn': ['undo-waiting'],
  },
  'undo-backoff': {
    'task-started': ['undo-started'],
    'undo-refused': ['stuck'],
  },
  undone: {},
  stuck: {},
};

export class TransitionError extends Error {}

/** Throws unless the entry may come to a workgroup that stands there. */
export const expectLegal = (group: Group, entry: EntryType): readonly Standing[] => {
  const next = transitions[group.standing][entry];
  if (next !== undefined) return next;
  throw new TransitionError(
    `entry ${entry} cannot come to workgroup ${group.id}, which is ${group.standing}`,
  );
};

/** A rollback takes its next turn when each of its workgroups is at one of these. */
const restful: ReadonlySet<Standing> = new Set(['undo-waiting', 'finished', 'dropped', 'undone']);

/** 1 for a workgroup that its rollback has to wait for. */
export const restlessAt = (standing: Standing): number => (restful.has(standing) ? 0 : 1);

/** Moves a workgroup to a new standing; the one place that does. */
export const stand = (state: RunState, group: Group, standing: Standing): void => {
  if (state.rollback.has(group.index)) {
    state.restless += restlessAt(standing) - restlessAt(group.standing);
  }
  state.tally[group.standing]--;
  state.tally[standing]++;
  group.standing = standing;
  state.agenda.add(group.index);
};
