/** Somebody moved storage behind the journal's back: it is shown, and believed for a reason. */
import test from 'ava';
import type { Mode } from '../../daemon/core/plan.ts';
import type { DeviceRequest } from '../../daemon/runner/service.ts';
import { planFor, type Rig, rig, untilRest } from '../_support/engine-on-lab.ts';

type Verb = DeviceRequest['verb'];

const made = async (groups = 1): Promise<Rig> => {
  const world = await rig({ groups, vms: 1 });
  await world.engine.createPlan(planFor(groups, 1));
  // Its VMs are off from here on.
  await world.lab.loseSite('site-a');
  await world.lab.returnSite('site-a');
  return world;
};

/** By a recovery manager that knows nothing of plans. */
const device = async ({ engine }: Rig, arrayId: string, verb: Verb, args = {}): Promise<void> => {
  const targets = [{ id: 'cg-0001', deviceIds: [] }];
  const who = { requester: 'bob', requestKey: '', initiatorId: '' };
  const { runId } = await engine.startDeviceRun({ verb, arrayId, targets, args, ...who });
  await untilRest(engine, runId);
  const { result } = await engine.getRun(runId, 'basic');
  if (result !== 'succeeded') throw new Error(`${verb} at ${arrayId}: ${result}`);
};

const moveByHand = async (world: Rig): Promise<void> => {
  await device(world, 'lab-a', 'sync');
  await device(world, 'lab-a', 'prepareFailover');
  await device(world, 'lab-b', 'failover', { force: false });
};

const adopt = async ({ engine }: Rig, digest?: string) => {
  const shown = digest ?? (await engine.inspectPlan('payroll')).digest;
  const words = { requester: 'ann', reason: 'moved by hand' };
  return engine.adoptPlan({ planId: 'payroll', digest: shown, ...words });
};

const start = async ({ engine }: Rig, mode: Mode): Promise<string | undefined> => {
  const request = { planId: 'payroll', mode, requester: 'ann', requestKey: '', policies: {} };
  const { runId } = await engine.startRun(request);
  await untilRest(engine, runId);
  return (await engine.getRun(runId, 'basic')).result;
};

test('repair: failed over by hand → shown, believed, kept over a restart, and gone on from', async (t) => {
  const world = await made();
  const before = await world.engine.inspectPlan('payroll');
  await moveByHand(world);
  const { found, differences, unclear } = await world.engine.inspectPlan('payroll');
  t.is(found?.state, 'failed-over');
  t.deepEqual(unclear, []);
  const roles = differences.filter(({ about }) => about === 'role');
  t.deepEqual(
    roles.map(({ objectId, believed, found: is }) => `${objectId} ${believed} ${is}`),
    ['lab-a/cg-0001 read-write read-only', 'lab-b/cg-0001 read-only read-write'],
  );
  const stale = await t.throwsAsync(adopt(world, before.digest));
  t.like(stale, { reason: 'REPAIR_STALE' });
  t.is(world.engine.getPlan('payroll').state, 'ready');
  t.is((await adopt(world)).state, 'failed-over');
  await world.restart();
  t.is(world.engine.getPlan('payroll').state, 'failed-over');
  t.like(await t.throwsAsync(adopt(world)), { reason: 'INVALID_REQUEST' });
  t.is(await start(world, 'reprotect'), 'succeeded');
  const { plan, state } = world.engine.getPlan('payroll');
  t.deepEqual([plan.protectedSiteId, state], ['site-b', 'ready']);
});

test('repair: turned round by hand → the plan is ready the other way', async (t) => {
  const world = await made();
  await moveByHand(world);
  await device(world, 'lab-b', 'reverse');
  const { plan, state } = await adopt(world);
  t.deepEqual([plan.protectedSiteId, plan.recoverySiteId, state], ['site-b', 'site-a', 'ready']);
});

test('repair: both sides promoted → recovery required, and fenced by a run', async (t) => {
  const world = await made();
  await device(world, 'lab-b', 'failover', { force: true });
  t.is((await adopt(world)).state, 'recovery-required');
  t.is((await world.engine.listRecoveries({}))[0]?.state, 'required');
  t.is(await start(world, 'fence'), 'succeeded');
  t.is((await world.engine.listRecoveries({}))[0]?.state, 'fenced');
});

test('repair: both sides say so → the one promoted last goes on, whatever the plan believed', async (t) => {
  const world = await made();
  const adoptAs = async (currentSiteId: string) => {
    const { digest } = await world.engine.inspectPlan('payroll');
    const words = { requester: 'ann', reason: 'A is what we use', digest, currentSiteId };
    return world.engine.adoptPlan({ planId: 'payroll', ...words });
  };
  t.like(await t.throwsAsync(adoptAs('site-a')), { reason: 'INVALID_REQUEST' });
  await device(world, 'lab-b', 'failover', { force: true });
  t.is((await world.engine.inspectPlan('payroll')).olderSiteId, 'site-a');
  t.like(await t.throwsAsync(adoptAs('site-c')), { reason: 'INVALID_REQUEST' });
  const older = await t.throwsAsync(adoptAs('site-a'));
  t.like(older, { reason: 'INVALID_REQUEST' });
  t.regex(older?.message ?? '', /"site-b" was promoted since/);
  const { plan, state } = await adoptAs('site-b');
  t.deepEqual(
    [plan.protectedSiteId, plan.recoverySiteId, state],
    ['site-a', 'site-b', 'recovery-required'],
  );
  const [found] = await world.engine.listRecoveries({});
  t.deepEqual([found?.oldWriter.siteId, found?.newWriter.siteId], ['site-a', 'site-b']);
  t.is(await start(world, 'fence'), 'succeeded');
});

test('repair: both sides say so, and the plan believes the older is its recovery → turned, fenced', async (t) => {
  const world = await made();
  await moveByHand(world);
  await device(world, 'lab-b', 'reverse');
  await device(world, 'lab-a', 'failover', { force: true });
  const { olderSiteId, found } = await world.engine.inspectPlan('payroll');
  t.deepEqual([olderSiteId, found?.recoverySiteId], ['site-b', 'site-a']);
  t.is((await adopt(world)).state, 'recovery-required');
  t.is(await start(world, 'fence'), 'succeeded');
});

test('repair: groups that do not stand alike → nothing adopted, and said which', async (t) => {
  const world = await made(2);
  await moveByHand(world);
  const error = await t.throwsAsync(adopt(world));
  t.like(error, { reason: 'REPAIR_UNCLEAR', subject: 'payroll' });
  t.regex(error?.message ?? '', /lab-a\/cg-0001 is over; lab-a\/cg-0002 is forward/);
  t.is(world.engine.getPlan('payroll').state, 'ready');
});

test('repair: a site that is declared lost → not asked, nothing adopted', async (t) => {
  const world = await made();
  await world.engine.declareLost('site-a', 'ann', 'fire');
  const calls = await world.lab.calls('lab-a');
  const refused = await t.throwsAsync(world.engine.inspectPlan('payroll'));
  t.like(refused, { reason: 'SITE_LOST' });
  // No run of any mode would make the lost site answer.
  t.regex(
    (refused as unknown as { hint: string }).hint,
    /^Once it is back: siteswap site reachable/,
  );
  t.deepEqual(await world.lab.calls('lab-a'), calls);
});

test('repair: failed over, and the journal is a new one → stored as it was written, then adopted', async (t) => {
  const world = await rig({ groups: 1, vms: 1 });
  await world.lab.loseSite('site-a');
  await world.lab.returnSite('site-a');
  await moveByHand(world);
  const early = await t.throwsAsync(world.engine.inspectPlan('payroll'));
  t.like(early, { reason: 'PLAN_NOT_FOUND' });
  t.regex((early as unknown as { hint: string }).hint, /siteswap plan apply FILE/);
  await world.engine.createPlan(planFor(1, 1));
  t.is((await adopt(world)).state, 'failed-over');
});
