/** Requests over queues in a real PostgreSQL: what every store promises, and what only this can. */
import test from 'ava';
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
