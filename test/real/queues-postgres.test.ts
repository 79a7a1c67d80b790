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
    // Each has executed one run, which is called as it is: it is asked in its own queue.
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
    const ask = async (runId: string): Promise<string> => {
      const { signal } = new AbortController();
      const question = { method: '/siteswap.v1.RunService/GetRun', runId };
      const body = Buffer.alloc(0);
      return Buffer.from(await asker.one({ ...question, body, waitMs: 5_000, signal })).toString();
    };
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
