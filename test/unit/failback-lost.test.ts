/**
 * A failover whose target is lost in the middle of it, or after it: a disaster run takes back what
 * is left, at the side that it came from. Tried at every entry of the run.
 */
import test, { type ExecutionContext } from 'ava';
import type { Mode } from '../../daemon/core/plan.ts';
import { defaultOptions } from '../../daemon/planner/defaults.ts';
import type { StartRequest } from '../../daemon/runner/service.ts';
import { planFor, type Rig, rig, untilRest } from '../_support/engine-on-lab.ts';

const vmIds = ['vm-00001', 'vm-00002', 'vm-00003'];

const request = (mode: Mode, changes?: StartRequest['changes']): StartRequest => ({
  ...{ planId: 'payroll', mode, requester: 'ann', requestKey: '', policies: {} },
  ...(changes && { changes }),
});

const run = async (
  t: ExecutionContext,
  { engine }: Rig,
  mode: Mode,
  changes?: StartRequest['changes'],
) => {
  const { runId } = await engine.startRun(request(mode, changes));
  await untilRest(engine, runId);
  const { result, attention, notes } = await engine.getRun(runId, 'full');
  t.is(result, 'succeeded', `${mode}: ${attention} ${JSON.stringify(notes)}`);
  return runId;
};

/** Two plain groups and a stretched one, failed over to site B and protected there. */
const away = async (t: ExecutionContext): Promise<Rig> => {
  const made = await rig({ groups: 2, vms: 1, world: { stretched: 1 } });
  const options = { ...defaultOptions, liveMigration: true };
  await made.engine.createPlan(planFor(3, 1, { options }));
  await run(t, made, 'planned');
  await run(t, made, 'reprotect');
  return made;
};

/** Until its run has so many entries; then site A, to which it goes, is gone. */
const lostAfter = async (made: Rig, entries: number, vms: 'crash' | 'keep') => {
  const { runId } = await made.engine.startRun(request('planned'));
  for await (const page of made.engine.watchRun(runId, 0, new AbortController().signal)) {
    if ((page.events.at(-1)?.seq ?? 0) >= entries) break;
  }
  await made.lab.loseSite('site-a', { vms });
  await made.engine.declareLost('site-a', 'ann', 'fire');
};

/**
 * A VM whose stretched device preferred the side that is lost was cut off with its sight: it is on,
 * and a person has to start it anew.
 */
const onStretched = 'vm-00003';

/** Each VM is on at B and writes, and nobody at A under the same licence. */
const expectBack = async (t: ExecutionContext, { engine, lab }: Rig, what: string) => {
  t.deepEqual(await lab.verify(), [], what);
  for (const vmId of vmIds) {
    const runs = (await lab.runs(vmId)).filter(({ computeId }) => computeId === 'lab-compute-b');
    t.is(runs.length, 1, `${vmId}, ${what}`);
    t.true(runs[0]?.writes === true || vmId === onStretched, `${vmId}, ${what}`);
  }
  for (const id of ['lab-a', 'lab-compute-a']) t.is((await lab.calls(id)).whileDown, 0, what);
  const { plan, state } = engine.getPlan('payroll');
  t.deepEqual([plan.protectedSiteId, state], ['site-a', 'failed-over'], what);
};

/** The lost site is back: cut off, protected again, and the failback made after all. */
const comeHome = async (t: ExecutionContext, made: Rig, what: string) => {
  await made.lab.returnSite('site-a');
  await made.engine.declareReachable('site-a', 'ann', 'power is back');
  await run(t, made, 'fence');
  await run(t, made, 'reprotect', 'discard');
  await run(t, made, 'planned');
  t.deepEqual(await made.lab.verify(), [], what);
  for (const vmId of vmIds) {
    const [only, ...more] = await made.lab.runs(vmId);
    t.deepEqual([only?.computeId, more.length], ['lab-compute-a', 0], `${vmId}, ${what}`);
    t.true(only?.writes, `${vmId}, ${what}`);
  }
};

test('failback, its target lost after any entry → all VMs back at its source, then home', async (t) => {
  t.timeout(300_000);
  const whole = await away(t);
  const total = (await whole.journal.read(await run(t, whole, 'planned'), 1, 1_000)).length;
  let homes = 0;
  for (let cut = 1; cut < total; cut++) {
    const made = await away(t);
    await lostAfter(made, cut, cut % 2 === 0 ? 'keep' : 'crash');
    await run(t, made, 'disaster');
    await expectBack(t, made, `after ${cut}`);
    const { writes } = (await made.lab.runs(onStretched))[0] ?? {};
    if (writes !== true || cut % 3 > 0) continue;
    homes += 1;
    await comeHome(t, made, `home after ${cut}`);
  }
  t.true(homes > 0, `${homes} of ${total} went home`);
});

test('failed over, then the site with the VMs lost → preview, start, fence, home', async (t) => {
  const made = await away(t);
  await run(t, made, 'planned');
  await made.lab.loseSite('site-a', { vms: 'keep' });
  await made.engine.declareLost('site-a', 'ann', 'fire');
  const early = await t.throwsAsync(made.engine.startRun(request('reprotect')));
  t.like(early, { reason: 'SITE_LOST' });
  t.regex((early as unknown as { hint: string }).hint, /Run in disaster mode/);
  const { frozen } = await made.engine.previewPlan('payroll', 'disaster');
  t.deepEqual([frozen.protectedSiteId, frozen.recoverySiteId], ['site-a', 'site-b']);
  t.is(made.engine.getPlan('payroll').plan.protectedSiteId, 'site-b', 'a preview turns nothing');
  await run(t, made, 'disaster');
  await expectBack(t, made, 'after a whole failback');
  await comeHome(t, made, 'home');
});

test('nothing was brought over, its recovery site lost → refused, nothing is turned', async (t) => {
  const made = await away(t);
  await made.lab.loseSite('site-a', { vms: 'keep' });
  await made.engine.declareLost('site-a', 'ann', 'fire');
  t.like(await t.throwsAsync(made.engine.startRun(request('disaster'))), {
    reason: 'SITE_NOT_LOST',
  });
  t.is(made.engine.getPlan('payroll').plan.protectedSiteId, 'site-b');
});
