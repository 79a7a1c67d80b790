/** A sync of ten hours at the array: polled over the death of the daemon, never started again. */
import test from 'ava';
import { Mode, type RunEvent, RunEventType, RunResult } from '../../sdk/client/index.ts';
import { repeatedTasks } from '../_support/daemon.ts';
import { labPlan, startOnLab } from '../_support/daemon-on-lab.ts';

const tenHoursMs = 36_000_000;

test('long operation: the daemon dies twice during a sync → polled on, once at the array', async (t) => {
  const { daemon, lab, close } = await startOnLab({
    world: { groups: 2, vmsPerGroup: 2, operationMs: { sync: tenHoursMs } },
  });
  t.teardown(close);
  const { client } = daemon;
  await client.plans.create(labPlan('long', ['cg-0001', 'cg-0002']));
  const request = { planId: 'long', mode: Mode.PLANNED, requester: 'ann' };
  const { runId } = await client.runs.start(request);
  const events: RunEvent[] = [];
  const fractions: number[] = [];
  let deaths = 0;
  // An hour in a second, until it was seen to go on after each death; then all the rest at once.
  for await (const page of client.runs.watchPages(runId)) {
    events.push(...page.events);
    fractions.push(...page.progress.map(({ fraction }) => fraction));
    const accepted = page.events.some(({ type }) => type === RunEventType.TASK_ACCEPTED);
    if (accepted && deaths === 0) await lab.setSpeed(3_600);
    if (page.progress.length === 0) continue;
    deaths++;
    if (deaths === 1) {
      await daemon.kill();
      await daemon.restart();
    } else if (deaths === 2) await daemon.restart();
    else await lab.setSpeed(1e9);
  }
  t.is((await client.runs.get(runId)).result, RunResult.SUCCEEDED);
  t.true(deaths >= 3);
  t.true(fractions.every((fraction) => fraction > 0 && fraction < 1));
  const started = events.filter(({ type }) => type === RunEventType.TASK_STARTED);
  t.deepEqual(
    started.filter(({ step }) => step === 'sync').map(({ attempt }) => attempt),
    [1],
  );
  t.deepEqual(repeatedTasks(events), []);
  // Once for the sync and once for the final one.
  const syncs = await lab.effects('sync');
  t.deepEqual(
    syncs.map(({ id, times }) => `${id} ${times}`),
    ['cg-0001 2', 'cg-0002 2'],
  );
  t.deepEqual(await lab.verify(), []);
});
