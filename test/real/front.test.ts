/** A front before several daemons: the contract as one of them speaks it, through their queues. */
import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import {
  CallError,
  Decision,
  Mode,
  type RunEvent,
  RunEventType,
  RunResult,
  RunStatus,
} from '../../sdk/client/index.ts';
import type { TestDaemon } from '../../sdk/testing/index.ts';
import { planOver, repeatedTasks, startFronted } from '../_support/daemon.ts';
import { type PostgresServer, startPostgres } from '../_support/postgres.ts';
import { askDatabase } from '../_support/seats.ts';

let server: PostgresServer;

test.before(async () => {
  server = await startPostgres();
});
test.after.always(() => server?.stop());

const allOf = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
};

/** Each sync takes this long: there is time to strike. */
const slow = {
  injections: [{ name: 'slow', step: 'sync', effect: { effect: 'delay', delayMs: 1_500 } }],
};

const startFront = async (
  t: ExecutionContext,
  names: readonly string[],
  more: Parameters<typeof startFronted>[3] = {},
) => startFronted(t, await server.database(), names, more);

const order = { planId: 'move', mode: Mode.PLANNED, requester: 'ann', requestKey: 'once' };

const watchAt = (daemon: TestDaemon, runId: string): Promise<RunEvent[]> =>
  allOf(daemon.client.runs.watch(runId));

test.serial('front: a whole run through it, as at a member', async (t) => {
  const { members, front } = await startFront(t, ['m1', 'm2']);
  const { client } = front;
  t.deepEqual(
    (await client.cluster.members()).map(({ id, alive }) => [id, alive]),
    [
      ['m1', true],
      ['m2', true],
    ],
  );
  await client.plans.create(planOver('half', ['g1']));
  const twice = await t.throwsAsync(client.plans.create(planOver('half', ['g1'])));
  t.is((twice as CallError).reason, 'PLAN_EXISTS');
  const { runId } = await client.runs.start(order);
  t.is((await client.runs.start(order)).runId, runId);
  const events = await watchAt(front, runId);
  t.deepEqual(events, await watchAt(members[1] as TestDaemon, runId));
  t.deepEqual(repeatedTasks(events), []);
  t.is((await client.runs.get(runId)).result, RunResult.SUCCEEDED);
  t.is((await client.runs.report(runId)).items.length, 6);
  t.deepEqual(
    (await allOf(client.runs.list())).map((run) => run.runId),
    [runId],
  );
});

test.serial('front: devices come as a stream, and what does not exist is told', async (t) => {
  const { front } = await startFront(t, ['m1', 'm2']);
  const pages = await allOf(front.client.inventory.discoverDevices({ arrayIds: ['a'] }));
  const devices = pages.flatMap((page) => page.devices);
  t.deepEqual(devices.map(({ id }) => id).sort(), ['d1', 'd2']);
  const unknown = await t.throwsAsync(front.client.runs.get('none'));
  t.is((unknown as CallError).reason, 'RUN_NOT_FOUND');
  const watched = await t.throwsAsync(watchAt(front, 'none'));
  t.is((watched as CallError).reason, 'RUN_NOT_FOUND');
  const local = await t.throwsAsync(front.client.injections.status());
  t.is((local as CallError).reason, 'INJECTIONS_PER_MEMBER');
});

test.serial('front: devices are watched as long as somebody waits, and no longer', async (t) => {
  const { front, postgres } = await startFront(t, ['m1', 'm2']);
  for await (const { devices } of front.client.inventory.watchDevices({ arrayIds: ['a'] })) {
    if (devices.length > 0) break;
  }
  const left = async (table: string) =>
    Number((await askDatabase(postgres, `SELECT count(*) FROM ${table}`)).rows[0].count);
  while ((await left('siteswap_queue.waiting')) > 0) await delay(100);
  while ((await left('graphile_worker.jobs')) > 0) await delay(100);
  t.pass();
});

test.serial('front: a device verb through it → its run is named ahead of the answer', async (t) => {
  const { front } = await startFront(t, ['m1', 'm2'], slow);
  const { replication, runs } = front.client;
  const request = { arrayId: 'a', targets: [{ id: 'g1' }], requester: 'ann' };
  let answered = false;
  const told: string[] = [];
  const began = (runId: string): void => void told.push(answered ? 'too late' : runId);
  const { runId } = await replication.sync(request, { began });
  answered = true;
  t.deepEqual(told, [runId]);
  t.is((await runs.get(runId)).mode, Mode.DEVICE);
});

test.serial('front: cancelled and resumed through it → done once, by the driver', async (t) => {
  const { front } = await startFront(t, ['m1', 'm2'], slow);
  const { client } = front;
  const { runId } = await client.runs.start(order);
  await client.runs.cancel({ runId, requester: 'bob', reason: 'not now' });
  t.is((await client.waitForRun(runId)).status, RunStatus.PARKED);
  await client.runs.resume({ runId, requester: 'bob', decision: Decision.RETRY });
  const events = await watchAt(front, runId);
  t.is(events.at(-1)?.result, RunResult.SUCCEEDED);
  t.is(events.filter(({ type }) => type === RunEventType.RUN_RESUMED).length, 1);
});

test.serial(
  'front: the owner is killed → unavailable, and right once it is taken over',
  async (t) => {
    const { members, front } = await startFront(t, ['m1', 'm2'], slow);
    const { client } = front;
    const { runId } = await (members[0] as TestDaemon).client.runs.start(order);
    t.is((await client.runs.get(runId)).status, RunStatus.RUNNING);
    await members[0]?.kill();
    const seen: string[] = [];
    for (;;) {
      const run = await client.runs
        .get(runId, { deadlineMs: 1_500 })
        .catch((error: unknown) => error);
      seen.push(run instanceof CallError ? run.reason : 'answered');
      if (!(run instanceof CallError)) break;
    }
    t.true(seen.length > 1, 'it was unavailable for a while');
    t.deepEqual([...new Set(seen)], ['RUN_UNAVAILABLE', 'answered']);
    const events = await watchAt(front, runId);
    t.is(events.find(({ type }) => type === RunEventType.RUN_TAKEN_OVER)?.memberId, 'm2');
    t.is(events.at(-1)?.result, RunResult.SUCCEEDED);
  },
);

test.serial('front: without a member it does not serve, and says why', async (t) => {
  const { members, front } = await startFront(t, ['m1']);
  await members[0]?.kill();
  while ((await front.client.health()) !== 'NOT_SERVING') {
    await delay(100);
  }
  const nobody = await t.throwsAsync(front.client.plans.get('move'));
  t.is((nobody as CallError).reason, 'NO_MEMBER');
  await members[0]?.restart();
  while ((await front.client.health()) !== 'SERVING') {
    await delay(100);
  }
  t.is((await front.client.plans.get('move')).plan?.id, 'move');
});
