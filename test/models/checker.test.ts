/** The checker can fail: each thing that a run must not do, done by hand, is named. */
import test from 'ava';
import type { Entry } from '../../daemon/core/entries.ts';
import { type PolicyAction, rollback, stop } from '../../daemon/core/policy.ts';
import { fault } from '../../sdk/plugin/fault.ts';
import { Drive } from '../_support/engine.ts';
import { Checker } from './checker.ts';
import { runOf, type Shape, shapes } from './shapes.ts';

const shapeOf = (title: string): Shape => {
  const found = [...shapes(3, 3)].find((shape) => shape.title === title);
  if (found === undefined) throw new Error(`no shape is called ${title}`);
  return found;
};

const at = { at: 1_000, direction: 'run', attempt: 1 } as const;
const started = (group: number, step: number, more: object = {}) =>
  ({ type: 'task-started', ...at, group, step, ...more }) as Entry;
const done = (group: number, step: number, items = '0-1', more: object = {}) =>
  ({ type: 'task-outcome', ...at, group, step, done: items, faults: [], ...more }) as Entry;
const refused = (group: number, step: number, items: string) =>
  done(group, step, '', { faults: [{ items, fault: fault('refused', 'no') }] });
const judged = (group: number, step: number, action: PolicyAction) =>
  ({
    type: 'policy-applied',
    ...at,
    group,
    step,
    items: '0-1',
    fault: fault('refused', 'no'),
    action,
  }) as Entry;

/** What the checker says of entries, whoever made them. */
const breachesOf = (title: string, entries: readonly Entry[]): readonly string[] => {
  const frozen = runOf(shapeOf(title), 'no-return', () => ({ rules: [], otherwise: stop() }));
  const checker = new Checker(frozen);
  const drive = new Drive(frozen, {
    see: (entry, state) => checker.see(entry, state),
    called: (intent, state) => checker.called(intent, state),
  });
  drive.found([...drive.entries, ...entries]);
  return checker.breaches;
};

const cases: readonly (readonly [string, string, readonly Entry[], RegExp])[] = [
  ['a VM before what it stands on', 's(v) sv, no gates', [started(1, 1)], /stands-on: s0a is none/],
  [
    'a step ahead of its priority',
    'v+v v, priority chain at 0',
    [started(1, 0)],
    /ahead of its priority gate/,
  ],
  [
    'a step before its dependency',
    'v+v v, dependency chain at 0',
    [started(1, 0)],
    /dependency: v0a is none/,
  ],
  [
    'a step ahead of its batch',
    's+s ss, batch',
    [started(0, 0), done(0, 0), started(0, 1)],
    /batch/,
  ],
  [
    'a step past a STOP of the run',
    's|s s, no gates',
    [started(0, 0), refused(0, 0, '0-1'), judged(0, 0, stop('run')), started(1, 0)],
    /called past a STOP/,
  ],
  [
    'an undo past the point of no return',
    's ss, no gates',
    [
      started(0, 0),
      done(0, 0),
      started(0, 1),
      refused(0, 1, '0-1'),
      judged(0, 1, rollback('workgroup')),
      started(0, 1, { direction: 'undo' }),
    ],
    /past the point of no return/,
  ],
  [
    'an undo before its turn',
    's+s sss, no gates',
    [
      ...[0, 1].flatMap((step) => [started(0, step), done(0, step)]),
      started(1, 0),
      refused(1, 0, '0-1'),
      judged(1, 0, rollback('protection-group')),
      started(1, 0, { direction: 'undo' }),
    ],
    /undo of step 0 on s1 is of other items/,
  ],
  [
    'parked with a call in flight',
    's s, no gates',
    [started(0, 0), { type: 'run-parked', at: 1_000, reason: 'stopped' }],
    /parked with a call in flight/,
  ],
  [
    'ended well with nothing done',
    's s, no gates',
    [{ type: 'run-ended', at: 1_000, result: 'succeeded' }],
    /ended as succeeded/,
  ],
  [
    'ended with a call in flight',
    's s, no gates',
    [started(0, 0), { type: 'run-ended', at: 1_000, result: 'incomplete' }],
    /ended with a call in flight/,
  ],
];

for (const [title, shape, entries, named] of cases) {
  test(`checker: ${title} → is named`, (t) => {
    const breaches = breachesOf(shape, entries);
    t.true(
      breaches.some((breach) => named.test(breach)),
      breaches.join('\n'),
    );
  });
}

test('checker: neither parked nor ended, and a report that is not so → are named', (t) => {
  const frozen = runOf(shapeOf('s s, no gates'), 'mixed', () => ({ rules: [], otherwise: stop() }));
  const checker = new Checker(frozen);
  const { state, entries, now } = new Drive(frozen).run();
  t.regex(checker.rest(state, entries, now).join('\n'), /report of s0a: done, though it is not so/);
  const idle = new Drive(frozen);
  const said = new Checker(frozen).rest(idle.state, idle.entries, now);
  t.true(said.includes('neither parked nor ended'));
});
