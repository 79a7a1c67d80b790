/** Members of a cluster as its database knows them: a journal, a lease that is kept, and queues. */
import pg from 'pg';
import { openPgQueues } from '../../daemon/cluster/pg-queues.ts';
import type { Queues } from '../../daemon/cluster/queues.ts';
import { leaseMs } from '../../daemon/core/limits.ts';
import type { Journal } from '../../daemon/journal/journal.ts';
import { openPgJournal } from '../../daemon/journal/pg.ts';
import type { Shared } from '../../daemon/journal/shared.ts';

export interface PgSeat {
  readonly queues: Queues;
  readonly writer: string;
  /** Its lease is over, for all that others can tell. */
  die(): Promise<void>;
  close(): Promise<void>;
}

export const askDatabase = async (url: string, sql: string, values: unknown[] = []) => {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  return client.query(sql, values).finally(() => client.end());
};

export const takeSeat = async (url: string, memberId: string): Promise<PgSeat> => {
  const journal: Journal = await openPgJournal({ url });
  const { members, writer } = journal.shared as Shared;
  const lease = { memberId, site: 'a', addresses: [], leaseMs };
  await members.join(lease);
  const renewing = setInterval(() => members.renew(lease, 0).catch(() => {}), leaseMs / 3);
  const queues = await openPgQueues({ url, writer, trouble: () => {} });
  const ended = "UPDATE siteswap.member SET lease_until = now() - interval '1 s' WHERE id = $1";
  return {
    queues,
    writer,
    die: async () => {
      clearInterval(renewing);
      await askDatabase(url, ended, [memberId]);
    },
    close: async () => {
      clearInterval(renewing);
      await queues.close();
      await journal.close();
    },
  };
};

/** Gives a run to a member on paper; undefined: it has ended. */
export const ownRun = async (url: string, runId: string, writer: string | undefined) => {
  const sql = `INSERT INTO siteswap.stream (name, next_seq, epoch, owner) VALUES ($1, 2, 1, $2)
    ON CONFLICT (name) DO UPDATE SET owner = excluded.owner`;
  await askDatabase(url, sql, [runId, writer ?? null]);
};
