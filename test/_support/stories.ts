/**
 * A run of any shape through anything that may come: any faults, crashes, cancels and decisions of
 * a person, each at any turn, watched by the checker of the small models.
 */
import fc from 'fast-check';
import { fractionOf } from '../../daemon/core/engine/retry.ts';
import type { RunState } from '../../daemon/core/engine/state.ts';
import { decisionsFor } from '../../daemon/core/engine/view.ts';
import { type Decision, decisions, type Entry } from '../../daemon/core/entries.ts';
import type { FrozenRun, FrozenStep, FrozenWorkgroup, Gate } from '../../daemon/core/frozen.ts';
import { type PolicyAction, reaches, rerun, stop } from '../../daemon/core/policy.ts';
import { fault } from '../../sdk/plugin/fault.ts';
import { pictureOf } from '../models/check.ts';
import { Checker } from '../models/checker.ts';
import { Drive, frozenRun, type ItemAnswer, type Pace, paces, step, workgroup } from './engine.ts';
import { frozenOf, planCases } from './plan-cases.ts';

export interface Story {
  readonly frozen: FrozenRun;
  readonly pace: Pace;
  /** Every answer is drawn from this and the coordinates of its call. */
  readonly chance: number;
  /** Of a hundred answers, how many are not simply "done". */
  readonly troubles: number;
  /** Turns after which the daemon dies; in which a person cancels. */
  readonly crashes: readonly number[];
  readonly cancels: readonly number[];
  /** What the person decides each time it is parked; afterwards it is abandoned. */
  readonly decisions: readonly Decision[];
}

/** Far more than any of them needs: past it, the run does not end. */
const turnsMax = 20_000;

const answers: readonly ItemAnswer[] = [
  fault('refused', 'no'),
  fault('busy', 'later'),
  fault('timeout', 'no answer'),
  fault('missing', 'nothing there'),
  { operation: 'op' },
];

const worldOf = ({ chance, troubles }: Story) => {
  const drawn = (...where: readonly unknown[]) => fractionOf([chance, ...where].join('/'));
  return {
    answer: (call: { step: string; item: string; attempt: number; direction: string }) => {
      const { direction } = call;
      const value = drawn(direction, call.step, call.item, call.attempt);
      if (value >= troubles / 100) return 'ok' as const;
      const known = direction === 'undo' ? answers.slice(0, 2) : answers;
      return known[Math.floor((value * 100 * known.length) / troubles)] as ItemAnswer;
    },
    settle: (call: { step: string; item: string }) => {
      const value = drawn('settle', call.step, call.item);
      if (value < 0.1) return { unknowable: 'no record' };
      return value < 0.5 ? ('absent' as const) : ('done' as const);
    },
  };
};

/** What came of a story; `breaches` is empty when all was lawful. */
export interface Told {
  readonly breaches: readonly string[];
  readonly state: RunState;
  readonly trace: readonly string[];
  readonly entries: readonly Entry[];
}

/** Until it has ended. Throws what the engine throws. */
export const tell = (story: Story): Told => {
  const breaches: string[] = [];
  let checker = new Checker(story.frozen);
  const drive = new Drive(
    story.frozen,
    {
      ...worldOf(story),
      see: (entry, state) => checker.see(entry, state),
      called: (intent, state) => checker.called(intent, state),
    },
    story.pace,
  );
  const crash = () => {
    const picture = pictureOf(drive.state);
    breaches.push(...checker.breaches);
    checker = new Checker(story.frozen);
    checker.replaying = true;
    drive.found(drive.entries);
    checker.replaying = false;
    if (pictureOf(drive.state) !== picture) breaches.push('folded anew it is another state');
    drive.interrupt();
  };
  const decided = [...story.decisions];
  for (let turn = 0; turn < turnsMax && drive.state.result === undefined; turn++) {
    const { state } = drive;
    if (story.cancels.includes(turn) && state.parked === undefined) {
      const entry = { type: 'run-cancel-requested', requester: 'me', reason: 'no' } as const;
      drive.apply({ ...entry, at: drive.now });
    }
    const goesOn = drive.turn();
    if (!goesOn && state.result === undefined) {
      breaches.push(...checker.rest(state, drive.entries, drive.now).splice(0));
      if (state.parked === undefined) break;
      takeDecision(drive, decided.shift());
    }
    if (story.crashes.includes(turn) && drive.state.result === undefined) crash();
  }
  breaches.push(...checker.rest(drive.state, drive.entries, drive.now));
  return { breaches, state: drive.state, trace: drive.trace, entries: drive.entries };
};

const takeDecision = (drive: Drive, wanted: Decision | undefined): void => {
  const allowed = decisionsFor(drive.state);
  const decision = wanted !== undefined && allowed.includes(wanted) ? wanted : 'abandon';
  drive.resume(decision);
  if (decision !== 'abandon') return;
  drive.apply({ type: 'run-ended', at: drive.now, result: 'abandoned' });
};

const again = rerun({ attemptsMax: 3, delayMsMin: 10, delayMsMax: 100 });
const actions: readonly PolicyAction[] = [
  { action: 'continue' },
  again,
  ...reaches.map((reach) => stop(reach)),
  ...reaches.map((reach) => ({ action: 'rollback' as const, reach })),
];

/** On groups of devices the reach `item` would be refused. */
const withPolicies = (frozen: FrozenRun, chosen: readonly number[]): FrozenRun => ({
  ...frozen,
  steps: frozen.steps.map((made, at) => {
    const action = actions[chosen[at % chosen.length] ?? 0] as PolicyAction;
    const onItems = 'reach' in action && action.reach === 'item';
    const wide = { ...action, reach: 'workgroup' } as PolicyAction;
    const otherwise = onItems && made.unit === 'storage' ? wide : action;
    return { ...made, policy: { rules: [], otherwise } };
  }),
});

const turns = fc.array(fc.nat({ max: 120 }), { maxLength: 4 });

const storiesOf = (runs: fc.Arbitrary<FrozenRun>): fc.Arbitrary<Story> =>
  fc
    .record({
      frozen: runs,
      policies: fc.array(fc.nat({ max: actions.length - 1 }), { minLength: 1, maxLength: 6 }),
      pace: fc.constantFrom<Pace>(...paces),
      chance: fc.nat(),
      troubles: fc.constantFrom(0, 2, 10, 30),
      crashes: turns,
      cancels: turns,
      decisions: fc.array(fc.constantFrom(...decisions), { maxLength: 5 }),
    })
    .map(({ policies, ...story }) => ({
      ...story,
      frozen: withPolicies(story.frozen, policies),
    }));

/** Runs of plans that the planner froze. */
export const plannedStories = storiesOf(planCases.map(frozenOf));

/** One gate between any workgroups that can have it, always forward in step and position. */
const gateOf = (
  groups: readonly FrozenWorkgroup[],
  steps: readonly FrozenStep[],
  [kind, from, to, first, second]: readonly [Gate['kind'], number, number, number, number],
): Gate[] => {
  const waits = Math.min(from, to) % groups.length;
  const holds = Math.max(from, to) % groups.length;
  const at = Math.min(first, second) % steps.length;
  const then = Math.max(first, second) % steps.length;
  const isAt = (group: number, step: number) => groups[group]?.unit === steps[step]?.unit;
  if (waits >= holds || at > then || !isAt(waits, at) || !isAt(holds, then)) return [];
  return [
    {
      kind,
      waits: { step: at, workgroups: [waits] },
      holds: { step: then, workgroups: [holds] },
    },
  ];
};

const lenient = fc.constantFrom<Gate['kind']>('priority', 'batch');
const small = fc.nat({ max: 9 });

/** Runs of any acyclic shape, also such as no planner makes. */
export const acyclicStories = storiesOf(
  fc
    .record({
      units: fc.array(fc.constantFrom('storage' as const, 'vm' as const), {
        minLength: 1,
        maxLength: 6,
      }),
      groups: fc.array(
        fc.record({
          unit: fc.constantFrom('s', 'v'),
          items: fc.integer({ min: 1, max: 3 }),
          pg: fc.nat({ max: 1 }),
          priority: fc.integer({ min: 1, max: 3 }),
        }),
        { minLength: 1, maxLength: 7 },
      ),
      gates: fc.array(fc.tuple(lenient, small, small, small, small), { maxLength: 6 }),
      before: fc.boolean(),
      alone: fc.boolean(),
      noReturn: fc.boolean(),
    })
    .map(({ units, groups, gates, before, alone, noReturn }) => {
      const steps = units.map((unit, at) =>
        step(`${at}`, {
          unit,
          before,
          undo: noReturn && at === units.length - 1 ? 'no-return' : 'undo',
          whenLeft: alone && unit === 'vm' ? 'alone' : 'ground',
          ...(unit === 'storage' ? { remote: 'array' } : {}),
        }),
      );
      const made = groups.map(({ unit, items, pg, priority }, at) => {
        const names = Array.from({ length: items }, (_, item) => `${unit}${at}.${item}`);
        const alone = names.map((id) => ({ id, on: [], datastoreIds: [] }));
        const group = workgroup(`${unit}${at}`, names, {
          storage: at,
          protectionGroupId: `p${pg}`,
          priority,
        });
        return unit === 's' ? group : { ...group, items: alone };
      });
      return frozenRun(
        steps,
        made,
        gates.flatMap((gate) => gateOf(made, steps, gate)),
      );
    }),
);
