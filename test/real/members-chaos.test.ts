/**
 * Members and their database are killed, frozen, cut off and drained at random moments, while runs
 * are started at whichever member answers. In the end every run has ended well, two watchers have
 * seen each of its events once, and at the arrays each VM was started once for each failover and
 * has lost nothing. The seed says which strikes there were, and in which order.
 *
 *     SITESWAP_TEST_CHAOS_MEMBERS=5 SITESWAP_TEST_CHAOS_RUNS=200 SITESWAP_TEST_SEED=7 \
 *       npx ava --config ava.real.config.js dist/test/real/members-chaos.test.js
 */
import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { CallError, Decision, Mode, RunResult, RunStatus } from '../../sdk/client/index.ts';
import type { TestDaemon } from '../../sdk/testing/index.ts';
import { watched } from '../_support/crash.ts';
import {
  countVms,
  groups,
  planOver,
  repeatedTasks,
  startMembers,
  untilAllWrite,
} from '../_support/daemon.ts';
import { lineTo } from '../_support/database-line.ts';
import { startPostgres } from '../_support/postgres.ts';
import { ask, strikeAt } from '../_support/strikes.ts';

const membersWanted = Number(process.env.SITESWAP_TEST_CHAOS_MEMBERS ?? 3);
const runsWanted = Number(process.env.SITESWAP_TEST_CHAOS_RUNS ?? 8);
const seed = Number(process.env.SITESWAP_TEST_SEED ?? 7);

const names = Array.from({ length: membersWanted }, (_, n) => `m${n + 1}`);

/** What each plan goes through, again and again: two failovers bring it home. */
const modes = [Mode.TEST, Mode.CLEANUP, Mode.PLANNED, Mode.REPROTECT];

/** These take so long that strikes fall into them. */
const slow = {
  injections: ['test-copy', 'promote-target'].map((step) => ({
    name: `slow ${step}`,
    step,
    effect: { effect: 'delay', delayMs: 500 },
  })),
};

/** Watched at two members, a run is the same, whole, done once, and well. */
const expectWhole = async (
  t: ExecutionContext,
  members: readonly TestDaemon[],
  runId: string,
): Promise<void> => {
  const [one = [], other] = await Promise.all(
    members.slice(0, 2).map((member) => ask([member], 0, () => watched(member, runId))),
  );
  t.deepEqual(one, other);
  t.deepEqual(
    one.map(({ cursor }) => cursor),
    one.map((_, at) => at + 1),
  );
  t.deepEqual(repeatedTasks(one), []);
  t.is(one.at(-1)?.result, RunResult.SUCCEEDED);
};

/** Somebody who waits for a run, and has what failed tried again. Answers how often they had to. */
const see = async (members: readonly TestDaemon[], runId: string): Promise<number> => {
  for (let resumed = 0, n = 0; ; n++) {
    const run = await ask(members, n, ({ client }) => client.runs.get(runId));
    if (run.status === RunStatus.ENDED) return resumed;
    if (run.status === RunStatus.PARKED) {
      const order = { runId, requester: 'ann', decision: Decision.RETRY };
      // Whoever it goes to may know already that it goes on.
      await ask(members, n, ({ client }) => client.runs.resume(order)).catch((error) => {
        if (!(error instanceof CallError && error.code === 'FAILED_PRECONDITION')) throw error;
      });
      resumed++;
    }
    await delay(50);
  }
};

test.serial(`members: ${runsWanted} runs under strikes → each ends once, well`, async (t) => {
  t.timeout(40 * 60_000);
  t.log(`seed ${seed}`);
  const server = await startPostgres();
  t.teardown(() => server.stop());
  const url = await server.database();
  const lines = await Promise.all(names.map(() => lineTo(url)));
  t.teardown(() => Promise.all(lines.map((line) => line.close())));
  const urls = lines.map((line) => line.url);
  const { members, sites } = await startMembers(t, urls, names, slow);
  const groupIds = groups.map(({ id }) => id);
  for (const id of groupIds) await members[0]?.client.plans.create(planOver(`plan-${id}`, [id]));
  const begun = Date.now();
  const strikes = strikeAt({ members, server, lines, names }, seed);
  const runIds: string[] = [];
  let resumed = 0;
  const drive = async (groupId: string, first: number): Promise<void> => {
    for (let n = 0; n < runsWanted / groupIds.length; n++) {
      const mode = modes[n % modes.length] as Mode;
      const order = {
        planId: `plan-${groupId}`,
        mode,
        requester: 'ann',
        requestKey: `${groupId} ${n}`,
      };
      const { runId } = await ask(members, first + n, ({ client }) => client.runs.start(order));
      runIds.push(runId);
      resumed += await see(members, runId);
    }
  };
  await Promise.all(groupIds.map(drive));
  const seconds = Math.round((Date.now() - begun) / 1_000);
  t.log({ seconds, resumed, ...(await strikes.end()) });
  t.is(new Set(runIds).size, runsWanted);
  for (const runId of runIds) await expectWhole(t, members, runId);
  await untilAllWrite(sites);
  const failovers = Math.floor((runsWanted / groupIds.length + 1) / modes.length);
  const counts = await countVms(sites, failovers % 2 === 0 ? 'a' : 'b');
  for (const { vmId, ...count } of counts) {
    const unharmed = { lost: 0, duplicates: 0, missing: 0, doubleWriters: 0 };
    t.deepEqual(count, { boots: 1 + failovers, ...unharmed }, vmId);
  }
});
