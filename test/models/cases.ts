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
import { type Make, runOf, type Shape } from './shapes.ts';

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
}

export const titleOf = ({ shape, make, pace, action, trouble, at }: Case): string =>
  `${shape.title}; ${make}; ${pace}; ${action}; ` +
  (at === undefined ? 'no fault' : `${trouble} in step ${at[1]} of workgroup ${at[0]}`);

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
  { shape, trouble: name, at }: Case,
  more: { readonly landed: boolean; mended(): boolean },
): World => {
  const trouble = name === undefined ? undefined : troubles[name];
  const group = at === undefined ? undefined : shape.workgroups[at[0]];
  const strikes = (call: { step: string; item: string }): boolean =>
    trouble !== undefined &&
    !more.mended() &&
    call.step === `${at?.[1]}` &&
    (group?.items ?? []).some(({ id }, i) => id === call.item && (i === 0 || !trouble.one));
  return {
    answer: (call) =>
      call.direction === 'run' && trouble !== undefined && strikes(call)
        ? call.attempt <= trouble.attemptsMax
          ? trouble.answer
          : 'ok'
        : 'ok',
    settle: (call) => {
      if (trouble !== undefined && strikes(call) && trouble.answer !== operation) {
        return trouble.settle;
      }
      return more.landed ? 'done' : 'absent';
    },
  };
};
