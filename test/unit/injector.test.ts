/** What people are told of injections: by rules that wait in vain, and by switches. */
import test from 'ava';
import type { Injections } from '../../daemon/runner/service.ts';
import { briefOf } from '../../sdk/scenario/brief.ts';
import { parseScenario } from '../../sdk/scenario/file.ts';
import type { CallRule, Rule } from '../../sdk/scenario/rule.ts';
import { planFor, type Rig, rig, untilRest } from '../_support/engine-on-lab.ts';
import { JumpingTime } from '../_support/jumping-time.ts';

const often: CallRule = { name: 'often', verb: 'powerOn', effect: { effect: 'refuse' } };

const startTest = async ({ engine }: Rig): Promise<string> => {
  const asked = { planId: 'payroll', requester: 'tester', requestKey: '', policies: {} };
  return (await engine.startRun({ ...asked, mode: 'test' })).runId;
};

const allOver = async (injections: Injections): Promise<void> => {
  while (injections.rules().length > 0) await new Promise(setImmediate);
};

const testRun = async (made: Rig): Promise<string> => {
  const runId = await startTest(made);
  await untilRest(made.engine, runId);
  return runId;
};

test('a rule for a plan or run that is not known → taken, and what is lacking is told', async (t) => {
  const made = await rig();
  const { injections } = made.engine;
  const rules = [
    { ...often, name: 'plan', planId: 'payroll' },
    { ...often, name: 'run', runId: 'nonesuch' },
  ];
  const notes = async () => injections.status().rules.map(({ note }) => note);
  await injections.add('tester', rules);
  t.deepEqual(await notes(), [
    'it has matched nothing so far: there is no plan payroll by now',
    'it has matched nothing so far: no run nonesuch is known here',
  ]);
  await made.engine.createPlan(planFor(2, 3));
  const runId = await testRun(made);
  await injections.add('tester', [{ ...often, name: 'run', runId }]);
  t.deepEqual(await notes(), [
    'it has matched nothing so far',
    `it has matched nothing so far: run ${runId} has ended`,
  ]);
});

test('on, said again without an end → the end that is set stays; off takes it away', async (t) => {
  const { injections } = (await rig()).engine;
  const { untilMs } = await injections.enable('ann', 'an hour', 0, 3_600_000);
  t.truthy(untilMs);
  t.like(await injections.enable('bob', 'mine', 0, 0), { requester: 'bob', untilMs });
  const longer = await injections.enable('bob', 'mine', 0, 7_200_000);
  t.true((longer.untilMs ?? 0) > (untilMs ?? 0));
  await injections.disable('bob', '');
  t.is((await injections.enable('bob', 'mine', 0, 0)).untilMs, undefined);
});

test('a rule past its end → what it did is told until it is removed, or comes again', async (t) => {
  const time = new JumpingTime();
  const made = await rig({ time });
  const { injections } = made.engine;
  const short = { ...often, nth: 1, untilMs: time.now() + 86_400_000 };
  const play = async () => {
    await made.engine.createPlan(planFor(2, 3));
    await injections.add('tester', [short]);
    await injections.enable('tester', 'a test', 0, 0);
    await testRun(made);
  };
  await time.through(play());
  t.like(injections.status().rules[0], { hits: 1, over: false });
  await time.through(allOver(injections));
  const about = `until ${new Date(short.untilMs).toISOString()}, verb powerOn, nth 1: refuse`;
  const [rule, ...others] = injections.status().rules;
  t.like(rule, { name: 'often', drawn: 1, hits: 1, over: true, note: 'its time is over', about });
  t.deepEqual(others, []);
  await time.through(injections.add('tester', [{ ...often, untilMs: time.now() + 50 }]));
  t.like(injections.status().rules, [{ matched: 0, over: false }] as never);
  await time.through(allOver(injections));
  t.regex(injections.status().rules[0]?.note ?? '', /its time is over; it has matched nothing/);
  await time.through(injections.remove('tester', ['often']));
  t.deepEqual(injections.status().rules, []);
});

test('of rules past their ends → the newest 64 are told', async (t) => {
  const time = new JumpingTime();
  const { injections } = (await rig({ time })).engine;
  const untilMs = time.now() + 60;
  const rules = Array.from({ length: 70 }, (_, at) => ({ ...often, name: `r${at}`, untilMs }));
  await time.through(injections.add('tester', rules));
  await time.through(injections.enable('tester', 'a test', 0, 0));
  await time.through(allOver(injections));
  const names = injections.status().rules.map(({ name }) => name);
  t.is(names.length, 64);
  t.deepEqual([names[0], names.at(-1)], ['r6', 'r69']);
  await time.through(injections.remove('tester', []));
  t.deepEqual(injections.status().rules, []);
});

for (const [yaml, brief] of [
  ['effect: { effect: hang }', 'everything: hang'],
  [
    'step: mount, nth: 2, effect: { effect: error, after: true, fault: { kind: busy, code: E1 } }',
    'step mount, nth 2: error busy [E1] after',
  ],
  [
    'remote: lab-a, targets: [a, b, c, d], effect: { effect: delay, delayMs: 5 }',
    'remote lab-a, targets a b c …: delay delayMs 5',
  ],
  ['site: a, toxic: { toxic: latency, latencyMs: 5 }', 'site a: latency latencyMs 5'],
] as const) {
  test(`brief: ${yaml} → ${brief}`, (t) => {
    const read = parseScenario(`name: x\nrules: [{ name: r, ${yaml} }]`, 'x.yaml');
    if ('problems' in read) return t.fail(JSON.stringify(read.problems));
    t.is(briefOf(read.value.rules[0] as Rule), brief);
  });
}

test('brief: of a long rule → cut at 160 characters', (t) => {
  const effect = { effect: 'wrong-result', set: { a: 'x'.repeat(500) } } as const;
  const brief = briefOf({ name: 'r', effect });
  t.is(brief.length, 160);
  t.true(brief.startsWith('everything: wrong-result set {"a":"xxx'));
  t.true(brief.endsWith('…'));
});
