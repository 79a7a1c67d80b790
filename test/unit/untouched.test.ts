/** Runs that end with nothing done: the plan stands as if they had never been started. */
import test from 'ava';
import type { Mode } from '../../daemon/core/plan.ts';
import { fault } from '../../sdk/plugin/fault.ts';
import type { CallRule } from '../../sdk/scenario/rule.ts';
import { planFor, type Rig, rig, untilRest } from '../_support/engine-on-lab.ts';

const refused = (more: Partial<CallRule> = {}): CallRule => ({
  name: 'no-copy',
  mode: 'disaster',
  step: 'promote-target',
  verb: 'failover',
  effect: { effect: 'error', fault: fault('corrupt', 'the copy is rotten') },
  ...more,
});

const abandon = { requester: 'ann', decision: 'abandon', policies: {} } as const;

const start = async ({ engine }: Rig, mode: Mode) => {
  const request = { planId: 'payroll', mode, requester: 'ann', requestKey: '', policies: {} };
  const { runId } = await engine.startRun(request);
  await untilRest(engine, runId);
  const { status } = await engine.getRun(runId, 'basic');
  if (status === 'parked') await engine.resumeRun(runId, abandon);
  return engine.getRun(runId, 'full');
};

const lost = async (rules: CallRule[], groups = 1): Promise<Rig> => {
  const made = await rig({ groups, vms: 3, rules });
  await made.engine.createPlan(planFor(groups, 3));
  await made.lab.loseSite('site-a', { vms: 'keep' });
  await made.engine.declareLost('site-a', 'ann', 'fire');
  return made;
};

const recoveries = async ({ engine }: Rig) =>
  (await engine.listRecoveries({ planId: 'payroll' })).map(({ state }) => state);

test('disaster: every promote refused, given up → nothing parted; back, and planned goes', async (t) => {
  const made = await lost([refused()]);
  t.is((await start(made, 'disaster')).result, 'abandoned');
  t.deepEqual(await recoveries(made), []);
  t.is(made.engine.getPlan('payroll').state, 'ready');
  await made.restart();
  t.is(made.engine.getPlan('payroll').state, 'ready');
  await made.lab.returnSite('site-a');
  await made.engine.declareReachable('site-a', 'ann', 'a false alarm');
  t.deepEqual(await recoveries(made), []);
  t.is((await start(made, 'planned')).result, 'succeeded');
});

test('disaster: one of two promoted → both sites may have been written to', async (t) => {
  const made = await lost([refused({ targets: ['cg-0002'] })], 2);
  await start(made, 'disaster');
  t.deepEqual(await recoveries(made), ['site-lost']);
});

test('disaster: nobody can say what a promote came to → both may have been written to', async (t) => {
  const said = { verdict: 'unknowable', why: 'the array cannot say' };
  const made = await lost([
    refused({ effect: { effect: 'error', fault: fault('timeout', 'no answer') } }),
    {
      name: 'mute',
      step: 'promote-target',
      phase: 'settle',
      effect: { effect: 'wrong-result', set: said },
    },
  ]);
  await start(made, 'disaster');
  t.deepEqual(await recoveries(made), ['site-lost']);
});
