/**
 * Monitoring over many members, counted in the database itself: into which queues each request
 * went, who reported, and what effect it had. SITESWAP_TEST_REQUESTS says how many there are.
 */
import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { CallError, Mode, RunStatus } from '../../sdk/client/index.ts';
import type { TestDaemon } from '../../sdk/testing/index.ts';
import { type Fronted, planOver, startFronted, startMembers } from '../_support/daemon.ts';
import { type PostgresServer, startPostgres } from '../_support/postgres.ts';
import { askDatabase } from '../_support/seats.ts';

const requestsWanted = Number(process.env.SITESWAP_TEST_REQUESTS ?? 1_000);
const askersAtOnce = 16;

let server: PostgresServer;

test.before(async () => {
  server = await startPostgres();
});
test.after.always(() => server?.stop());

/** What is put into a queue and what is reported is noted, before it is gone again. */
const noting = `
  CREATE TABLE public.put (request text, task text, method text);
  CREATE TABLE public.told (request text, member text, taken boolean);
  CREATE FUNCTION public.note_put() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO public.put SELECT NEW.payload->'request'->>'id', t.identifier,
      NEW.payload->'request'->>'method' FROM graphile_worker._private_tasks t
      WHERE t.id = NEW.task_id;
    RETURN NEW;
  END $$;
  CREATE FUNCTION public.note_told() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO public.told VALUES (NEW.request, NEW.member, TG_WHEN = 'AFTER');
    RETURN NEW;
  END $$;
  CREATE TRIGGER note_put AFTER INSERT ON graphile_worker._private_jobs
    FOR EACH ROW EXECUTE FUNCTION public.note_put();
  CREATE TRIGGER note_tried BEFORE INSERT ON siteswap_queue.report
    FOR EACH ROW EXECUTE FUNCTION public.note_told();
  CREATE TRIGGER note_told AFTER INSERT ON siteswap_queue.report
    FOR EACH ROW EXECUTE FUNCTION public.note_told();`;

interface Cluster extends Fronted {
  rows(sql: string): Promise<readonly Record<string, unknown>[]>;
}

const startCluster = async (
  t: ExecutionContext,
  names: readonly string[],
  more: Parameters<typeof startFronted>[3] = {},
  args: readonly string[] = [],
): Promise<Cluster> => {
  const fronted = await startFronted(t, await server.database(), names, more, args);
  const { postgres } = fronted;
  await askDatabase(postgres, noting);
  const rows = async (sql: string) => (await askDatabase(postgres, sql)).rows;
  return { ...fronted, rows };
};

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n + 1);

/** Each promote takes so long that the run is there while it is asked for. */
const slow = (delayMs: number) => ({
  injections: [{ name: 'slow', step: 'test-copy', effect: { effect: 'delay', delayMs } }],
});

const order = { planId: 'move', mode: Mode.TEST, requester: 'ann' };

/** Does all of it, some at once; answers how often which reason, or none, was told. */
const countedOf = async (
  count: number,
  ask: (n: number) => Promise<unknown>,
): Promise<Record<string, number>> => {
  const counts: Record<string, number> = {};
  let next = 0;
  const asking = upTo(askersAtOnce).map(async () => {
    while (next < count) {
      const n = next++;
      const reason = await ask(n).then(
        () => 'answered',
        (error: unknown) => (error instanceof CallError ? error.reason : String(error)),
      );
      counts[reason] = (counts[reason] ?? 0) + 1;
    }
  });
  await Promise.all(asking);
  return counts;
};

const saved = `SELECT body::json->'plan'->>'id' AS plan, count(*)::int AS times
  FROM siteswap.entry WHERE body LIKE '%"plan-saved"%' GROUP BY 1`;

const eight = upTo(8).map((n) => `m${n}`);

test.serial(
  `8 members, ${requestsWanted} requests, one dies → each change once, each look by its owner`,
  async (t) => {
    t.timeout(10 * 60_000);
    const { members, front, rows } = await startCluster(t, eight, slow(600_000));
    const { client } = front;
    const { runId } = await (members[4] as TestDaemon).client.runs.start(order);
    // It dies when its next effect is durable, and before it has said so.
    await members[0]?.restart({}, { SITESWAP_TEST_EXIT_AFTER_ENTRIES: '2' });
    const changes = Math.round(requestsWanted * 0.2);
    const [changed, looked] = await Promise.all([
      countedOf(changes, (n) => client.plans.create(planOver(`p${n}`, ['g1']))),
      countedOf(requestsWanted - changes, () => client.runs.get(runId, { deadlineMs: 120_000 })),
    ]);
    t.deepEqual(changed, { answered: changes });
    t.deepEqual(looked, { answered: requestsWanted - changes });
    t.regex((await members[0]?.ended()) ?? '', /SIGKILL/);
    const times = (await rows(saved)).filter(({ plan }) => plan !== 'move');
    t.is(times.length, changes);
    t.deepEqual(
      times.filter((one) => one.times !== 1),
      [],
    );
    const shared = await rows(
      "SELECT DISTINCT task FROM public.put WHERE method LIKE '%/CreatePlan'",
    );
    t.deepEqual(shared, [{ task: 'request' }]);
    const spread = await rows(`SELECT queues, count(*)::int AS requests FROM (
      SELECT request, count(DISTINCT task)::int AS queues FROM public.put
      WHERE method LIKE '%/GetRun' GROUP BY 1) AS each GROUP BY 1 ORDER BY 1`);
    t.log('monitoring requests by how many queues they went into', spread);
    // Until its lease was over, the dead one's queue took them too.
    t.true(spread.every(({ queues }) => queues === 8 || queues === 7));
    const told = await rows(`SELECT DISTINCT member FROM public.told JOIN public.put USING (request)
      WHERE method LIKE '%/GetRun'`);
    t.deepEqual(told, [{ member: 'm5' }]);
  },
);

test.serial('two have executed a run → both tell of it, the first is passed on', async (t) => {
  const { members, front, rows } = await startCluster(t, ['m1', 'm2'], slow(1_000));
  const { client } = front;
  const { runId } = await (members[0] as TestDaemon).client.runs.start(order);
  while ((await client.runs.get(runId)).steps.every((step) => step.itemsDone === 0))
    await delay(50);
  await members[0]?.kill();
  for await (const page of client.runs.watchPages(runId)) if (page.last) break;
  await members[0]?.restart();
  const executed = await rows(`SELECT member FROM siteswap_queue.executed WHERE run = '${runId}'`);
  t.deepEqual(executed.map(({ member }) => member).sort(), ['m1', 'm2']);
  for (let n = 0; n < 20; n++) t.is((await client.runs.get(runId)).status, RunStatus.ENDED);
  const late = `SELECT request FROM public.told JOIN public.put USING (request)
    WHERE method LIKE '%/GetRun' GROUP BY 1 HAVING count(DISTINCT member) = 2`;
  while ((await rows(late)).length === 0) await client.runs.get(runId);
  const taken = await rows(`SELECT request FROM public.told JOIN (
      SELECT DISTINCT request FROM public.put WHERE method LIKE '%/GetRun') AS p USING (request)
    WHERE taken GROUP BY 1 HAVING count(*) > 1`);
  t.deepEqual(taken, []);
});

test.serial('a frozen member delays no answer of the others', async (t) => {
  const { members, front } = await startCluster(t, ['m1', 'm2', 'm3'], slow(600_000));
  const { client } = front;
  const [first, second] = members as [TestDaemon, TestDaemon];
  const { runId } = await first.client.runs.start(order);
  process.kill(second.pid, 'SIGSTOP');
  try {
    // All of them are answered while it is frozen: its lease runs out in the middle of them.
    t.deepEqual(await countedOf(300, () => client.runs.get(runId)), { answered: 300 });
    while ((await client.cluster.members()).some(({ id, alive }) => id === 'm2' && alive)) {
      await client.runs.get(runId);
    }
    t.deepEqual(await countedOf(100, () => client.runs.get(runId)), { answered: 100 });
  } finally {
    process.kill(second.pid, 'SIGCONT');
  }
});

test.serial(
  'a member that joins under load is asked too, and nothing is started again',
  async (t) => {
    const { members, front, postgres, rows } = await startCluster(t, ['m1', 'm2'], slow(600_000));
    const { client } = front;
    const { runId } = await (members[0] as TestDaemon).client.runs.start(order);
    const over = new AbortController();
    const load = countedOf(1_000_000, async () => {
      if (over.signal.aborted) return;
      await client.runs.get(runId);
    });
    const joined = await startMembers(t, postgres, ['m3'], slow(600_000), 'other');
    const [third] = joined.members as [TestDaemon];
    const other = await third.client.runs.start({ ...order, planId: 'other' });
    t.is((await client.runs.get(other.runId)).status, RunStatus.RUNNING);
    over.abort();
    t.deepEqual(Object.keys(await load), ['answered']);
    const told = await rows(`SELECT DISTINCT member FROM public.told JOIN public.put USING (request)
    WHERE task = 'member:m3' AND member = 'm3'`);
    t.deepEqual(told, [{ member: 'm3' }]);
  },
);

test.serial(
  'a front that asks directly → only the driver is asked; dead, the next one',
  async (t) => {
    const names = ['m1', 'm2', 'm3'];
    const { members, front, rows } = await startCluster(t, names, slow(600_000), ['--direct']);
    const { client } = front;
    const { runId } = await (members[1] as TestDaemon).client.runs.start(order);
    t.deepEqual(await countedOf(100, () => client.runs.get(runId)), { answered: 100 });
    // Where it was silent for too long all have been asked, by the others' queues too.
    const alone = `SELECT min(task) AS task, count(*)::int AS times FROM (
        SELECT request, min(task) AS task FROM public.put WHERE method LIKE '%/GetRun'
        GROUP BY 1 HAVING count(DISTINCT task) = 1) AS each GROUP BY each.task`;
    const asked = await rows(alone);
    t.log('looks that went into one queue', asked);
    t.deepEqual(
      asked.map(({ task }) => task),
      ['member:m2'],
    );
    const none = await t.throwsAsync(client.runs.get('00000000000000000000000000000000'));
    t.is((none as CallError).reason, 'RUN_NOT_FOUND');
    await members[1]?.kill();
    for (let answered = false; !answered; ) {
      const counts = await countedOf(20, () => client.runs.get(runId));
      t.deepEqual(
        Object.keys(counts).filter((key) => !['answered', 'RUN_UNAVAILABLE'].includes(key)),
        [],
      );
      answered = counts.answered === 20;
    }
    const told = await rows(`SELECT DISTINCT member FROM public.told WHERE taken ORDER BY 1`);
    t.true(told.some(({ member }) => member !== 'm2'));
  },
);
