/**
 * Plugins that never come back (at import, in `open`, in a verb) cost their own calls only: a run
 * over another array, through the same threads, ends well, and everybody is told who it was.
 */
import test, { type ExecutionContext } from 'ava';
import {
  CallError,
  Decision,
  ItemOutcome,
  Mode,
  RunResult,
  RunStatus,
} from '../../sdk/client/index.ts';
import { failure } from '../_support/api.ts';
import { labPlan, startOnLab } from '../_support/daemon-on-lab.ts';

const refused = (t: ExecutionContext, call: Promise<unknown>) => failure(t, call, CallError);

test('endless loops at import, in open, in a verb → another array’s run ends, all are named', async (t) => {
  const { daemon, close } = await startOnLab({
    world: { groups: 2, vmsPerGroup: 2 },
    misdeeds: [
      { id: 'loops-at-import', module: 'loops-at-import' },
      { id: 'loops-in-open', deed: 'loop', at: 'open' },
      { id: 'loops-in-sync', deed: 'loop', at: 'sync' },
    ],
  });
  t.teardown(close);
  const { client } = daemon;
  const sync = (arrayId: string) =>
    client.replication.sync({ arrayId, targets: [{ id: 'cg-0001' }], requester: 'ann' });
  await client.plans.create(labPlan('good', ['cg-0001', 'cg-0002']));

  const looping = [
    refused(t, sync('loops-at-import')),
    refused(t, sync('loops-in-open')),
    sync('loops-in-sync'),
  ] as const;
  const good = { planId: 'good', requester: 'ann' };
  const { runId } = await client.runs.start({ ...good, mode: Mode.PLANNED });
  t.is((await client.waitForRun(runId)).result, RunResult.SUCCEEDED);

  const [atImport, inOpen, inSync] = await Promise.all(looping);
  for (const [error, id] of [
    [atImport, 'loops-at-import'],
    [inOpen, 'loops-in-open'],
  ] as const) {
    t.like(error, { reason: 'PLUGIN_FAILED', subject: id, owner: 'FAULT_OWNER_PLUGIN' });
    t.regex(error.message, new RegExp(`plugin ${id} held its thread`));
  }

  const run = await client.runs.get(inSync.runId);
  t.is(run.status, RunStatus.PARKED);
  t.regex(run.attention, /plugin loops-in-sync held its thread/);
  const [item] = (await client.runs.report(inSync.runId)).items;
  t.is(item?.outcome, ItemOutcome.IN_DOUBT);
  t.like(item?.fault, { owner: 'FAULT_OWNER_PLUGIN', code: 'PLUGIN_CRASHED' });
  t.regex(item?.fault?.message ?? '', /plugin loops-in-sync held its thread/);
  await client.runs.resume({ ...run, requester: 'ann', decision: Decision.ABANDON });

  const again = await client.runs.start({ ...good, mode: Mode.REPROTECT });
  t.is((await client.waitForRun(again.runId)).result, RunResult.SUCCEEDED);
});
