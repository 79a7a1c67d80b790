/** The disk under the journal is full in the middle of a run: held, nothing lost, on by itself. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import {
  CallError,
  Mode,
  type RunEvent,
  RunEventType,
  RunResult,
  Serving,
  type SiteswapClient,
} from '../../sdk/client/index.ts';
import { failure } from '../_support/api.ts';
import { repeatedTasks } from '../_support/daemon.ts';
import { labPlan, startOnLab } from '../_support/daemon-on-lab.ts';
import { until } from '../_support/files.ts';
import { mayMount, mountMemory } from '../_support/mounts.ts';
import { tempDir } from '../_support/temp.ts';

const blockBytes = 4_096;

/** Takes every block that is left. */
const fill = async (path: string): Promise<void> => {
  for (let bytes = 1_024 * blockBytes; bytes >= blockBytes; ) {
    try {
      await writeFile(path, Buffer.alloc(bytes), { flag: 'a' });
    } catch {
      bytes /= 2;
    }
  }
};

const refused = async (t: ExecutionContext, call: Promise<unknown>): Promise<void> => {
  const error = await failure(t, call, CallError);
  t.like(error, { reason: 'JOURNAL_HELD', code: 'UNAVAILABLE' });
  t.regex(error.message, /journal\.db.*SQLITE_FULL.*make room/);
};

const allOf = async (client: SiteswapClient, runId: string): Promise<RunEvent[]> => {
  const events: RunEvent[] = [];
  for await (const event of client.runs.watch(runId)) events.push(event);
  return events;
};

/** Waits until the remote has accepted a long operation. */
const operating = async (client: SiteswapClient, runId: string): Promise<void> => {
  for await (const { type } of client.runs.watch(runId)) {
    if (type === RunEventType.TASK_ACCEPTED) return;
  }
};

test('held: the disk fills up in mid-run → NOT_SERVING, nothing dispatched; room → it ends well', async (t) => {
  if (!mayMount) {
    t.log('a small file system can only be mounted by root: proven at the journal alone');
    t.pass();
    return;
  }
  const stateDir = join(await tempDir(t), 'state');
  await mountMemory(t, stateDir, 'size=2m,mode=700');
  const { lab, daemon, close } = await startOnLab({
    world: { groups: 2, vmsPerGroup: 2, operationMs: { sync: 36_000_000 } },
    stateDir,
  });
  t.teardown(close);
  const { client } = daemon;
  await client.plans.create(labPlan('held', ['cg-0001', 'cg-0002']));
  await client.plans.create(labPlan('other', ['cg-0002']));
  const request = { planId: 'held', mode: Mode.PLANNED, requester: 'ann', requestKey: 'k' };
  const { runId } = await client.runs.start(request);
  await operating(client, runId);
  const watching = allOf(client, runId);

  // The operation ends, and the journal can take no word of it.
  const ballast = join(stateDir, 'ballast');
  await fill(ballast);
  await lab.setSpeed(1e9);
  await until(async () => (await client.health()) === Serving.NOT_SERVING);
  const said = () => daemon.log.filter((line) => /"msg":"the journal (is held|goes on)/.test(line));
  await until(() => said().length === 1);
  const before = await lab.effects();
  const { etag } = await client.plans.get('other');
  await refused(t, client.runs.start({ ...request, planId: 'other', requestKey: 'l' }));
  await refused(t, client.plans.create(labPlan('more', ['cg-0001'])));
  await refused(t, client.plans.delete('other', etag));
  await refused(t, client.runs.cancel({ runId, requester: 'ann' }));
  const lost = { siteId: 'site-a', requester: 'ann', reason: 'x' };
  await refused(t, client.sites.declareLost(lost));
  t.like(await client.runs.start(request), { runId, existing: true });
  const devices = client.inventory.discoverDevices({ arrayIds: ['lab-a'] });
  for await (const { problem } of devices) t.is(problem, undefined);
  t.deepEqual(await lab.effects(), before);
  t.deepEqual(await lab.effects('shutDown'), []);

  await rm(ballast);
  t.is((await client.waitForRun(runId)).result, RunResult.SUCCEEDED);
  await until(async () => (await client.health()) === Serving.SERVING);
  const events = await watching;
  t.deepEqual(
    events.map(({ cursor }) => cursor),
    events.map((_, at) => at + 1),
  );
  t.deepEqual(repeatedTasks(events), []);
  t.deepEqual(await lab.verify(), []);
  t.false((await client.inventory.sites()).some((site) => site.lost));
  await until(() => said().length === 2);
  const [held = '', goesOn = ''] = said();
  t.regex(held, /"level":"warn".*SQLITE_FULL.*make room/);
  t.regex(goesOn, /"level":"info".*goes on/);
});
