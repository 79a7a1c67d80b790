/**
 * Members and their database are killed and frozen at random moments, while runs are started at
 * whichever member answers. In the end every run has ended well, a watcher sees each of its events
 * once, and no task was done again. The seed says which strikes there were, and in which order;
 * SITESWAP_TEST_SEED takes another one.
 */
import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { CallError, Mode, type RunEvent, RunResult } from '../../sdk/client/index.ts';
import type { TestDaemon } from '../../sdk/testing/index.ts';
import { repeatedTasks, startMembers } from '../_support/daemon.ts';
import { type PostgresServer, startPostgres } from '../_support/postgres.ts';

const names = ['m1', 'm2', 'm3'];
const runsWanted = Number(process.env.SITESWAP_TEST_CHAOS_RUNS ?? 6);
const seed = Number(process.env.SITESWAP_TEST_SEED ?? 7);

/** Each promote takes this long: strikes fall into calls. */
const slow = {
  injections: [{ name: 'slow', step: 'test-copy', effect: { effect: 'delay', delayMs: 800 } }],
};

/** Mulberry32: small, and the same everywhere. */
const drawsOf = (start: number) => {
  let state = start;
  return (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

/** Asks members in turn until one answers; what is not said by a member's state is thrown. */
const ask = async <T>(
  members: readonly TestDaemon[],
  first: number,
  question: (member: TestDaemon) => Promise<T>,
): Promise<T> => {
  for (let n = first; ; n++) {
    try {
      return await question(members[n % members.length] as TestDaemon);
    } catch (error) {
      const passing = ['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'ABORTED', 'NOT_FOUND'];
      if (!(error instanceof CallError) || !passing.includes(error.code)) throw error;
      await delay(200);
    }
  }
};

const eventsOf = async (member: TestDaemon, runId: string): Promise<RunEvent[]> => {
  const events: RunEvent[] = [];
  for await (const event of member.client.runs.watch(runId)) events.push(event);
  return events;
};

const strikesOn = (
  members: readonly TestDaemon[],
  server: PostgresServer,
  draw: () => number,
): Record<string, () => Promise<void>> => ({
  'a member is killed and started again': async () => {
    const member = members[Math.floor(draw() * members.length)] as TestDaemon;
    await member.kill();
    await member.restart();
  },
  'a member is frozen and wakes': async () => {
    const { pid } = members[Math.floor(draw() * members.length)] as TestDaemon;
    process.kill(pid, 'SIGSTOP');
    await delay(2_000 + draw() * 4_000);
    process.kill(pid, 'SIGCONT');
  },
  'the database is killed and started again': async () => {
    await server.kill();
    await delay(draw() * 4_000);
    await server.start();
  },
  'the database is frozen and wakes': async () => {
    server.freeze();
    await delay(1_000 + draw() * 3_000);
    server.thaw();
  },
});

/** Watched at two members, a run is the same, whole, done once, and well. */
const expectWhole = async (
  t: ExecutionContext,
  members: readonly TestDaemon[],
  runId: string,
): Promise<void> => {
  const [one = [], other] = await Promise.all(
    members.slice(0, 2).map((member) => ask([member], 0, () => eventsOf(member, runId))),
  );
  t.deepEqual(one, other);
  t.deepEqual(
    one.map(({ cursor }) => cursor),
    one.map((_, at) => at + 1),
  );
  t.deepEqual(repeatedTasks(one), []);
  t.is(one.at(-1)?.result, RunResult.SUCCEEDED);
};

test.serial(`members: ${runsWanted} runs under strikes → each ends once, well`, async (t) => {
  t.timeout(20 * 60_000);
  t.log(`seed ${seed}`);
  const draw = drawsOf(seed);
  const server = await startPostgres();
  t.teardown(() => server.stop());
  const { members } = await startMembers(t, await server.database(), names, slow);
  const counts: Record<string, number> = {};
  let over = false;
  const striking = (async () => {
    while (!over) {
      await delay(500 + draw() * 3_000);
      const all = Object.entries(strikesOn(members, server, draw));
      const [name, strike] = all[Math.floor(draw() * all.length)] as (typeof all)[number];
      counts[name] = (counts[name] ?? 0) + 1;
      await strike();
    }
  })();
  const runIds: string[] = [];
  for (let n = 0; n < runsWanted; n++) {
    const mode = n % 2 === 0 ? Mode.TEST : Mode.CLEANUP;
    const order = { planId: 'move', mode, requester: 'ann', requestKey: `run ${n}` };
    const { runId } = await ask(members, n, (member) => member.client.runs.start(order));
    runIds.push(runId);
    await ask(members, n + 1, (member) => eventsOf(member, runId));
  }
  over = true;
  await striking;
  t.log(counts);
  t.is(new Set(runIds).size, runsWanted);
  for (const runId of runIds) await expectWhole(t, members, runId);
});
