import test from 'ava';
import { foldAll } from '../../daemon/core/engine/fold.ts';
import type { Entry, TaskStarted } from '../../daemon/core/entries.ts';
import { foldInjections, type InjectionBook } from '../../daemon/core/injection-book.ts';
import type { Mode } from '../../daemon/core/plan.ts';
import { replayOf } from '../../daemon/core/replay.ts';
import type { Fault } from '../../sdk/plugin/fault.ts';
import { type CallRule, isToxicRule, type Rule } from '../../sdk/scenario/rule.ts';
import { type Rig, untilRest } from '../_support/engine-on-lab.ts';
import { entriesOf, on, ready, run, start } from '../_support/injected-runs.ts';

/** Every attempt that carries injections, by its coordinates. */
const drawnIn = async (made: Rig, runId: string): Promise<string[]> => {
  const entries = await entriesOf(made, runId);
  const started = entries.filter((entry): entry is TaskStarted => entry.type === 'task-started');
  return started
    .filter(({ injections }) => injections !== undefined)
    .map(({ group, step, direction, attempt, injections }) =>
      JSON.stringify([group, step, direction, attempt, injections]),
    )
    .sort();
};

const busy = { kind: 'busy', owner: 'array', message: 'injected', code: 'E1' } as const;
const often: CallRule = {
  name: 'often',
  verb: 'powerOn',
  probability: 0.5,
  effect: { effect: 'error', fault: busy },
};

test('off: nothing is drawn; on: what is drawn is journaled, counted and told', async (t) => {
  const made = await ready();
  await made.engine.injections.add('tester', [{ ...often, probability: 1, nth: 1 }]);
  t.deepEqual(await drawnIn(made, await run(made, 'test')), []);
  await run(made, 'cleanup');
  await made.engine.injections.enable('tester', 'a test', 0, 0);
  const never: CallRule = { ...often, name: 'never', verb: 'fence', step: 'fence-lost-side' };
  await made.engine.injections.add('tester', [never]);
  const runId = await run(made);
  t.is((await drawnIn(made, runId)).length, 1);
  t.deepEqual((await made.engine.reportRun(runId)).injected, { often: 1 });
  const { rules, carrying, requester } = made.engine.injections.status();
  t.like(rules[0], { name: 'often', drawn: 1 });
  t.like(rules[1], { name: 'never', matched: 0, note: 'it has matched nothing so far' });
  t.is(carrying, 0);
  t.is(requester, 'tester');
});

test('the same seed → the same set of (coordinates, injection) at any speed', async (t) => {
  const drawn = async (latencyMs: number, seed: number) => {
    let ids = 0;
    const made = await ready({
      groups: 4,
      id: () => `run-${++ids}`,
      world: { seed: latencyMs + 1, latencies: [{ ms: latencyMs }] },
    });
    const delay: CallRule = {
      name: 'delayed',
      // What is tried again by itself is up to the moment.
      attempt: 1,
      probability: 0.4,
      effect: { effect: 'delay', delayMs: 3, jitterMs: 2, distribution: 'normal' },
    };
    await on(made, [delay], seed);
    const runId = await run(made);
    t.is((await made.engine.getRun(runId, 'full')).result, 'succeeded');
    return drawnIn(made, runId);
  };
  const first = await drawn(0, 7);
  t.true(first.length > 5, `${first.length}`);
  t.deepEqual(await drawn(4, 7), first);
  t.notDeepEqual(await drawn(0, 8), first);
});

test('switching off waits for the call that carries a draw, and nothing is drawn meanwhile', async (t) => {
  const made = await ready();
  const slow: CallRule = {
    name: 'slow',
    step: 'power-on',
    effect: { effect: 'delay', delayMs: 300 },
  };
  await on(made, [slow]);
  const runId = await start(made);
  while (made.engine.injections.status().carrying === 0) await new Promise(setImmediate);
  const status = await made.engine.injections.disable('tester', 'enough');
  t.false(status.on);
  t.is(status.carrying, 0);
  const before = (await drawnIn(made, runId)).length;
  await untilRest(made.engine, runId);
  t.is((await drawnIn(made, runId)).length, before);
});

test('toggled 100 times under load: no call lost or doubled, none modified once it is off', async (t) => {
  const made = await ready({ groups: 6, vms: 20, world: { latencies: [{ ms: 1 }] } });
  const { injections } = made.engine;
  const rule: CallRule = { name: 'r', probability: 0.7, effect: { effect: 'delay', delayMs: 2 } };
  await injections.add('tester', [rule]);
  const modes: Mode[] = ['planned', 'reprotect', 'planned', 'reprotect'];
  let over = false;
  const load = (async () => {
    while (!over) for (const mode of modes) await run(made, mode);
  })();
  const turn = () => new Promise(setImmediate);
  const drawnYet = () => injections.status().rules[0]?.drawn ?? 0;
  let drawn = 0;
  for (let toggles = 0; toggles < 100; toggles++) {
    await injections.enable('tester', 'on', 0, 0);
    for (let turns = 0; turns < toggles % 10; turns++) await turn();
    // Now and then until the load has met it, however slow this machine is.
    while (toggles % 10 === 9 && drawnYet() === drawn) await turn();
    await injections.disable('tester', 'off');
    drawn = drawnYet();
    t.is(injections.status().carrying, 0);
    for (let turns = 0; turns < 5; turns++) await turn();
    t.is(drawnYet(), drawn);
  }
  over = true;
  await load;
  t.true(drawn >= 10, `${drawn}`);
  t.deepEqual(await made.lab.verify(), []);
  t.true(made.engine.listRuns({ openOnly: false }).every(({ result }) => result === 'succeeded'));
  // Each went through as many runs as its neighbours: had one call been lost or doubled, not so.
  const timesOf = new Map<string, Set<number>>();
  for (const { remoteId, verb, times } of await made.lab.effects()) {
    const key = `${remoteId} ${verb}`;
    timesOf.set(key, (timesOf.get(key) ?? new Set()).add(times));
  }
  t.true(timesOf.size > 8);
  t.true([...timesOf.values()].every((times) => times.size === 1));
});

test('after a restart it is off, and the journal says why', async (t) => {
  const made = await ready();
  await on(made, [often]);
  await made.restart();
  t.false(made.engine.injections.on);
  const system = await made.journal.read('system', 1, 1_000);
  const last = system.map(({ body }) => JSON.parse(body)).filter(({ type }) => /inj/.test(type));
  t.like(last.at(-1), { type: 'injections-set', on: false, requester: 'siteswap' });
});

test('of two daemons each has its own: what one says of itself ends nothing of the other', (t) => {
  const book: InjectionBook = { sets: new Map(), intervals: [] };
  const rule: Rule = {
    name: 'cut',
    stream: 'downstream',
    toxicity: 1,
    toxic: { toxic: 'down' },
  };
  const said = {
    type: 'injections-set',
    seed: 1,
    requester: 'x',
    reason: '',
    rules: [rule],
  } as const;
  foldInjections(book, { ...said, member: 'one', at: 10, on: true });
  foldInjections(book, { ...said, member: 'two', at: 20, on: true });
  foldInjections(book, { ...said, member: 'two', at: 30, on: false });
  const [one, two] = book.intervals;
  t.like(one, { member: 'one', fromMs: 10 });
  t.is(one?.toMs, undefined);
  t.like(two, { member: 'two', fromMs: 20, toMs: 30 });
  t.deepEqual(
    [...book.sets].map(([member, { on }]) => [member, on]),
    [
      ['one', true],
      ['two', false],
    ],
  );
  const again: InjectionBook = { sets: new Map(), intervals: [] };
  const { intervals } = book;
  foldInjections(again, {
    type: 'injections-kept',
    at: 40,
    sets: [...book.sets.values()],
    intervals,
  });
  t.deepEqual(again, book);
});

test('its time is over → off by itself; a rule past its end is gone', async (t) => {
  const made = await ready();
  const short = { ...often, untilMs: Date.now() + 500 };
  await made.engine.injections.add('tester', [short, { ...often, name: 'long' }]);
  await made.engine.injections.enable('tester', 'a test', 0, 2_000);
  while (made.engine.injections.rules().length > 1) await new Promise((go) => setTimeout(go, 5));
  t.deepEqual(
    made.engine.injections.rules().map(({ name }) => name),
    ['long'],
  );
  while (made.engine.injections.on) await new Promise((go) => setTimeout(go, 5));
  t.is(made.engine.injections.status().reason, 'its time was over');
});

test('a rule added anew under its name → counted anew: its nth comes again', async (t) => {
  const made = await ready();
  const rule: CallRule = { ...often, probability: 1, nth: 1 };
  await on(made, [rule]);
  await run(made, 'test');
  const statusOf = () => made.engine.injections.status().rules[0];
  t.like(statusOf(), { drawn: 1, hits: 1 });
  await made.engine.injections.add('tester', [{ ...rule }]);
  t.like(statusOf(), { matched: 0, drawn: 0, hits: 0 });
  await run(made, 'cleanup');
  await run(made, 'test');
  t.like(statusOf(), { drawn: 1, hits: 1 });
});

test('rules added at the same moment → all of them are there', async (t) => {
  const made = await ready();
  const names = ['a', 'b', 'c'];
  await Promise.all(
    names.map((name) => made.engine.injections.add('tester', [{ ...often, name }])),
  );
  t.deepEqual(
    made.engine.injections.rules().map(({ name }) => name),
    names,
  );
});

test('a rule that names no verb → the change, not the look ahead of it', async (t) => {
  const made = await ready();
  const lost: CallRule = {
    name: 'lost',
    step: 'promote-target',
    attempt: 1,
    effect: { effect: 'error', after: true, fault: { ...busy, kind: 'timeout' } },
  };
  await on(made, [lost]);
  const runId = await run(made);
  t.is((await made.engine.getRun(runId, 'full')).result, 'succeeded');
  const entries = await entriesOf(made, runId);
  const settled = entries.filter(({ type }) => type === 'task-settled');
  t.true(settled.length > 0, 'the array was asked what became of the promote');
  t.true(settled.every((entry) => entry.type === 'task-settled' && entry.done !== ''));
});

test('wrong rules → every problem at once, and nothing is taken', async (t) => {
  const made = await ready();
  const wrong: Rule[] = [
    { ...often, remoteId: 'lab-c', verb: 'powerUp', step: 'power-off' },
    { ...often, name: 'settling', phase: 'settle', effect: { effect: 'stale-read' } },
  ];
  const error = await t.throwsAsync(async () => made.engine.injections.add('tester', wrong));
  const fields = (error as unknown as { violations: { field: string }[] }).violations;
  t.deepEqual(
    fields.map(({ field }) => field),
    ['rules[0].remoteId', 'rules[0].step', 'rules[0].verb', 'rules[1].effect'],
  );
  t.deepEqual(made.engine.injections.rules(), []);
});

test('a call outside runs is injected under a request of its own, and journaled', async (t) => {
  const made = await ready();
  const rule: CallRule = {
    name: 'away',
    verb: 'discoverDevices',
    budget: 1,
    effect: { effect: 'error', fault: { ...busy, kind: 'unreachable' } },
  };
  await on(made, [rule]);
  await t.throwsAsync(made.engine.evidence('lab-a', true), { message: /injected/ });
  t.truthy(await made.engine.evidence('lab-a', true));
  t.like(made.engine.injections.status().rules[0], { drawn: 1, hits: 1 });
  const system = await made.journal.read('system', 1, 1_000);
  const entries = system.map(({ body }) => JSON.parse(body));
  t.like(
    entries.find(({ type }) => type === 'call-injected'),
    { remoteId: 'lab-a', verb: 'discoverDevices', injections: [{ rule: 'away' }] },
  );
});

/** A VM that has not written yet is up to the machine's speed, and comes again or not. */
const isMoment = ({ kind, code }: Fault): boolean => kind === 'busy' && code === undefined;

/** What went wrong in a run, where: without messages and moments. */
const troubles = async (made: Rig, runId: string) =>
  (await entriesOf(made, runId))
    .flatMap((entry) => {
      if (entry.type === 'policy-applied' && !isMoment(entry.fault)) {
        const { group, step, attempt, items, fault, action } = entry;
        return [[group, step, attempt, items, fault.kind, fault.code ?? '', action.action]];
      }
      return [];
    })
    .map((trouble) => JSON.stringify(trouble))
    .sort();

test('replay: faults that came by themselves to attempts that carry a delay → met again', async (t) => {
  const field = await ready();
  await field.lab.failNext({ verb: 'powerOn', kind: 'refused', effect: 'none', times: 2 });
  const slow: CallRule = { name: 'slow', effect: { effect: 'delay', delayMs: 1 } };
  const half: CallRule = {
    name: 'half',
    step: 'register',
    workgroup: 'v1',
    effect: { effect: 'partial', done: 1, fault: { ...busy, kind: 'refused' } },
  };
  await on(field, [slow, half]);
  const failed = await run(field);
  const before = await troubles(field, failed);
  t.true(before.length > 1);
  const { rules } = await field.engine.replayRun(failed);
  const bench = await ready();
  await on(bench, rules);
  t.deepEqual(await troubles(bench, await run(bench)), before);
});

test('replay: faults that differ in words alone → one rule for all that met them', async (t) => {
  const field = await ready({ groups: 1, vms: 8 });
  const words: CallRule[] = Array.from({ length: 8 }, (_, at) => ({
    name: `${at}`,
    verb: 'powerOn',
    targets: [`vm-0000${at + 1}`],
    effect: { effect: 'error', fault: { ...busy, kind: 'refused', message: `no ${at}` } },
  }));
  await on(field, words);
  const failed = await run(field);
  const entries = (await entriesOf(field, failed)).map((entry) =>
    entry.type === 'task-started' ? { ...entry, injections: undefined } : entry,
  );
  const made = replayOf(foldAll(entries as Entry[]), entries as Entry[], []);
  const natural = made.rules.filter((rule) => !isToxicRule(rule) && rule.step === 'power-on');
  // One for each workgroup, by their priorities.
  t.is(natural.length, 3);
  t.is(natural.flatMap((rule) => (rule as CallRule).targets ?? []).length, 8);
});

for (const [what, order] of [
  ['refused', { verb: 'powerOn', kind: 'refused', effect: 'none', times: 2 }],
  ['time-out, done', { verb: 'failover', kind: 'timeout', effect: 'done', times: 1 }],
  ['time-out, absent', { verb: 'mount', kind: 'timeout', effect: 'none', times: 1 }],
] as const) {
  test(`replay of a fault that came by itself (${what}) → another run meets it again`, async (t) => {
    const field = await ready();
    await field.lab.failNext(order);
    const failed = await run(field);
    const before = await troubles(field, failed);
    const { rules } = await field.engine.replayRun(failed);
    t.true(rules.length > 0);
    const bench = await ready();
    await on(bench, rules);
    const again = await run(bench);
    t.deepEqual(await troubles(bench, again), before);
    const moments = rules.filter((rule) => !isToxicRule(rule) && rule.step === 'verify');
    const idle = bench.engine.injections.status().rules.filter(({ hits }) => hits === 0);
    const names = new Set(moments.map(({ name }) => name));
    t.deepEqual(
      idle.filter(({ name }) => !names.has(name)),
      [],
    );
    const { result, status } = await field.engine.getRun(failed, 'basic');
    const found = await bench.engine.getRun(again, 'basic');
    t.like(found, { status, ...(result && { result }) });
  });
}
