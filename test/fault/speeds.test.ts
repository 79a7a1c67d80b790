/**
 * One seed at many speeds, in simulated time: the same injections at the same coordinates, and the
 * same end, at the arrays as in the report.
 */
import test from 'ava';
import type { Entry } from '../../daemon/core/entries.ts';
import type { Fault } from '../../sdk/plugin/fault.ts';
import type { TargetVerb } from '../../sdk/plugin/verbs.ts';
import type { CallRule, Effect } from '../../sdk/scenario/rule.ts';
import { planFor, rig, untilRest } from '../_support/engine-on-lab.ts';
import { JumpingTime } from '../_support/jumping-time.ts';

const fault = (kind: Fault['kind']): Fault => ({
  kind,
  owner: 'array',
  message: 'on purpose',
  code: 'SPEED',
});

const often = (name: string, probability: number, verb: TargetVerb, effect: Effect): CallRule => ({
  ...{ name, probability, verb, effect },
  // From the second attempt on nothing stands in the way.
  attempt: 1,
});

/** Of every kind that ends a call in another way, none of which is up to the moment. */
const rules: readonly CallRule[] = [
  often('busy', 0.4, 'sync', { effect: 'error', fault: fault('busy') }),
  often('late', 0.4, 'unmount', { effect: 'delay', delayMs: 900, jitterMs: 800 }),
  often('done, unheard', 0.3, 'prepareFailover', { effect: 'lost-reply' }),
  often('twice', 0.5, 'failover', { effect: 'duplicate' }),
  often('timed out', 0.3, 'mount', { effect: 'error', fault: fault('timeout') }),
  often('half', 0.5, 'register', { effect: 'partial', done: 1, fault: fault('busy') }),
  often('no power', 0.3, 'powerOn', { effect: 'refuse' }),
];

/** What was drawn, in order of coordinates; and how it ended. */
const played = async (speed: number, seed: number) => {
  const time = new JumpingTime();
  const latencies = speed === 0 ? [] : [{ ms: speed, jitterMs: speed, seed: speed }];
  const made = await rig({
    groups: 6,
    vms: 4,
    time,
    id: (
      (ids) => () =>
        `id-${++ids}`
    )(0),
    world: { seed: speed + 1, latencies },
  });
  const { engine } = made;
  try {
    await time.through(engine.createPlan(planFor(6, 4)));
    await time.through(engine.injections.add('tester', rules));
    await time.through(engine.injections.enable('tester', 'a test', seed, 0));
    const asked = { planId: 'payroll', mode: 'planned', policies: {} } as const;
    const starting = engine.startRun({ ...asked, requester: 'x', requestKey: '' });
    const { runId } = await time.through(starting);
    await time.through(untilRest(engine, runId));
    const read = await time.through(made.journal.read(runId, 1, 100_000));
    const drawn = read
      .map(({ body }) => JSON.parse(body) as Entry)
      .flatMap((entry) => (entry.type === 'task-started' && entry.injections ? [entry] : []))
      .map(({ group, step, direction, attempt, injections }) =>
        JSON.stringify([group, step, direction, attempt, injections]),
      );
    const { items } = await time.through(engine.reportRun(runId));
    const ended = items.map(({ itemId, outcome }) => `${itemId} ${outcome}`);
    const effects = await time.through(made.lab.effects());
    const done = effects.map(({ remoteId, verb, id, times }) =>
      [remoteId, verb, id, times].join(' '),
    );
    const faults = await time.through(made.lab.verify());
    return { drawn: drawn.sort(), ended: ended.sort(), done: done.sort(), faults };
  } finally {
    engine.close();
  }
};

for (const seed of [7, 11, 23]) {
  test(`one seed (${seed}) at five speeds → the same injections and the same end`, async (t) => {
    const first = await played(0, seed);
    t.deepEqual(first.faults, []);
    t.true(first.drawn.length > 10, `${first.drawn.length}`);
    t.true(new Set(first.ended.map((one) => one.split(' ')[1])).size > 1, 'it is no idle run');
    for (const speed of [1, 17, 400, 5_000]) t.deepEqual(await played(speed, seed), first);
  });
}

for (const kind of ['unreachable', 'timeout', 'busy'] as const) {
  test(`an operation that has failed (${kind}) by its own word → tried again at once`, async (t) => {
    const time = new JumpingTime();
    const made = await rig({ groups: 1, vms: 1, time });
    const { engine } = made;
    const later = { effect: 'fail-later', fault: fault(kind) } as const;
    const rule: CallRule = { name: 'later', step: 'sync', attempt: 1, effect: later };
    await time.through(engine.createPlan(planFor(1, 1)));
    await time.through(engine.injections.add('tester', [rule]));
    await time.through(engine.injections.enable('tester', 'a test', 1, 0));
    const asked = { planId: 'payroll', mode: 'planned', policies: {} } as const;
    const starting = engine.startRun({ ...asked, requester: 'x', requestKey: '' });
    const { runId } = await time.through(starting);
    await time.through(untilRest(engine, runId));
    const { durationMs } = await time.through(engine.reportRun(runId));
    t.is((await time.through(engine.getRun(runId, 'basic'))).result, 'succeeded');
    // Not after the quarter of an hour that an operation may stand still.
    t.true(durationMs < 60_000, `${durationMs} ms`);
    engine.close();
  });
}

test('another seed → other injections, and another end', async (t) => {
  const [one, other] = [await played(0, 7), await played(0, 8)];
  t.notDeepEqual(one.drawn, other.drawn);
  t.notDeepEqual(one.ended, other.ended);
});
