/**
 * Members and their database are killed and frozen at random moments, while runs are started at
 * whichever member answers. In the end every run has ended well, a watcher sees each of its events
 * once, and no task was done again. The seed says which strikes there were, and in which order;
 * SITESWAP_TEST_SEED takes another one.
 */
import test, { type ExecutionContext } from 'ava';
import { Mode, type RunEvent, RunResult } from '../../sdk/client/index.ts';
import type { TestDaemon } from '../../sdk/testing/index.ts';
import { repeatedTasks, startMembers } from '../_support/daemon.ts';
import { startPostgres } from '../_support/postgres.ts';
import { ask, strikeAt } from '../_support/strikes.ts';

const names = ['m1', 'm2', 'm3'];
const runsWanted = Number(process.env.SITESWAP_TEST_CHAOS_RUNS ?? 6);
const seed = Number(process.env.SITESWAP_TEST_SEED ?? 7);

/** Each promote takes this long: strikes fall into calls. */
const slow = {
  injections: [{ name: 'slow', step: 'test-copy', effect: { effect: 'delay', delayMs: 800 } }],
};

const eventsOf = async (member: TestDaemon, runId: string): Promise<RunEvent[]> => {
  const events: RunEvent[] = [];
  for await (const event of member.client.runs.watch(runId)) events.push(event);
  return events;
};

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
  const server = await startPostgres();
  t.teardown(() => server.stop());
  const { members } = await startMembers(t, await server.database(), names, slow);
  const strikes = strikeAt(members, server, seed);
  const runIds: string[] = [];
  for (let n = 0; n < runsWanted; n++) {
    const mode = n % 2 === 0 ? Mode.TEST : Mode.CLEANUP;
    const order = { planId: 'move', mode, requester: 'ann', requestKey: `run ${n}` };
    const { runId } = await ask(members, n, (member) => member.client.runs.start(order));
    runIds.push(runId);
    await ask(members, n + 1, (member) => eventsOf(member, runId));
  }
  t.log(await strikes.end());
  t.is(new Set(runIds).size, runsWanted);
  for (const runId of runIds) await expectWhole(t, members, runId);
});
