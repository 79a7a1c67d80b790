/**
 * A planned run of a real daemon takes real guests over live: on shared devices shown as stretched,
 * the preference of each switched before the first of its VMs goes.
 */
import test from 'ava';
import { powerOn } from '../../plugins/qemu/power.ts';
import { MigrationVerdict, Mode, RunResult } from '../../sdk/client/index.ts';
import { startDaemon } from '../../sdk/testing/index.ts';
import { followed } from '../_support/live-runs.ts';
import {
  callWith,
  goesOn,
  numbersIn,
  pairConfig,
  plainSites,
  qemuConfig,
  qemuPlan,
  qemuSites,
  saidAt,
  statusOf,
  vmOf,
} from '../_support/qemu.ts';

test.serial(
  'planned, live: 20 VMs on 4 shared devices → same boots, no number missing or twice',
  async (t) => {
    const sites = await qemuSites(t, { devices: 4, vmsPerDevice: 5 });
    for (const id of sites.vmIds) await powerOn(sites.a, callWith(), vmOf(id));
    const boots = new Map<string, string | undefined>();
    for (const id of sites.vmIds) {
      await goesOn(sites.a, id);
      boots.set(id, (await statusOf(sites.a, id)).bootId);
    }
    const daemon = await startDaemon({ config: qemuConfig(sites) });
    t.teardown(() => daemon.stop());
    const { client } = daemon;
    await client.plans.create(qemuPlan('move', sites));
    const asked = { planId: 'move', mode: Mode.PLANNED, requester: 'test' };
    const { runId } = await client.runs.start(asked);
    const run = await client.waitForRun(runId, { deadlineMs: 200_000 });
    t.is(run.result, RunResult.SUCCEEDED, JSON.stringify(run.attention));
    for (const id of sites.vmIds) {
      t.like(await statusOf(sites.b, id), { power: 'on', registered: true, bootId: boots.get(id) });
      await goesOn(sites.b, id);
      const [before, after] = [await saidAt(sites.a, id), await saidAt(sites.b, id)];
      const all = numbersIn(before + after);
      t.deepEqual(
        all,
        Array.from(all, (_, index) => index + 1),
        `${id} lost or repeated a number`,
      );
      t.true(numbersIn(after).length > 0);
    }
    const { switched, early, gaps } = await followed(client, runId);
    t.deepEqual(early, [], 'no VM goes before the preference of its device was switched');
    t.deepEqual([...switched].sort(), ['pg-d1', 'pg-d2', 'pg-d3', 'pg-d4']);
    t.is(gaps.length, sites.vmIds.length);
    t.true(gaps.every((gap) => gap > 0));
    const migrations = await client.migrations.status('move');
    t.deepEqual(
      migrations.map(({ verdict }) => verdict),
      sites.vmIds.map(() => MigrationVerdict.AT_DESTINATION),
    );
    t.log(`gaps in ms: ${gaps.join(' ')}`);
  },
);

test.serial(
  'control: a VM on a plain pair, in the same mode → it does stop, and loses nothing',
  async (t) => {
    const sites = await plainSites(t);
    const [id = ''] = sites.vmIds;
    await powerOn(sites.a, callWith(), vmOf(id));
    await goesOn(sites.a, id);
    const { bootId } = await statusOf(sites.a, id);
    const daemon = await startDaemon({ config: pairConfig(sites) });
    t.teardown(() => daemon.stop());
    const { client } = daemon;
    await client.plans.create(qemuPlan('move', sites));
    const asked = { planId: 'move', mode: Mode.PLANNED, requester: 'test' };
    const { runId } = await client.runs.start(asked);
    const run = await client.waitForRun(runId, { deadlineMs: 200_000 });
    t.is(run.result, RunResult.SUCCEEDED, JSON.stringify(run.attention));
    // Its first heartbeat there says what the disk held.
    await goesOn(sites.b, id);
    const [before, after] = [await statusOf(sites.a, id), await statusOf(sites.b, id)];
    t.like(after, { power: 'on', registered: true });
    t.not(after.bootId, bootId, 'it was booted anew');
    t.is(before.power, 'off');
    const [held = 0, told = 0] = [after.resumedAt, before.heartbeat];
    t.true(held === told || held === told + 1, `${told} was acknowledged, the disk held ${held}`);
  },
);
