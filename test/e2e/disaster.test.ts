/**
 * A site is gone, in the middle of a write: its directories moved away, its VMs killed. The
 * disaster run needs nothing of it and goes near nothing of it.
 */
import { stopVms } from '@siteswap/plugin-files/inspect';
import test from 'ava';
import {
  CallError,
  DivergedChoice,
  Mode,
  RunEventType,
  RunResult,
} from '../../sdk/client/index.ts';
import { failure } from '../_support/api.ts';
import { countVms, type FilesDaemon, placesOf, startOnFiles, vmIds } from '../_support/daemon.ts';
import { until } from '../_support/files.ts';
import { lose } from '../_support/lost-site.ts';

const all = { running: [...vmIds], registered: [...vmIds] };
const disaster = { planId: 'move', mode: Mode.DISASTER, requester: 'ann' };

const declareLost = ({ daemon }: FilesDaemon) =>
  daemon.client.sites.declareLost({ siteId: 'site-a', requester: 'ann', reason: 'fire' });

test.serial(
  'disaster: refused until declared lost, then ends well without a look there',
  async (t) => {
    const on = await startOnFiles(t);
    const { client } = on.daemon;
    const early = await failure(t, client.runs.start(disaster), CallError);
    t.like(early, { reason: 'SITE_NOT_LOST', subject: 'site-a' });
    const site = await lose(t, on);
    await declareLost(on);
    const planned = client.runs.start({ ...disaster, mode: Mode.PLANNED });
    t.like(await failure(t, planned, CallError), { reason: 'SITE_LOST', subject: 'site-a' });

    const { runId } = await client.runs.start(disaster);
    const steps = new Set<string>();
    for await (const { step, type } of client.runs.watch(runId)) {
      if (type === RunEventType.TASK_OUTCOME) steps.add(step);
      t.false(site.touched(), step);
    }
    t.deepEqual(
      [...steps],
      ['promote-target', 'mount', 'resolve-instances', 'register', 'power-on', 'verify'],
    );
    const run = await client.waitForRun(runId);
    t.is(run.result, RunResult.SUCCEEDED, run.attention);
    t.false(site.touched());
    t.deepEqual(await placesOf(on.sites, 'b'), all);
    const report = await client.runs.report(runId);
    t.is(report.refusedCalls, 0);
    t.true((report.dataLossMs ?? -1) >= 0);
    t.true(report.items.every(({ outcome }) => outcome === 'ITEM_OUTCOME_DONE'));

    await on.daemon.kill();
    await on.daemon.restart();
    t.true((await client.inventory.sites()).find(({ id }) => id === 'site-a')?.lost);
    t.is((await client.runs.get(runId)).result, RunResult.SUCCEEDED);
    t.false(site.touched());
  },
);

/** What the array had accepted goes on there when it is back, and comes to its end. */
const untilNothingComes = ({ daemon }: FilesDaemon): Promise<void> =>
  until(async () => {
    const { obstacles } = await daemon.client.plans.preview('move', Mode.REPROTECT);
    return !obstacles.some(({ message }) => message.includes('still under way'));
  });

for (const [step, when] of [
  ['sync', 'while it replicates'],
  ['demote-source', 'while it demotes'],
  ['power-on', 'while it powers on'],
] as const) {
  test.serial(
    `disaster: a planned run is superseded ${when} → VMs run once, at site-b`,
    async (t) => {
      const on = await startOnFiles(t);
      const { client } = on.daemon;
      const { runId } = await client.runs.start({ ...disaster, mode: Mode.PLANNED });
      for await (const event of client.runs.watch(runId)) {
        if (event.type === RunEventType.TASK_STARTED && event.step === step) break;
      }
      await stopVms(on.sites.compute.a);
      await declareLost(on);
      const next = await client.runs.start(disaster);
      const told = next.warnings.map(({ message }) => message).join();
      t.regex(told, new RegExp(`run ${runId} .*takes over from it`));
      const site = await lose(t, on);
      const run = await client.waitForRun(next.runId);
      t.is(run.result, RunResult.SUCCEEDED, run.attention);
      t.false(site.touched());
      const old = await client.runs.get(runId);
      t.is(old.result, RunResult.SUPERSEDED);
      t.is(old.supersededBy, next.runId);
      t.deepEqual(await placesOf(on.sites, 'b'), all);
      for (const { vmId, missing, doubleWriters } of await countVms(on.sites, 'b')) {
        t.deepEqual([missing, doubleWriters], [0, 0], vmId);
      }
      // What it had left in doubt there cannot come any more, by the word of the plugin.
      await site.restore();
      await client.sites.declareReachable({ siteId: 'site-a', requester: 'ann', reason: 'dry' });
      const fence = await client.runs.start({ ...disaster, mode: Mode.FENCE });
      t.is((await client.waitForRun(fence.runId)).result, RunResult.SUCCEEDED);
      await untilNothingComes(on);
      const reprotect = { mode: Mode.REPROTECT, diverged: DivergedChoice.DISCARD };
      const back = await client.runs.start({ ...disaster, ...reprotect });
      const over = await client.waitForRun(back.runId);
      t.is(over.result, RunResult.SUCCEEDED, over.attention);
    },
  );
}
