/**
 * The daemon dies at an exact entry of a run that moves both groups, and the restarted daemon ends
 * the run by the same loop. What happened is counted at the arrays and VMs, not at the daemon.
 */
import test from 'ava';
import { Mode, RunResult } from '../../sdk/client/index.ts';
import { crashAfter } from '../_support/crash.ts';
import {
  countVms,
  placesOf,
  repeatedTasks,
  rolesOf,
  startOnFiles,
  unharmed,
  vmIds,
} from '../_support/daemon.ts';

/** One place of each run; every entry of one is tried in every-entry.test.ts. */
const ways = [{ there: 20, reprotect: 16, back: 50 }];

/** Where they were before they stay registered, for the way back. */
const shutDown = { running: [], registered: [...vmIds] };
const running = { running: [...vmIds], registered: [...vmIds] };

for (const { there, reprotect, back } of ways) {
  const cuts = `after ${there} entries there, ${reprotect} of reprotect, ${back} back`;
  test.serial(`crash: ${cuts} → each run ends well, no task twice, no write lost`, async (t) => {
    const { daemon, sites } = await startOnFiles(t);
    const cut = async (entries: number, mode: Mode, requestKey: string) => {
      const { run, events } = await crashAfter(daemon, entries, {
        planId: 'move',
        mode,
        requestKey,
      });
      t.is(run.result, RunResult.SUCCEEDED, requestKey);
      t.deepEqual(repeatedTasks(events), [], requestKey);
      t.deepEqual(
        events.map(({ cursor }) => cursor),
        events.map((_, at) => at + 1),
        requestKey,
      );
      t.is(events.length, run.cursor, requestKey);
    };

    await cut(there, Mode.PLANNED, 'there');
    t.deepEqual([await placesOf(sites, 'a'), await placesOf(sites, 'b')], [shutDown, running]);
    t.deepEqual(await countVms(sites, 'b'), unharmed(2));

    await cut(reprotect, Mode.REPROTECT, 'reprotect');
    t.deepEqual(await rolesOf(sites, 'a'), ['d1 read-only incoming', 'd2 read-only incoming']);

    await cut(back, Mode.PLANNED, 'back');
    t.deepEqual([await placesOf(sites, 'a'), await placesOf(sites, 'b')], [running, shutDown]);
    t.deepEqual(await countVms(sites, 'a'), unharmed(3));
  });
}
