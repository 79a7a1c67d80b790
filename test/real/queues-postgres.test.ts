/** Requests over queues in a real PostgreSQL: what every store promises, and what only this can. */
import test, { type ExecutionContext } from 'ava';
import { Asker } from '../../daemon/cluster/asker.ts';
import { Responder } from '../../daemon/cluster/responder.ts';
import { SiteswapError } from '../../daemon/core/errors.ts';
import { systemClock } from '../../daemon/workers/system-clock.ts';
import { type PostgresServer, startPostgres } from '../_support/postgres.ts';
import { askDatabase, ownRun, type PgSeat, takeSeat } from '../_support/seats.ts';
import { queuesSuite } from '../contract/_queues-suite.ts';

let server: PostgresServer;

test.before(async () => {
  server = await startPostgres();
});
test.after.always(() => server?.stop());

queuesSuite('postgres', async (t) => {
  const url = await server.database();
  const seats = new Map<string, PgSeat>();
  t.teardown(() => Promise.all([...seats.values()].map((seat) => seat.close())));
  return {
    seat: async (memberId) => {
      const seat = await takeSeat(url, memberId);
      seats.set(memberId, seat);
      return seat;
    },
    own: (runId, memberId) => ownRun(url, runId, memberId && seats.get(memberId)?.writer),
    drives: () => () => false,
  };
});

/** Two members, each of which has executed one run, which is called as it is; and who asks. */
const twoMembers = async (t: ExecutionContext, url: string) => {
  const seats = [await takeSeat(url, 'a'), await takeSeat(url, 'b')] as const;
  t.teardown(() => Promise.all(seats.map((seat) => seat.close())));
  for (const [at, { queues }] of seats.entries()) {
    const memberId = 'ab'[at] as string;
    await ownRun(url, memberId, undefined);
    const responder = new Responder(queues, {
      memberId,
      draining: () => false,
      drives: () => false,
      executes: (runId) => runId === memberId,
      answer: async function* () {
        yield Buffer.from(memberId);
      },
    });
    await responder.open();
  }
  const asker = new Asker({ queues: seats[0].queues, clock: systemClock() });
  t.teardown(() => asker.close());
  return async (runId: string): Promise<string> => {
    const { signal } = new AbortController();
    const question = { method: '/siteswap.v1.RunService/GetRun', runId };
    const body = Buffer.alloc(0);
    return Buffer.from(await asker.one({ ...question, body, waitMs: 5_000, signal })).toString();
  };
};

test.serial(
  'queues postgres: the server is killed and comes back → they go on by themselves',
  async (t) => {
    const own = await startPostgres();
    t.teardown(() => own.stop());
    const ask = await twoMembers(t, await own.database());
    t.is(await ask('b'), 'b');
    await own.kill();
    const error = await t.throwsAsync(ask('b'), { instanceOf: SiteswapError });
    t.is(error.reason, 'JOURNAL_HELD');
    await own.start();
    for (const runId of ['a', 'b']) {
      let told = '';
      while (told !== runId) told = await ask(runId).catch(() => '');
    }
    t.pass();
  },
);

test.serial(
  'queues postgres: after many requests they are cleared of what is left of them, by members',
  async (t) => {
    const url = await server.database();
    const ask = await twoMembers(t, url);
    const cleared = `SELECT vacuum_count::int AS times FROM pg_stat_user_tables
      WHERE schemaname = 'graphile_worker' AND relname = '_private_jobs'`;
    const times = async () => (await askDatabase(url, cleared)).rows[0]?.times;
    t.is(await times(), 0);
    while ((await times()) === 0) await Promise.all(Array.from({ length: 50 }, () => ask('b')));
    t.true((await times()) > 0);
  },
);
