/**
 * A site burns with what stands there: the member that drives a run, the VMs, the array; and the
 * database's primary, where it stood there too. What was acknowledged is at the other site, whose
 * member declares the loss and fails over.
 */
import { stopVms } from '@siteswap/plugin-files/inspect';
import { startVms } from '@siteswap/plugin-files/provision';
import test from 'ava';
import { Mode, type RunEvent, RunEventType, RunResult } from '../../sdk/client/index.ts';
import { startDaemon } from '../../sdk/testing/index.ts';
import { watched } from '../_support/crash.ts';
import {
  countVms,
  filesConfig,
  groups,
  heartbeatMs,
  placesOf,
  planOver,
  repeatedTasks,
  vmIds,
} from '../_support/daemon.ts';
import { lineTo } from '../_support/database-line.ts';
import { makeSites } from '../_support/files.ts';
import { lose } from '../_support/lost-site.ts';
import { startPostgres } from '../_support/postgres.ts';
import { ask } from '../_support/strikes.ts';

const order = { planId: 'move', requester: 'ann' };

for (const primaryAt of ['the recovery site', 'the site that burns'] as const) {
  test.serial(
    `the primary stands at ${primaryAt}, a site burns in mid-run → failed over`,
    async (t) => {
      const primary = await startPostgres();
      t.teardown(() => primary.stop());
      const standby = await primary.standby();
      t.teardown(() => standby.stop());
      const url = await primary.database();
      const line = await lineTo(url);
      t.teardown(() => line.close());
      const sites = await makeSites(groups);
      t.teardown(() => sites.close());
      const { directory, compute } = sites;
      await startVms({ directory: compute.a, arrays: { a: directory.a }, heartbeatMs });
      const start = async (member: string, site: string, postgres: string) => {
        const config = { ...filesConfig(sites), site, member, journal: { postgres } };
        const daemon = await startDaemon({ config });
        t.teardown(() => daemon.stop());
        return daemon;
      };
      const here = await start('m1', 'site-a', url);
      const there = await start('m2', 'site-b', line.url);
      await here.client.plans.create(planOver('move'));

      const { runId } = await here.client.runs.start({ ...order, mode: Mode.PLANNED });
      const seen: RunEvent[] = [];
      for await (const event of here.client.runs.watch(runId)) {
        seen.push(event);
        if (event.type === RunEventType.TASK_STARTED && event.step === 'demote-source') break;
      }
      await here.kill();
      await stopVms(compute.a);
      if (primaryAt === 'the site that burns') {
        await primary.kill();
        await standby.promote();
        line.pointAt(standby.urlOf(url));
      }
      const loss = { siteId: 'site-a', requester: 'ann', reason: 'fire' };
      await ask([there], 0, ({ client }) => client.sites.declareLost(loss));
      const site = await lose(t, { sites });
      const disaster = { ...order, mode: Mode.DISASTER, requestKey: 'fire' };
      const next = await ask([there], 0, ({ client }) => client.runs.start(disaster));
      const run = await there.client.waitForRun(next.runId);
      t.is(run.result, RunResult.SUCCEEDED, run.attention);
      t.false(site.touched());

      const whole = await watched(there, runId);
      t.deepEqual(whole.slice(0, seen.length), seen, 'what was told is there');
      t.deepEqual(repeatedTasks(whole), []);
      t.is(whole.at(-1)?.result, RunResult.SUPERSEDED);
      t.deepEqual((await placesOf(sites, 'b')).running, [...vmIds].sort());
      for (const { vmId, missing, doubleWriters } of await countVms(sites, 'b')) {
        t.deepEqual([missing, doubleWriters], [0, 0], vmId);
      }
    },
  );
}
