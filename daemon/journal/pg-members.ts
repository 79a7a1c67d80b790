/**
 * What the members of a cluster say of themselves and of their streams, in the same database as the
 * entries: leases by the database's clock, and who has the licence to a stream. One statement each.
 */
import type { Line, Row } from './pg-line.ts';
import { type Lease, type Licence, licencesToldMax, type Member, type Members } from './shared.ts';

/** Streams that one statement takes over: its rows are locked no longer than that. */
const takenAtOnceMax = 50;

const alive = 'm.lease_until > clock_timestamp()';

const joinSql = `
  INSERT INTO siteswap.member AS m (id, writer, lease_until, site, addresses)
  VALUES ($1, $2, clock_timestamp() + $3 * interval '1 ms', $4, $5)
  ON CONFLICT (id) DO UPDATE SET writer = excluded.writer, lease_until = excluded.lease_until,
    site = excluded.site, addresses = excluded.addresses, draining = false, system_seq = 0,
    since = clock_timestamp()
  WHERE NOT (${alive}) OR m.writer = excluded.writer RETURNING id`;

const renewSql = `
  UPDATE siteswap.member SET lease_until = clock_timestamp() + $3 * interval '1 ms',
    system_seq = $4 WHERE id = $1 AND writer = $2 RETURNING draining`;

const membersSql = `
  SELECT m.id, m.site, m.addresses, m.draining, ${alive} AS live,
    (extract(epoch FROM m.lease_until - clock_timestamp()) * 1000)::float8 AS left_ms,
    m.system_seq::float8 AS system_seq, (extract(epoch FROM m.since) * 1000)::float8 AS since_ms,
    (SELECT count(*)::int FROM siteswap.stream s WHERE s.owner = m.writer) AS owned,
    ARRAY(SELECT json_build_object('name', s.name, 'epoch', s.epoch) FROM siteswap.stream s
      WHERE s.owner = m.writer ORDER BY s.id LIMIT ${licencesToldMax}) AS licences
  FROM siteswap.member m ORDER BY m.id`;

const takeSql = `
  UPDATE siteswap.stream SET owner = $1, epoch = epoch + 1 WHERE id IN (
    SELECT s.id FROM siteswap.stream s WHERE s.owner IS NOT NULL AND s.owner <> $1
      AND NOT EXISTS (SELECT 1 FROM siteswap.member m
        WHERE m.writer = s.owner AND ${alive})
    LIMIT ${takenAtOnceMax} FOR UPDATE SKIP LOCKED)
  RETURNING name, epoch::float8 AS epoch`;

const ownedSql = `
  SELECT name, epoch::float8 AS epoch FROM siteswap.stream WHERE owner = $1`;

const readoptSql = `
  UPDATE siteswap.stream SET epoch = epoch + 1 WHERE owner = $1 AND name = $2 AND epoch = $3
  RETURNING name, epoch::float8 AS epoch`;

const releaseSql = `
  UPDATE siteswap.stream SET owner = NULL WHERE name = $2 AND owner = $1 RETURNING 1`;

export class PgMembers implements Members {
  readonly #line: Line;
  readonly #writer: string;

  constructor(line: Line, writer: string) {
    this.#line = line;
    this.#writer = writer;
  }

  async join({ memberId, site, addresses, leaseMs }: Lease): Promise<boolean> {
    const values = [memberId, this.#writer, leaseMs, site, addresses];
    return (await this.#line.ask(joinSql, values)).length > 0;
  }

  async renew(
    { memberId, leaseMs }: Pick<Lease, 'memberId' | 'leaseMs'>,
    systemSeq: number,
  ): Promise<{ readonly draining: boolean } | undefined> {
    const values = [memberId, this.#writer, leaseMs, systemSeq];
    const [row] = await this.#line.ask(renewSql, values, 'renew');
    return row && { draining: row.draining as boolean };
  }

  async leave(memberId: string): Promise<void> {
    const values = [memberId, this.#writer];
    await this.#line.ask('DELETE FROM siteswap.member WHERE id = $1 AND writer = $2', values);
  }

  async members(): Promise<readonly Member[]> {
    return (await this.#line.ask(membersSql, [], 'members')).map((row) => ({
      id: row.id as string,
      site: row.site as string,
      addresses: row.addresses as string[],
      draining: row.draining as boolean,
      live: row.live as boolean,
      leaseLeftMs: row.left_ms as number,
      systemSeq: row.system_seq as number,
      sinceMs: row.since_ms as number,
      owned: row.owned as number,
      licences: (row.licences as Row[]).map(licenceOf),
    }));
  }

  async drain(memberId: string): Promise<boolean> {
    const sql = 'UPDATE siteswap.member SET draining = true WHERE id = $1 RETURNING id';
    return (await this.#line.ask(sql, [memberId])).length > 0;
  }

  async takeOver(): Promise<readonly Licence[]> {
    return (await this.#line.ask(takeSql, [this.#writer], 'take')).map(licenceOf);
  }

  async owned(): Promise<readonly Licence[]> {
    return (await this.#line.ask(ownedSql, [this.#writer], 'owned')).map(licenceOf);
  }

  async readopt({ stream, epoch }: Licence): Promise<Licence | undefined> {
    const [row] = await this.#line.ask(readoptSql, [this.#writer, stream, epoch], 'readopt');
    return row && licenceOf(row);
  }

  async release(stream: string): Promise<void> {
    await this.#line.ask(releaseSql, [this.#writer, stream], 'release');
  }

  async handOver(stream: string): Promise<void> {
    const sql = "UPDATE siteswap.stream SET owner = '' WHERE name = $2 AND owner = $1";
    await this.#line.ask(sql, [this.#writer, stream], 'hand-over');
  }
}

const licenceOf = ({ name, epoch }: Row): Licence => ({
  stream: name as string,
  epoch: epoch as number,
});
