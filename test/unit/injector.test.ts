/** What people are told of injections: by rules that wait in vain, and by switches. */
import test from 'ava';
import type { CallRule } from '../../sdk/scenario/rule.ts';
import { planFor, type Rig, rig, untilRest } from '../_support/engine-on-lab.ts';

const often: CallRule = { name: 'often', verb: 'powerOn', effect: { effect: 'refuse' } };

const startTest = async ({ engine }: Rig): Promise<string> => {
  const asked = { planId: 'payroll', requester: 'tester', requestKey: '', policies: {} };
  return (await engine.startRun({ ...asked, mode: 'test' })).runId;
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
