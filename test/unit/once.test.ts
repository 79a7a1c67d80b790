/**
 * A request that a queue hands out again, because the daemon that did it died before it said so: it
 * has had its effect, and gets the answer that it would have got.
 */
import test from 'ava';
import { decode } from '../../daemon/core/entry-text.ts';
import { SiteswapError } from '../../daemon/core/errors.ts';
import { fault } from '../../sdk/plugin/fault.ts';
import { planFor, type Rig, rig, untilRest } from '../_support/engine-on-lab.ts';

const entriesOf = async ({ journal }: Rig, stream: string, type: string): Promise<number> => {
  const entries = await journal.read(stream, 1, 10_000);
  return entries.filter(({ body }) => decode<{ type: string }>(body).type === type).length;
};

test('once: a plan is created, changed and deleted by one request each, asked twice', async (t) => {
  const made = await rig();
  const created = await made.engine.createPlan(planFor(1), 'r1');
  await made.restart();
  t.deepEqual(await made.engine.createPlan(planFor(1), 'r1'), created);
  const other = made.engine.createPlan(planFor(1), 'r2');
  t.is((await t.throwsAsync(other, { instanceOf: SiteswapError })).reason, 'PLAN_EXISTS');
  const changed = await made.engine.updatePlan(planFor(2), created.etag, 'r3');
  await made.restart();
  t.deepEqual(await made.engine.updatePlan(planFor(2), created.etag, 'r3'), changed);
  t.is(await entriesOf(made, 'system', 'plan-saved'), 2);
  await made.engine.deletePlan('payroll', changed.etag, 'r4');
  await made.restart();
  await made.engine.deletePlan('payroll', changed.etag, 'r4');
  t.is(await entriesOf(made, 'system', 'plan-deleted'), 1);
});

test('once: a site that was declared reachable since is not lost again', async (t) => {
  const made = await rig();
  t.true((await made.engine.declareLost('site-a', 'ann', 'fire', 'r1')).lost);
  await made.restart();
  t.true((await made.engine.declareLost('site-a', 'ann', 'fire', 'r1')).lost);
  await made.engine.declareReachable('site-a', 'bob', 'it was none', 'r2');
  t.false((await made.engine.declareLost('site-a', 'ann', 'fire', 'r1')).lost);
  t.is(await entriesOf(made, 'system', 'site-lost'), 1);
});

test('once: a run is cancelled and resumed by one request each, though it parks again', async (t) => {
  const effect = { effect: 'error', fault: fault('refused', 'never') } as const;
  const made = await rig({ rules: [{ name: 'never', step: 'sync', effect }] });
  await made.engine.createPlan(planFor(1));
  const started = { planId: 'payroll', mode: 'planned', requester: 'ann', policies: {} } as const;
  const { runId } = await made.engine.startRun({ ...started, requestKey: 'k' });
  const first = await untilRest(made.engine, runId);
  const resume = { requester: 'ann', decision: 'retry', policies: {}, requestId: 'r1' } as const;
  await made.engine.resumeRun(runId, resume);
  await untilRest(made.engine, runId, first.length);
  t.is((await made.engine.getRun(runId, 'basic')).status, 'parked');
  await made.restart();
  await made.engine.resumeRun(runId, resume);
  t.is(await entriesOf(made, runId, 'run-resumed'), 1);
  const abandon = { ...resume, decision: 'abandon', requestId: 'r2' } as const;
  await made.engine.resumeRun(runId, abandon);
  await made.engine.resumeRun(runId, abandon);
  t.is(await entriesOf(made, runId, 'run-ended'), 1);
  const late = made.engine.resumeRun(runId, { ...resume, requestId: 'r3' });
  t.is((await t.throwsAsync(late, { instanceOf: SiteswapError })).reason, 'RUN_ENDED');
});
