/** Requests over queues in a real PostgreSQL: what every store promises, and what only this can. */
import test from 'ava';
import { Asker } from '../../daemon/cluster/asker.ts';
import { Responder } from '../../daemon/cluster/responder.ts';
import { SiteswapError } from '../../daemon/core/errors.ts';
import { systemClock } from '../../daemon/workers/system-clock.ts';
import { type PostgresServer, startPostgres } from '../_support/postgres.ts';
import { ownRun, type PgSeat, takeSeat } from '../_support/seats.ts';
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

test.serial(
  'queues postgres: the server is killed and comes back → they go on by themselves',
  async (t) => {
    const own = await startPostgres();
    t.teardown(() => own.stop());
    const url = await own.database();
    const seats = [await takeSeat(url, 'a'), await takeSeat(url, 'b')] as const;
    t.teardown(() => Promise.all(seats.map((seat) => seat.close())));
    for (const [at, { queues }] of seats.entries()) {
      const memberId = 'ab'[at] as string;
      const responder = new Responder(queues, {
        memberId,
        draining: () => false,
        drives: () => false,
        executes: () => false,
        answer: async function* () {
          yield Buffer.from(memberId);
        },
      });
      await responder.open();
    }
    const asker = new Asker({ queues: seats[0].queues, clock: systemClock() });
    t.teardown(() => asker.close());
    const ask = () => {
      const { signal } = new AbortController();
      const question = { method: '/siteswap.v1.PlanService/ListPlans', runId: '' };
      return asker.one({ ...question, body: Buffer.alloc(0), waitMs: 5_000, signal });
    };
    await ask();
    await own.kill();
    const error = await t.throwsAsync(ask(), { instanceOf: SiteswapError });
    t.is(error.reason, 'JOURNAL_HELD');
    await own.start();
    const answered = new Set<string>();
    while (answered.size < 2) {
      const answer = await ask().catch(() => undefined);
      if (answer !== undefined) answered.add(Buffer.from(answer).toString());
    }
    t.pass();
  },
);
