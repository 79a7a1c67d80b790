/**
 * Everything that can go wrong once in a run of a shape: which fault, in which step of which
 * workgroup, under which policy, and how fast the workgroups answer.
 */
import {
  goOn,
  type PolicyAction,
  reaches,
  rerun,
  rollback,
  stop,
} from '../../daemon/core/policy.ts';
import { fault } from '../../sdk/plugin/fault.ts';
import type { ItemAnswer, Pace, Settled, World } from '../_support/engine.ts';
import { type Make, runOf, type Shape, undoOf } from './shapes.ts';

const refusal = fault('refused', 'no');
const silence = fault('timeout', 'no answer');

const again = rerun({ attemptsMax: 3, delayMsMin: 10, delayMsMax: 100 });

export const actions: Readonly<Record<string, PolicyAction>> = {
  CONTINUE: goOn,
  RERUN: again,
  ...Object.fromEntries(reaches.map((reach) => [`STOP(${reach})`, stop(reach)])),
  ...Object.fromEntries(reaches.map((reach) => [`ROLLBACK(${reach})`, rollback(reach)])),
};

/** What happens to the calls of the one place that fails. */
interface Trouble {
  /** Only the workgroup's first item meets it; otherwise all do. */
  readonly one: boolean;
  readonly answer: ItemAnswer;
  /** Answers like that; later attempts go well. */
  readonly attemptsMax: number;
  readonly settle: Settled;
}

const always = Number.POSITIVE_INFINITY;
const refused: Trouble = { one: true, answer: refusal, attemptsMax: always, settle: 'absent' };
const silent: Trouble = { ...refused, answer: silence };
const operation: ItemAnswer = { operation: 'op' };

/** Each with the policies that make a difference to it. */
export const troubles: Readonly<Record<string, Trouble & { readonly under: readonly string[] }>> = {
  'one refused': { ...refused, under: Object.keys(actions) },
  'all refused': { ...refused, one: false, under: Object.keys(actions) },
  'refused once': { ...refused, attemptsMax: 1, under: ['RERUN'] },
  'silent, done': { ...silent, settle: 'done', under: ['STOP(workgroup)'] },
  'silent, absent': {
    ...silent,
    under: ['CONTINUE', 'RERUN', 'STOP(item)', 'STOP(workgroup)', 'ROLLBACK(workgroup)'],
  },
  'silent, unknowable': {
    ...silent,
    settle: { unknowable: 'no record' },
    under: ['CONTINUE'],
  },
  'an operation': { ...refused, answer: operation, under: ['STOP(workgroup)'] },
};

export interface Case {
  readonly shape: Shape;
  readonly make: Make;
  readonly pace: Pace;
  readonly action: string;
  /** Absent: nothing fails. */
  readonly trouble?: string;
  /** The workgroup and step where it strikes. */
  readonly at?: readonly [group: number, step: number];
  /** Where the undo of the first item is refused; and, of the second items, the very last undos. */
  readonly undoAt?: readonly [group: number, step: number];
}

const placed = ([group, step]: readonly [number, number]): string =>
  `step ${step} of workgroup ${group}`;

export const titleOf = ({ shape, make, pace, action, trouble, at, undoAt }: Case): string =>
  `${shape.title}; ${make}; ${pace}; ${action}; ` +
  (at === undefined ? 'no fault' : `${trouble} in ${placed(at)}`) +
  (undoAt === undefined ? '' : `, and the undo of ${placed(undoAt)}`);

/** Reaches that cover no more than a smaller one would are left out: the cases are the same. */
const isDistinct = ({ workgroups }: Shape, action: string, trouble: string): boolean => {
  const groups = new Set(workgroups.map(({ protectionGroupId }) => protectionGroupId));
  if (action.endsWith('(item)')) return trouble !== 'all refused';
  if (action.endsWith('(protection-group)')) return groups.size < workgroups.length;
  return !action.endsWith('(run)') || groups.size > 1;
};

/** Every case of a shape. */
export const casesOf = function* (shape: Shape, make: Make, pace: Pace): Generator<Case> {
  yield { shape, make, pace, action: 'STOP(workgroup)' };
  for (const [group, { unit }] of shape.workgroups.entries()) {
    for (const [step, stepUnit] of shape.units.entries()) {
      if (stepUnit !== unit) continue;
      for (const [trouble, { under }] of Object.entries(troubles)) {
        for (const action of under) {
          // A consistency group is one item: reach `item` is refused for steps over storage.
          if (unit === 'storage' && action.endsWith('(item)')) continue;
          if (!isDistinct(shape, action, trouble)) continue;
          yield { shape, make, pace, action, trouble, at: [group, step] };
        }
      }
    }
  }
};

/** Every run of a shape that is rolled back whole, and in which undos fail as well. */
export const stuckCasesOf = function* (shape: Shape, make: Make, pace: Pace): Generator<Case> {
  const undone = undoneIn(shape, make);
  for (const at of placesIn(shape)) {
    for (const undoAt of placesIn(shape)) {
      if (undoAt[1] > at[1] || !undone.includes(undoAt[1])) continue;
      yield { shape, make, pace, action: 'ROLLBACK(run)', trouble: 'all refused', at, undoAt };
    }
  }
};

const placesIn = ({ workgroups, units }: Shape): (readonly [group: number, step: number])[] =>
  workgroups.flatMap(({ unit }, group) =>
    units.flatMap((stepUnit, step) => (stepUnit === unit ? [[group, step] as const] : [])),
  );

/** The steps that have an undo. */
const undoneIn = ({ units }: Shape, make: Make): number[] =>
  [...units.keys()].filter((step) => undoOf(step, units.length - 1, make) === 'undo');

/** The policy of every step; on storage the reach `item` would be refused. */
export const frozenOf = ({ shape, make, action }: Case) =>
  runOf(shape, make, (unit) => {
    const { action: kind } = actions[action] as PolicyAction;
    const wide = unit === 'storage' && action.endsWith('(item)');
    const otherwise = wide
      ? kind === 'stop'
        ? stop('workgroup')
        : rollback('workgroup')
      : actions[action];
    return { rules: [], otherwise: otherwise as PolicyAction };
  });

/**
 * The world of a case. `landed`: what was in flight when the daemon died took effect.
 * `mended()`: from when on nothing fails any more.
 */
export const worldOf = (
  { shape, make, trouble: name, at, undoAt }: Case,
  more: { readonly landed: boolean; mended(): boolean },
): World => {
  const trouble = name === undefined ? undefined : troubles[name];
  const group = at === undefined ? undefined : shape.workgroups[at[0]];
  const strikes = (call: { step: string; item: string }): boolean =>
    trouble !== undefined &&
    !more.mended() &&
    call.step === `${at?.[1]}` &&
    (group?.items ?? []).some(({ id }, i) => id === call.item && (i === 0 || !trouble.one));
  const [first] = undoneIn(shape, make);
  const stuck = undoAt === undefined ? undefined : shape.workgroups[undoAt[0]];
  const refusesUndo = (call: { step: string; item: string }): boolean =>
    stuck !== undefined &&
    !more.mended() &&
    ((call.step === `${undoAt?.[1]}` && stuck.items[0]?.id === call.item) ||
      (call.step === `${first}` && call.item.endsWith('b')));
  return {
    answer: (call) => {
      if (call.direction === 'undo') return refusesUndo(call) ? refusal : 'ok';
      if (trouble === undefined || !strikes(call)) return 'ok';
      return call.attempt <= trouble.attemptsMax ? trouble.answer : 'ok';
    },
    settle: (call) => {
      if (trouble !== undefined && strikes(call) && trouble.answer !== operation) {
        return trouble.settle;
      }
      return more.landed ? 'done' : 'absent';
    },
  };
};
