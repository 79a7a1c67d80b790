/** Several daemons over one PostgreSQL: runs outlive the member that drives them. */
import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import {
  type CallError,
  Decision,
  Mode,
  type RunEvent,
  RunEventType,
  RunResult,
  RunStatus,
} from '../../sdk/client/index.ts';
import type { TestDaemon } from '../../sdk/testing/index.ts';
import { repeatedTasks, startMembers } from '../_support/daemon.ts';
import { type PostgresServer, startPostgres } from '../_support/postgres.ts';

let server: PostgresServer;

test.before(async () => {
  server = await startPostgres();
});
test.after.always(() => server?.stop());

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n + 1);

/** Each sync and promotion takes this long: there is time to strike. */
const slow = {
  injections: [
    { name: 'slow', step: 'sync', effect: { effect: 'delay', delayMs: 1_500 } },
    { name: 'slow too', step: 'promote-target', effect: { effect: 'delay', delayMs: 1_500 } },
  ],
};

/** A member learns of its drain when it renews its lease: no run must end before it has. */
const verySlow = {
  injections: [
    { name: 'slow', step: 'promote-target', effect: { effect: 'delay', delayMs: 8_000 } },
  ],
};

const start = (member: TestDaemon) =>
  member.client.runs.start({
    planId: 'move',
    mode: Mode.PLANNED,
    requester: 'ann',
    requestKey: 'once',
  });

/** Everything that a watcher at `member` sees; `strike` is called once it has seen `at` events. */
const watchAt = async (
  member: TestDaemon,
  runId: string,
  at = 0,
  strike: () => Promise<void> | void = () => {},
): Promise<RunEvent[]> => {
  const events: RunEvent[] = [];
  for await (const event of member.client.runs.watch(runId)) {
    events.push(event);
    if (events.length === at) await strike();
  }
  return events;
};

const expectWhole = (t: ExecutionContext, events: readonly RunEvent[]): void => {
  t.deepEqual(
    events.map(({ cursor }) => cursor),
    upTo(events.length),
  );
  t.deepEqual(repeatedTasks(events), []);
  t.is(events.at(-1)?.result, RunResult.SUCCEEDED);
};

test.serial(
  'members: a run at one is seen at the other, event by event, and its end',
  async (t) => {
    const { members } = await startMembers(t, await server.database(), ['m1', 'm2']);
    const [first, second] = members as [TestDaemon, TestDaemon];
    const { runId } = await start(first);
    const [here, there] = await Promise.all([watchAt(first, runId), watchAt(second, runId)]);
    t.deepEqual(there, here);
    expectWhole(t, there);
    t.is((await second.client.runs.get(runId)).result, RunResult.SUCCEEDED);
    t.is((await start(second)).runId, runId);
  },
);

test.serial(
  'members: SIGKILL of the one that drives → the other goes on, nothing twice',
  async (t) => {
    const { members } = await startMembers(t, await server.database(), ['m1', 'm2'], slow);
    const [first, second] = members as [TestDaemon, TestDaemon];
    const { runId } = await start(first);
    let killedMs = 0;
    const events = await watchAt(second, runId, 8, async () => {
      await first.kill();
      killedMs = Date.now();
    });
    expectWhole(t, events);
    const taken = events.find(({ type }) => type === RunEventType.RUN_TAKEN_OVER);
    t.is(taken?.memberId, 'm2');
    t.is(taken?.epoch, 2);
    t.log(`taken over ${(taken?.time?.getTime() ?? 0) - killedMs} ms after`);
  },
);

test.serial(
  'members: a site is declared lost while nobody drives the run → its next member tells it',
  async (t) => {
    const { members } = await startMembers(t, await server.database(), ['m1', 'm2'], slow);
    const [first, second] = members as [TestDaemon, TestDaemon];
    const { runId } = await start(first);
    await first.kill();
    await second.client.sites.declareLost({ siteId: 'site-a', requester: 'ann', reason: 'fire' });
    const types: RunEventType[] = [];
    for await (const { type } of second.client.runs.watch(runId)) {
      types.push(type);
      if (type === RunEventType.RUN_SITE_LOST) break;
    }
    t.true(types.includes(RunEventType.RUN_TAKEN_OVER));
    t.is(types.at(-1), RunEventType.RUN_SITE_LOST);
  },
);

test.serial(
  'members: the one that drives is frozen and wakes → fenced, nothing twice',
  async (t) => {
    const { members } = await startMembers(t, await server.database(), ['m1', 'm2'], slow);
    const [first, second] = members as [TestDaemon, TestDaemon];
    const { runId } = await start(first);
    const events = await watchAt(second, runId, 8, () => {
      process.kill(first.pid, 'SIGSTOP');
      setTimeout(() => process.kill(first.pid, 'SIGCONT'), 8_000);
    });
    expectWhole(t, events);
    t.is(events.filter(({ type }) => type === RunEventType.RUN_TAKEN_OVER).length, 1);
    while ((await first.client.health().catch(() => '')) !== 'SERVING') await delay(100);
    const again = await watchAt(first, runId);
    t.deepEqual(again, events);
  },
);

test.serial(
  'members: cancelled and resumed at one that does not drive → the one that drives does it',
  async (t) => {
    const { members } = await startMembers(t, await server.database(), ['m1', 'm2'], slow);
    const [first, second] = members as [TestDaemon, TestDaemon];
    const { runId } = await start(first);
    await second.client.runs.cancel({ runId, requester: 'bob', reason: 'not now' });
    const parked = await second.client.waitForRun(runId);
    t.is(parked.status, RunStatus.PARKED);
    const again = { runId, requester: 'bob', decision: Decision.RETRY };
    await second.client.runs.resume(again);
    const twice = await t.throwsAsync(second.client.runs.resume(again));
    t.is((twice as CallError).reason, 'RUN_NOT_PARKED');
    const events = await watchAt(second, runId);
    expectWhole(t, events);
    const steered = [RunEventType.RUN_CANCEL_REQUESTED, RunEventType.RUN_RESUMED] as const;
    for (const type of steered) t.is(events.filter((event) => event.type === type).length, 1);
    t.deepEqual(
      events.filter(({ type }) => type === RunEventType.RUN_TAKEN_OVER),
      [],
    );
  },
);

test.serial('members: 20 starts of one key at both, at once → one run', async (t) => {
  const { members } = await startMembers(t, await server.database(), ['m1', 'm2']);
  const starts = upTo(20).map((n) => start(members[n % 2] as TestDaemon));
  const runs = await Promise.all(starts);
  t.is(new Set(runs.map(({ runId }) => runId)).size, 1);
  expectWhole(t, await watchAt(members[1] as TestDaemon, runs[0]?.runId ?? ''));
});

test.serial(
  'members: drained → its run goes over with its calls ended, and it begins nothing',
  async (t) => {
    const { members } = await startMembers(t, await server.database(), ['m1', 'm2'], verySlow);
    const [first, second] = members as [TestDaemon, TestDaemon];
    const { runId } = await start(first);
    const runsOf = async (at: number) => (await second.client.cluster.members())[at]?.ownedRuns;
    t.deepEqual(await runsOf(0), [{ runId, epoch: 1 }]);
    const events = await watchAt(second, runId, 8, () => second.client.cluster.drain('m1'));
    expectWhole(t, events);
    const taken = events.find(({ type }) => type === RunEventType.RUN_TAKEN_OVER);
    t.like(taken, { memberId: 'm2', epoch: 2 });
    t.deepEqual(
      events.filter(({ type }) => type === RunEventType.TASK_INTERRUPTED),
      [],
    );
    let seen = await second.client.cluster.members();
    while (seen.some(({ runs }) => runs > 0)) seen = await second.client.cluster.members();
    t.deepEqual(
      seen.map(({ id, alive, draining, runs }) => [id, alive, draining, runs]),
      [
        ['m1', true, true, 0],
        ['m2', true, false, 0],
      ],
    );
    const order = { planId: 'move', mode: Mode.TEST, requester: 'ann' };
    await t.throwsAsync(first.client.runs.start(order), { message: /is leaving/ });
  },
);

test.serial(
  'members: the database is away for longer than any lease → no run changes hands',
  async (t) => {
    const own = await startPostgres();
    t.teardown(() => own.stop());
    const { members } = await startMembers(t, await own.database(), ['m1', 'm2'], slow);
    const [first, second] = members as [TestDaemon, TestDaemon];
    const { runId } = await start(first);
    const events = await watchAt(second, runId, 8, async () => {
      await own.kill();
      await delay(6_000);
      await own.start();
    });
    expectWhole(t, events);
    t.deepEqual(
      events.filter(({ type }) => type === RunEventType.RUN_TAKEN_OVER),
      [],
    );
  },
);
