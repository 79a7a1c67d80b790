/** A call that a run left in doubt may still land: what needs both sites waits for that. */
import test, { type ExecutionContext } from 'ava';
import type { Mode } from '../../daemon/core/plan.ts';
import type { StartRequest } from '../../daemon/runner/service.ts';
import { planFor, type Rig, rig, untilRest } from '../_support/engine-on-lab.ts';

/** Longer than any test. */
const lateMs = 1_000_000_000;
const late = { verb: 'shutDown', targetIds: ['vm-00001'], effect: 'late', lateMs } as const;

const request = (mode: Mode, changes?: StartRequest['changes']) => ({
  ...{ planId: 'payroll', mode, requester: 'ann', requestKey: '', policies: {} },
  ...(changes && { changes }),
});

const ended = async ({ engine }: Rig, mode: Mode, changes?: StartRequest['changes']) => {
  const { runId } = await engine.startRun(request(mode, changes));
  await untilRest(engine, runId);
  return engine.getRun(runId, 'full');
};

type Order = 'shutDown' | 'powerOff';

/** A run whose polite order to a VM, or its plug, has not been answered, and may still come. */
const withAnOrder = async (order: Order = 'shutDown'): Promise<{ made: Rig; runId: string }> => {
  const made = await rig({ groups: 1, vms: 2 });
  const { engine, lab } = made;
  await engine.createPlan(planFor(1, 2));
  if (order === 'powerOff') {
    await lab.failNext({ verb: 'shutDown', targetIds: ['vm-00001'], kind: 'refused' });
  }
  await lab.failNext({ ...late, verb: order, kind: 'timeout' });
  const { runId } = await engine.startRun(request('planned'));
  for await (const { events } of engine.watchRun(runId, 0, new AbortController().signal)) {
    if (events.some(({ body }) => /"task-outcome".*"kind":"timeout"/.test(body))) break;
  }
  return { made, runId };
};

/** The order goes to a site that is then cut off, with the order in its hands. */
const leftWithAnOrder = async (order?: Order): Promise<{ made: Rig; leftBy: string }> => {
  const { made, runId } = await withAnOrder(order);
  const { engine, lab } = made;
  await lab.loseSite('site-a', { vms: 'keep' });
  await engine.declareLost('site-a', 'ann', 'no answer');
  await ended(made, 'disaster');
  await lab.returnSite('site-a');
  await engine.declareReachable('site-a', 'ann', 'the link is back');
  return { made, leftBy: runId };
};

test('a call of a superseded run is still under way → fenced all the same, no reprotect', async (t) => {
  const { made, leftBy } = await leftWithAnOrder();
  const { engine, lab } = made;
  t.is((await engine.getRun(leftBy, 'basic')).result, 'superseded');
  t.is((await ended(made, 'fence')).result, 'succeeded');
  const why = `shut-down of vm-00001, left in doubt by run ${leftBy}, is still under way`;
  const error = await t.throwsAsync(engine.startRun(request('reprotect', 'discard')));
  t.like(error, { reason: 'RUN_REFUSED', subject: 'payroll' });
  t.true(error?.message.startsWith(`${why} at lab-compute-a: start again when`), error?.message);
  const { obstacles } = await engine.previewPlan('payroll', 'reprotect');
  t.true(obstacles.some(({ message }) => message.startsWith(why)));

  await made.restart();
  t.like(await t.throwsAsync(made.engine.startRun(request('reprotect', 'discard'))), {
    reason: 'RUN_REFUSED',
  });

  // The site loses its power: what it had yet to do is gone with it.
  await lab.loseSite('site-a');
  await lab.returnSite('site-a');
  const run = await ended(made, 'reprotect', 'discard');
  t.is(run.result, 'succeeded', `${run.attention} ${JSON.stringify(run.notes)}`);
  t.is((await ended(made, 'planned')).result, 'succeeded');
  t.deepEqual(await lab.verify(), []);
});

test('the plug that was pulled for a guest may still come → no reprotect', async (t) => {
  const { made, leftBy } = await leftWithAnOrder('powerOff');
  await ended(made, 'fence');
  const refused = await t.throwsAsync(made.engine.startRun(request('reprotect', 'discard')));
  t.true(refused?.message.startsWith(`shut-down of vm-00001, left in doubt by run ${leftBy}`));
  await made.lab.loseSite('site-a');
  await made.lab.returnSite('site-a');
  t.is((await ended(made, 'reprotect', 'discard')).result, 'succeeded');
});

/** A rollback whose last call, which starts a VM again, has not been answered. */
const leftWithAStart = async (t: ExecutionContext): Promise<{ made: Rig; leftBy: string }> => {
  const made = await rig({ groups: 1, vms: 2 });
  const { engine, lab } = made;
  const policies = {
    mount: { rules: [], otherwise: { action: 'rollback', reach: 'run' } },
  } as const;
  await engine.createPlan(planFor(1, 2, { policies }));
  await lab.failNext({ verb: 'mount', targetIds: ['ds-0001-1'], kind: 'refused' });
  await lab.failNext({ ...late, verb: 'powerOn', kind: 'timeout', times: 9 });
  const { runId } = await engine.startRun(request('planned'));
  await untilRest(engine, runId);
  const { cursor, status } = await engine.getRun(runId, 'basic');
  t.is(status, 'stuck');
  await engine.resumeRun(runId, { requester: 'ann', decision: 'abandon', policies: {} });
  await untilRest(engine, runId, cursor);
  return { made, leftBy: runId };
};

test('a start that a rollback has left in doubt may still come → none begins', async (t) => {
  const { made, leftBy } = await leftWithAStart(t);
  const error = await t.throwsAsync(made.engine.startRun(request('planned')));
  const why = `the undo of shut-down of vm-00001, left in doubt by run ${leftBy}, is still under`;
  t.true(error?.message.startsWith(why), error?.message);
  await made.lab.clearFailures();
  await made.lab.loseSite('site-a');
  await made.lab.returnSite('site-a');
  t.is((await ended(made, 'planned')).result, 'succeeded');
});

test('a run that was cancelled and rolled back left a call in doubt → so long none begins', async (t) => {
  const { made, runId } = await withAnOrder();
  const { engine, lab } = made;
  await engine.cancelRun(runId, 'ann', 'not tonight');
  await untilRest(engine, runId);
  const { cursor } = await engine.getRun(runId, 'basic');
  await engine.resumeRun(runId, { requester: 'ann', decision: 'rollback', policies: {} });
  await untilRest(engine, runId, cursor);
  t.is((await engine.getRun(runId, 'basic')).result, 'incomplete');
  for (const again of [false, true]) {
    if (again) await made.restart();
    const error = await t.throwsAsync(made.engine.startRun(request('planned')));
    t.regex(error?.message ?? '', new RegExp(`left in doubt by run ${runId}, is still under way`));
  }
  await lab.loseSite('site-a');
  await lab.returnSite('site-a');
  const { runId: next } = await made.engine.startRun(request('planned'));
  t.is(typeof next, 'string');
});

test('nobody can say whether it still comes → no reprotect, and whom to ask', async (t) => {
  const { made, leftBy } = await leftWithAnOrder();
  await ended(made, 'fence');
  await made.lab.setDown('lab-compute-a', true);
  const error = await t.throwsAsync(made.engine.startRun(request('reprotect', 'discard')));
  t.regex(error?.message ?? '', /lab-compute-a/);
  await made.lab.setDown('lab-compute-a', false);
  const again = await t.throwsAsync(made.engine.startRun(request('reprotect', 'discard')));
  t.regex(again?.message ?? '', new RegExp(`left in doubt by run ${leftBy}`));
});

test("what it had in doubt is not in the journal any more → it is in nobody's way", async (t) => {
  const { made, leftBy } = await leftWithAnOrder();
  await ended(made, 'fence');
  await made.journal.trim(leftBy, Number.POSITIVE_INFINITY, 10_000);
  await made.restart();
  t.is((await ended(made, 'reprotect', 'discard')).result, 'succeeded');
});

test('a run that was given up with nothing in doubt → the next begins', async (t) => {
  const made = await rig({ groups: 1, vms: 2 });
  const { engine, lab } = made;
  await engine.createPlan(planFor(1, 2));
  await lab.failNext({ verb: 'shutDown', targetIds: ['vm-00001'], kind: 'busy', times: 9 });
  const { runId } = await engine.startRun(request('planned'));
  await engine.cancelRun(runId, 'ann', 'not tonight');
  await untilRest(engine, runId);
  const { cursor } = await engine.getRun(runId, 'basic');
  await engine.resumeRun(runId, { requester: 'ann', decision: 'abandon', policies: {} });
  await untilRest(engine, runId, cursor);
  await lab.clearFailures();
  t.is((await engine.getRun(runId, 'basic')).result, 'abandoned');
  t.is((await ended(made, 'planned')).result, 'succeeded');
});
