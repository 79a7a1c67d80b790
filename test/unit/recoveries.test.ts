/** A lost site comes back with its VMs still writing: who says so, who stops it, who decides. */
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import type { Mode } from '../../daemon/core/plan.ts';
import { emptySystem, foldSystem } from '../../daemon/core/system.ts';
import type { StartRequest } from '../../daemon/runner/service.ts';
import { planFor, type Rig, rig, untilRest } from '../_support/engine-on-lab.ts';

const vmIds = ['vm-00001', 'vm-00002', 'vm-00003'];

const start = async ({ engine }: Rig, mode: Mode, changes?: StartRequest['changes']) => {
  const request = { planId: 'payroll', mode, requester: 'ann', requestKey: '', policies: {} };
  const { runId } = await engine.startRun({ ...request, ...(changes && { changes }) });
  await untilRest(engine, runId);
  return engine.getRun(runId, 'full');
};

/** The site is cut off and its VMs go on writing there; the disaster run starts them elsewhere. */
const parted = async (more: Parameters<typeof rig>[0] = {}): Promise<Rig> => {
  const made = await rig({ groups: 1, vms: 3, ...more });
  await made.engine.createPlan(planFor(1, 3));
  await made.lab.loseSite('site-a', { vms: 'keep' });
  await made.engine.declareLost('site-a', 'ann', 'fire');
  await start(made, 'disaster');
  return made;
};

const back = async (made: Rig): Promise<Rig> => {
  await made.lab.returnSite('site-a');
  await made.engine.declareReachable('site-a', 'ann', 'power is back');
  return made;
};

const recoveryOf = async ({ engine }: Rig) =>
  (await engine.listRecoveries({ planId: 'payroll' })).map(
    ({ state, oldWriter, newWriter, nextActions, fencedByRunId }) => ({
      state,
      old: [oldWriter.siteId, oldWriter.vmIds, oldWriter.devices[0]?.writable],
      new: [newWriter.siteId, newWriter.vmIds, newWriter.devices[0]?.writable],
      lineages: oldWriter.devices[0]?.lineage === newWriter.devices[0]?.lineage ? 1 : 2,
      next: nextActions.join('\n').match(/--mode \w+/g)?.[0] ?? '',
      fenced: fencedByRunId !== undefined,
    }),
  );

const both = {
  old: ['site-a', vmIds, true],
  new: ['site-b', vmIds, true],
  lineages: 2,
  fenced: false,
};

test('the site is back with its VMs on → both writers named, and nothing is started', async (t) => {
  const made = await parted();
  t.like(await recoveryOf(made), [{ state: 'site-lost', next: '' }]);
  t.is(made.engine.getPlan('payroll').state, 'failed-over');
  await back(made);
  const effects = (await made.lab.effects()).length;
  t.deepEqual(await recoveryOf(made), [{ ...both, state: 'required', next: '--mode fence' }]);
  t.is(made.engine.getPlan('payroll').state, 'recovery-required');
  t.is((await made.lab.effects()).length, effects);
  await made.restart();
  t.deepEqual(await recoveryOf(made), [{ ...both, state: 'required', next: '--mode fence' }]);
  const early = await t.throwsAsync(start(made, 'reprotect', 'keep'));
  t.like(early, { reason: 'PLAN_STATE' });
  t.regex(early?.message ?? '', /recovery-required: it can run fence/);
});

test('while it is not settled → its plan is not deleted, and keeps its sites and groups', async (t) => {
  const made = await back(await parted());
  const { engine } = made;
  const { etag, plan } = engine.getPlan('payroll');
  const refused = { reason: 'PLAN_STATE', message: /is not settled/ };
  t.like(await t.throwsAsync(engine.deletePlan('payroll', etag)), { reason: refused.reason });
  await t.throwsAsync(engine.deletePlan('payroll', etag), { message: refused.message });
  const [first] = plan.protectionGroups;
  const other = { ...plan, protectionGroups: [{ ...first, groups: [] }] } as typeof plan;
  await t.throwsAsync(engine.updatePlan(other, etag), { message: refused.message });
  await engine.updatePlan({ ...plan, name: 'Pay roll' }, etag);
  await start(made, 'fence');
  await start(made, 'reprotect', 'discard');
  await engine.deletePlan('payroll', engine.getPlan('payroll').etag);
  t.deepEqual(engine.listPlans(), []);
});

const resyncAt = ({ engine }: Rig, arrayId: string, ...deviceIds: readonly string[]) =>
  engine.startDeviceRun({
    verb: 'resync',
    arrayId,
    targets: [{ id: deviceIds.length > 0 ? 'of my own' : 'cg-0001', deviceIds }],
    args: { changes: 'discard' },
    requester: 'ann',
    requestKey: '',
    initiatorId: '',
  });

test('resync by hand of what a plan has to copy back → refused, at either side', async (t) => {
  const made = await back(await parted());
  const old = await t.throwsAsync(resyncAt(made, 'lab-a'));
  t.like(old, { reason: 'RUN_REFUSED', subject: 'payroll' });
  t.regex(old?.message ?? '', /of plan "payroll", which is recovery-required: .*plan's own runs/);
  const named = await t.throwsAsync(resyncAt(made, 'lab-a', 'lun-a-0001-1'));
  t.like(named, { reason: 'RUN_REFUSED', subject: 'payroll' });
  t.like(await t.throwsAsync(resyncAt(made, 'lab-b')), { reason: 'RUN_REFUSED' });
  await start(made, 'fence');
  t.like(await t.throwsAsync(resyncAt(made, 'lab-a')), { reason: 'RUN_REFUSED' });
  await start(made, 'reprotect', 'keep');
  const { runId } = await resyncAt(made, 'lab-b');
  await untilRest(made.engine, runId);
  t.is((await made.engine.getRun(runId, 'basic')).result, 'succeeded');
  t.deepEqual(await made.lab.verify(), []);
});

test('a disaster run is parked → its site is not reachable before that run has ended', async (t) => {
  const made = await rig({ groups: 1, vms: 3 });
  const { engine, lab } = made;
  await engine.createPlan(planFor(1, 3));
  await lab.loseSite('site-a', { vms: 'keep' });
  await engine.declareLost('site-a', 'ann', 'fire');
  await lab.failNext({ verb: 'failover', kind: 'corrupt', times: 9 });
  const { runId, status } = await start(made, 'disaster');
  t.is(status, 'parked');
  await lab.returnSite('site-a');
  const early = await t.throwsAsync(engine.declareReachable('site-a', 'ann', 'power is back'));
  t.like(early, { reason: 'PLAN_IN_USE', subject: runId });
  t.true(engine.listSites().some(({ id, lost }) => id === 'site-a' && lost));
  await engine.resumeRun(runId, { requester: 'ann', decision: 'abandon', policies: {} });
  await engine.declareReachable('site-a', 'ann', 'power is back');
  t.like(await made.lab.runs('vm-00001'), [{ computeId: 'lab-compute-a', writes: true }]);
  t.deepEqual(await lab.verify(), []);
});

test('a site is declared reachable while a disaster run starts → one of the two is refused', async (t) => {
  const made = await rig({ groups: 1, vms: 3 });
  const { engine } = made;
  await engine.createPlan(planFor(1, 3));
  await made.lab.loseSite('site-a');
  await engine.declareLost('site-a', 'ann', 'fire');
  const request = { planId: 'payroll', mode: 'disaster' as const, requester: 'ann', policies: {} };
  const back = () => engine.declareReachable('site-a', 'ann', 'no fire');
  const [started, reachable] = await Promise.allSettled([
    engine.startRun({ ...request, requestKey: '' }),
    back(),
  ]);
  t.is(reachable.status, 'fulfilled', 'the start still asks the arrays');
  t.like(started, { status: 'rejected', reason: { reason: 'SITE_NOT_LOST' } });
});

test('a run of the plan is open → the first action is to wait for it', async (t) => {
  const made = await back(await parted());
  await made.lab.failNext({ verb: 'fence', kind: 'refused', times: 9 });
  const { runId, status } = await start(made, 'fence');
  t.is(status, 'parked');
  const [found] = await made.engine.listRecoveries({ planId: 'payroll' });
  t.is(found?.nextActions[0], `Run ${runId} (fence) is not ended: siteswap watch ${runId}`);
});

test('fence → the old writers are cut off and stopped, the new ones go on', async (t) => {
  const made = await back(await parted());
  const run = await start(made, 'fence');
  t.is(run.result, 'succeeded', `${run.attention} ${JSON.stringify(run.notes)}`);
  t.deepEqual(await recoveryOf(made), [
    {
      ...both,
      state: 'fenced',
      old: ['site-a', [], false],
      next: '--mode reprotect',
      fenced: true,
    },
  ]);
  for (const vmId of vmIds) {
    t.like(await made.lab.runs(vmId), [{ computeId: 'lab-compute-b', writes: true }]);
  }
  t.is(made.engine.getPlan('payroll').state, 'failed-over');
  t.deepEqual(await made.lab.verify(), []);
});

test('a fence that a crash cut short at any entry → ends well, and is known to have', async (t) => {
  const whole = await back(await parted());
  const { runId } = await start(whole, 'fence');
  const total = (await whole.journal.read(runId, 1, 1_000)).length;
  for (let cut = 1; cut < total; cut += 3) {
    const made = await back(await parted());
    const request = { planId: 'payroll', mode: 'fence' as const, requester: 'ann' };
    const started = await made.engine.startRun({ ...request, requestKey: '', policies: {} });
    for await (const page of made.engine.watchRun(started.runId, 0, new AbortController().signal)) {
      if ((page.events.at(-1)?.seq ?? 0) >= cut) break;
    }
    await made.restart();
    await untilRest(made.engine, started.runId);
    t.like(await recoveryOf(made), [{ state: 'fenced', old: ['site-a', [], false] }], `${cut}`);
  }
});

test('reprotect without a choice → refused with its size; a choice without need → refused', async (t) => {
  const made = await back(await parted());
  await start(made, 'fence');
  const error = await t.throwsAsync(start(made, 'reprotect'));
  t.like(error, { reason: 'DATA_DIVERGED', subject: 'payroll' });
  t.regex(error?.message ?? '', /may hold [1-9][\d.]* (B|KiB) that "site-b" lacks/);
  const { obstacles } = await made.engine.previewPlan('payroll', 'reprotect');
  t.regex(obstacles[0]?.message ?? '', /may hold [1-9][\d.]* K?i?B .* --diverged keep, or discard/);
  const found = await made.engine.validatePlan(planFor(1, 3));
  t.deepEqual(found.obstacles, obstacles);
  const sound = await rig({ groups: 1, vms: 3 });
  await sound.engine.createPlan(planFor(1, 3));
  await start(sound, 'planned');
  const needless = await t.throwsAsync(start(sound, 'reprotect', 'discard'));
  t.like(needless, { reason: 'INVALID_REQUEST' });
  t.regex(needless?.message ?? '', /nothing to discard/);
});

for (const changes of ['keep', 'discard'] as const) {
  test(`reprotect, ${changes} → a snapshot first, then home again by a planned run`, async (t) => {
    const made = await back(await parted());
    await start(made, 'fence');
    const { frozen: preview } = await made.engine.previewPlan('payroll', 'reprotect');
    t.is(preview.steps[0]?.name, 'resync-diverged');
    const run = await start(made, 'reprotect', changes);
    t.is(run.result, 'succeeded', `${run.attention} ${JSON.stringify(run.notes)}`);
    t.deepEqual(await recoveryOf(made), []);
    const { state, plan } = made.engine.getPlan('payroll');
    t.deepEqual([state, plan.protectedSiteId], ['ready', 'site-b']);
    for (const mode of ['planned', 'reprotect'] as const) {
      const way = await start(made, mode);
      t.is(way.result, 'succeeded', `${mode}: ${way.attention} ${JSON.stringify(way.notes)}`);
    }
    t.is(made.engine.getPlan('payroll').plan.protectedSiteId, 'site-a');
    t.deepEqual(await made.lab.verify(), []);
  });
}

test('disaster that left a group behind, site back → its old side is neither fenced nor stopped', async (t) => {
  const made = await rig({ groups: 2, vms: 1 });
  await made.engine.createPlan(planFor(2, 1));
  await made.lab.loseSite('site-a', { vms: 'keep' });
  await made.engine.declareLost('site-a', 'ann', 'fire');
  await made.lab.failNext({ verb: 'failover', targetIds: ['cg-0002'], kind: 'refused', times: 9 });
  const { runId } = await start(made, 'disaster');
  const { cursor } = await made.engine.getRun(runId, 'basic');
  const decision = { requester: 'ann', decision: 'skip' as const, policies: {} };
  await made.engine.resumeRun(runId, decision);
  await untilRest(made.engine, runId, cursor);
  await made.lab.clearFailures();
  await back(made);
  t.is(made.engine.getPlan('payroll').state, 'recovery-required');
  const early = await t.throwsAsync(start(made, 'reprotect', 'keep'));
  t.like(early, { reason: 'PLAN_STATE' });
  const { warnings } = await made.engine.previewPlan('payroll', 'fence');
  t.regex(warnings[0]?.message ?? '', /"lab-a\/cg-0002" was never promoted at "site-b"/);
  const run = await start(made, 'fence');
  t.is(run.result, 'succeeded', `${run.attention} ${JSON.stringify(run.notes)}`);
  t.like(await made.lab.runs('vm-00001'), [{ computeId: 'lab-compute-b', writes: true }]);
  t.like(await made.lab.runs('vm-00002'), [{ computeId: 'lab-compute-a', writes: true }]);
  const refused = await t.throwsAsync(start(made, 'reprotect', 'keep'));
  t.regex(refused?.message ?? '', /still the target of its pair: .*take its group out of the plan/);
  t.deepEqual(await made.lab.verify(), []);
});

test('runs that are forgotten → what is left behind stays known', async (t) => {
  const made = await parted({ retention: { runsMax: 0, ageMsMax: 0 } });
  await made.engine.tidied();
  await made.restart();
  await back(made);
  t.like(await recoveryOf(made), [{ state: 'required' }]);
});

test('disaster: at every entry of the run → not one call to the lost array or compute', async (t) => {
  const made = await rig({ groups: 1, vms: 3 });
  await made.engine.createPlan(planFor(1, 3));
  await made.lab.loseSite('site-a');
  await made.engine.declareLost('site-a', 'ann', 'fire');
  const request = { planId: 'payroll', mode: 'disaster' as const, requester: 'ann' };
  const { runId } = await made.engine.startRun({ ...request, requestKey: '', policies: {} });
  const steps = new Set<number>();
  for await (const page of made.engine.watchRun(runId, 0, new AbortController().signal)) {
    for (const { body } of page.events) {
      const { type, step } = JSON.parse(body) as { type: string; step: number };
      if (type === 'task-outcome') steps.add(step);
    }
    for (const id of ['lab-a', 'lab-compute-a']) {
      t.is((await made.lab.calls(id)).whileDown, 0, `${id} after step ${[...steps].at(-1)}`);
    }
  }
  const { steps: all } = await made.engine.getRun(runId, 'full');
  t.is(steps.size, all.length);
});

test('what a restated catalog says of recoveries replaces what was there', (t) => {
  const at = 7;
  const record = { planId: 'p', runId: 'r', sinceMs: 1, oldSiteId: 'a', newSiteId: 'b' };
  const state = foldSystem(emptySystem(), { type: 'recoveries-kept', at, recoveries: [record] });
  t.deepEqual([...state.recoveries.values()], [record]);
  foldSystem(state, { type: 'recoveries-kept', at, recoveries: [] });
  t.is(state.recoveries.size, 0);
});

test('asked again, and nothing has changed → told as of now, not of when it was recorded', async (t) => {
  const made = await back(await parted());
  const heardAt = async () => {
    const [found] = await made.engine.listRecoveries({ planId: 'payroll' });
    return Math.min(found?.oldWriter.observedAtMs ?? 0, found?.newWriter.observedAtMs ?? 0);
  };
  const before = await heardAt();
  await sleep(5);
  t.true((await heardAt()) > before);
});
