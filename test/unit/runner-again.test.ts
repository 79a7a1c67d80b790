/** A planned run that ended past the promote: the next one goes on from where it was left. */
import test, { type ExecutionContext } from 'ava';
import type { Decision } from '../../daemon/core/entries.ts';
import type { Mode } from '../../daemon/core/plan.ts';
import { type Policy, rollback } from '../../daemon/core/policy.ts';
import { fault } from '../../sdk/plugin/fault.ts';
import { planFor, type Rig, rig, untilRest } from '../_support/engine-on-lab.ts';

const groups = 2;

/** As many mounts fail as there are workgroups, so that the second run finds none broken. */
const broken = (budget: number) =>
  rig({
    groups,
    rules: [
      {
        name: 'no',
        step: 'mount',
        direction: 'run',
        budget,
        effect: { effect: 'error', fault: fault('refused', 'no') },
      },
    ],
  });

const start = async (
  { engine }: Rig,
  mode: Mode,
  policies: Readonly<Record<string, Policy>> = {},
): Promise<string> => {
  const { runId } = await engine.startRun({
    planId: 'payroll',
    mode,
    requester: 'ann',
    requestKey: '',
    policies,
  });
  await untilRest(engine, runId);
  return runId;
};

const endedWith = async (made: Rig, decision: Decision): Promise<string | undefined> => {
  const runId = await start(made, 'planned');
  const cursor = (await made.engine.getRun(runId, 'basic')).cursor;
  await made.engine.resumeRun(runId, { requester: 'ann', decision, policies: {} });
  if ((await made.engine.getRun(runId, 'basic')).result === undefined) {
    await untilRest(made.engine, runId, cursor);
  }
  return (await made.engine.getRun(runId, 'basic')).result;
};

const succeeds = async (t: ExecutionContext, made: Rig, mode: Mode): Promise<void> => {
  const view = await made.engine.getRun(await start(made, mode), 'full');
  t.is(view.result, 'succeeded', `${mode}: ${view.attention} ${JSON.stringify(view.notes)}`);
  t.deepEqual(await made.lab.verify(), []);
};

test('resumed with policies that cannot work → refused, and the run is as it was', async (t) => {
  const made = await broken(groups);
  await made.engine.createPlan(planFor(groups));
  const runId = await start(made, 'planned');
  const { cursor } = await made.engine.getRun(runId, 'basic');
  const resume = (policies: Readonly<Record<string, Policy>>) =>
    made.engine.resumeRun(runId, { requester: 'ann', decision: 'retry', policies });
  const goOn: Policy = { rules: [], otherwise: { action: 'continue' } };
  const tireless = {
    action: 'rerun',
    attemptsMax: 1_000_000,
    delayMsMin: 0,
    delayMsMax: 0,
  } as const;
  for (const [policies, message] of [
    [{ mounnt: goOn }, /no step is called "mounnt"/],
    [{ mount: { rules: [], otherwise: tireless } }, /from 1 to 100/],
  ] as const) {
    const refused = await t.throwsAsync(resume(policies), { message });
    t.like(refused, { reason: 'INVALID_REQUEST' });
  }
  t.like(await made.engine.getRun(runId, 'basic'), { status: 'parked', cursor });
});

test('abandoned after the promote (groups=2) → planned again brings all over, then reprotect', async (t) => {
  const made = await broken(groups);
  await made.engine.createPlan(planFor(groups));
  t.is(await endedWith(made, 'abandon'), 'abandoned');
  await succeeds(t, made, 'planned');
  const calls = (await made.lab.effects()).map(({ verb }) => verb);
  t.is(calls.filter((verb) => verb === 'failover').length, groups);
  await succeeds(t, made, 'reprotect');
});

test('incomplete after the promote (groups=2) → planned again brings all over', async (t) => {
  const made = await broken(groups);
  await made.engine.createPlan(planFor(groups));
  t.is(await endedWith(made, 'skip'), 'incomplete');
  t.is(made.engine.getPlan('payroll').state, 'partly-failed-over');
  await succeeds(t, made, 'planned');
});

test('run again and rolled back → stands as that run found it, and can be run once more', async (t) => {
  const made = await broken(groups * 2);
  await made.engine.createPlan(planFor(groups));
  t.is(await endedWith(made, 'abandon'), 'abandoned');
  const policy = { rules: [], otherwise: rollback('run') };
  const view = await made.engine.getRun(await start(made, 'planned', { mount: policy }), 'full');
  t.is(view.result, 'rolled-back', view.attention);
  await succeeds(t, made, 'planned');
});
