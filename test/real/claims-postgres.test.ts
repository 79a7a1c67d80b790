/**
 * Claims among members over a real PostgreSQL: the suite of every journal, and two plans with VMs
 * in common at several daemons, counted at the array.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connectLab, type LabControl, labSpec, startLabWorld } from '@siteswap/plugin-lab/control';
import test, { type ExecutionContext } from 'ava';
import pg from 'pg';
import { openPgJournal } from '../../daemon/journal/pg.ts';
import {
  ItemOutcome,
  Mode,
  type RunEvent,
  RunEventType,
  RunResult,
  Unit,
} from '../../sdk/client/index.ts';
import { type DaemonConfig, startDaemon, type TestDaemon } from '../../sdk/testing/index.ts';
import { repeatedTasks } from '../_support/daemon.ts';
import { type PostgresServer, startPostgres } from '../_support/postgres.ts';
import { ask, strikeAt } from '../_support/strikes.ts';
import { sharing, vmsPerGroup } from '../_support/two-plans.ts';
import { claimsSuite } from '../contract/_claims-suite.ts';

let server: PostgresServer;

test.before(async () => {
  server = await startPostgres();
});
test.after.always(() => server?.stop());

const rounds = Number(process.env.SITESWAP_TEST_CLAIM_ROUNDS ?? 200);
const crowds = Number(process.env.SITESWAP_TEST_CLAIM_CROWDS ?? 20);

claimsSuite('postgres', async () => {
  const url = await server.database();
  const journals = await Promise.all([1, 2, 3, 4].map(() => openPgJournal({ url })));
  return { journals, rounds, crowds };
});

type Injections = NonNullable<DaemonConfig['injections']>;

interface Cluster {
  readonly members: readonly TestDaemon[];
  readonly lab: LabControl;
  readonly postgres: string;
  readonly join: (name: string) => Promise<TestDaemon>;
}

/** Members over one database and one world, which know both plans. `only`: who injects. */
const startCluster = async (
  t: ExecutionContext,
  names: readonly string[],
  injections: Injections = [],
  { only, server: own = server }: { readonly only?: string; readonly server?: PostgresServer } = {},
): Promise<Cluster> => {
  t.timeout(5 * 60_000);
  const directory = await mkdtemp(join(tmpdir(), 'siteswap-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const socket = join(directory, 'lab.sock');
  const spec = labSpec({ groups: sharing.groups, vmsPerGroup, priorities: [1, 2, 3] });
  const world = await startLabWorld({ socket, spec });
  t.teardown(() => world.close());
  const lab = connectLab(socket);
  t.teardown(() => lab.close());
  const postgres = await own.database();
  const enter = async (member: string): Promise<TestDaemon> => {
    const some = only === undefined || only === member ? injections : [];
    const config = { journal: { postgres }, member, injections: some };
    const daemon = await startDaemon({ world, config });
    t.teardown(() => daemon.stop());
    return daemon;
  };
  const members: TestDaemon[] = [];
  for (const name of names) members.push(await enter(name));
  const { plans } = (members[0] as TestDaemon).client;
  for (const { id, protectionGroups } of [sharing.east, sharing.west]) {
    await plans.create({
      id,
      protectedSiteId: 'site-a',
      recoverySiteId: 'site-b',
      protectionGroups: protectionGroups.map(({ id: groupId, groups }) => ({
        id: groupId,
        groups: [...groups],
      })),
    });
  }
  return { members, lab, postgres, join: enter };
};

/** What runs asked of each other, in the system stream. */
const saidInSystem = async (url: string): Promise<Record<string, number>> => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const said = await client
    .query(
      `SELECT e.body::json->>'type' AS type, count(*)::int AS times FROM siteswap.entry e
       JOIN siteswap.stream s ON s.id = e.stream WHERE s.name = 'system' GROUP BY 1`,
    )
    .finally(() => client.end());
  return Object.fromEntries(said.rows.map(({ type, times }) => [type, times]));
};

const start = async (member: TestDaemon, planId: string): Promise<string> => {
  const order = { planId, mode: Mode.PLANNED, requester: 'ann', requestKey: planId };
  return (await member.client.runs.start(order)).runId;
};

const eventsAt = async (member: TestDaemon, runId: string): Promise<RunEvent[]> => {
  const events: RunEvent[] = [];
  for await (const event of member.client.runs.watch(runId)) events.push(event);
  return events;
};

/** Both runs have ended well, and every object was moved by one of them, once. */
const expectOnce = async (
  t: ExecutionContext,
  { lab }: Cluster,
  member: TestDaemon,
  [first, later]: readonly [string, string],
): Promise<void> => {
  for (const runId of [first, later]) {
    const events = await eventsAt(member, runId);
    t.is(events.at(-1)?.result, RunResult.SUCCEEDED);
    t.deepEqual(repeatedTasks(events), []);
    t.deepEqual(
      events.map(({ cursor }) => cursor),
      events.map((_, at) => at + 1),
    );
  }
  for (const [verb, count] of [
    ['failover', sharing.groups],
    ['powerOn', sharing.vms],
  ] as const) {
    const initiators = Object.values(await lab.initiators(verb));
    t.is(initiators.length, count);
    t.true(initiators.every((those) => those.length === 1));
    t.true((await lab.effects(verb)).every(({ times }) => times === 1));
  }
  t.deepEqual(await lab.verify(), []);
  const skipped = (await member.client.runs.report(later)).items.filter(
    ({ outcome }) => outcome === ItemOutcome.DONE_ELSEWHERE,
  );
  t.is(skipped.filter(({ unit }) => unit === Unit.VM).length, sharing.shared);
  t.true(skipped.every(({ why }) => why === `run ${first} did it`));
};

/** The first run goes on for long enough that the later one is opened meanwhile. */
const slow: Injections = [
  {
    name: 'slow calls',
    step: 'promote-target',
    effect: { effect: 'delay', delayMs: 6_000 },
  },
];

test.serial(
  'claims: two plans share 30 of 100 VMs, started at two of 4 members at once → each VM once',
  async (t) => {
    const cluster = await startCluster(t, ['m1', 'm2', 'm3', 'm4'], slow);
    const [m1, m2, m3] = cluster.members as [TestDaemon, TestDaemon, TestDaemon];
    const runIds = await Promise.all([start(m1, 'east'), start(m2, 'west')]);
    const events = await Promise.all(runIds.map((runId) => eventsAt(m3, runId)));
    const skips = events.map((those) =>
      those.some(({ type }) => type === RunEventType.DONE_ELSEWHERE),
    );
    const counts: Record<string, number> = {};
    for (const { type } of events[skips[0] ? 0 : 1] ?? []) counts[type] = (counts[type] ?? 0) + 1;
    const system = await saidInSystem(cluster.postgres);
    t.log('the later run', counts, 'the system stream', system);
    // Of a rival that goes on, what is counted is said once for each workgroup that skips.
    t.true((system['objects-counted'] ?? 0) <= (counts[RunEventType.DONE_ELSEWHERE] ?? 0));
    t.is(system['run-returning'], undefined);
    const [first, later] = skips[0] ? [runIds[1], runIds[0]] : [runIds[0], runIds[1]];
    await expectOnce(t, cluster, m3, [first as string, later as string]);
  },
);

/** Until something is so. */
const until = async (is: () => Promise<boolean>): Promise<void> => {
  while (!(await is())) await delay(20);
};

const failedOver = async ({ lab }: Cluster): Promise<number> =>
  (await lab.effects('failover')).length;

const lost: Injections = [
  { name: 'no answers', step: 'promote-target', effect: { effect: 'lost-reply' } },
];

test.serial(
  'claims: the first run’s member is killed after the effect, before the reply → nothing twice',
  async (t) => {
    const cluster = await startCluster(t, ['m1', 'm2'], lost, { only: 'm1' });
    const [m1, m2] = cluster.members as [TestDaemon, TestDaemon];
    const [first, later] = [await start(m1, 'east'), await start(m2, 'west')];
    await until(async () => (await failedOver(cluster)) > 0);
    await m1.kill();
    await expectOnce(t, cluster, m2, [first, later]);
    const events = await eventsAt(m2, first);
    t.true(events.some(({ type }) => type === RunEventType.RUN_TAKEN_OVER));
  },
);

test.serial(
  'claims: the first run’s member is killed before the effect → done after all, once',
  async (t) => {
    const cluster = await startCluster(t, ['m1', 'm2'], slow);
    const [m1, m2] = cluster.members as [TestDaemon, TestDaemon];
    const [first, later] = [await start(m1, 'east'), await start(m2, 'west')];
    for await (const { type, step } of m2.client.runs.watch(first)) {
      if (type === RunEventType.TASK_STARTED && step === 'promote-target') break;
    }
    t.is(await failedOver(cluster), 0);
    await m1.kill();
    await expectOnce(t, cluster, m2, [first, later]);
  },
);

test.serial(
  'claims: the waiting run’s member is killed, and a member joins meanwhile → nothing twice',
  async (t) => {
    const cluster = await startCluster(t, ['m1', 'm2'], slow);
    const [m1, m2] = cluster.members as [TestDaemon, TestDaemon];
    const [first, later] = [await start(m1, 'east'), await start(m2, 'west')];
    for await (const { type } of m1.client.runs.watch(later)) {
      if (type === RunEventType.CLAIM_WAITS) break;
    }
    const m5 = await cluster.join('m5');
    await m2.kill();
    await expectOnce(t, cluster, m5, [first, later]);
  },
);

const seed = Number(process.env.SITESWAP_TEST_SEED ?? 7);

test.serial('claims: two plans under strikes at 3 members → each VM once', async (t) => {
  const own = await startPostgres();
  t.teardown(() => own.stop());
  const cluster = await startCluster(t, ['m1', 'm2', 'm3'], slow, { server: own });
  t.timeout(10 * 60_000);
  t.log(`seed ${seed}`);
  const { members } = cluster;
  const [first, later] = [
    await start(members[0] as TestDaemon, 'east'),
    await start(members[1] as TestDaemon, 'west'),
  ];
  const strikes = strikeAt({ members, server: own }, seed);
  for (const runId of [first, later]) {
    await ask(members, 2, (member) => eventsAt(member, runId));
  }
  t.log(await strikes.end());
  await ask(members, 0, (member) => member.client.runs.get(later));
  await expectOnce(t, cluster, members[0] as TestDaemon, [first, later]);
});
