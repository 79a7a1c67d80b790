/**
 * What the queues keep in PostgreSQL beside graphile-worker's own tables: reports, who waits for
 * streams, which pools of workers are whose, and who has executed which run. Nothing of it belongs
 * to the journal, and all but the last may be lost: reports are asked for again.
 */

/** Serialises those who make the schema at the same moment: "Sitq" in ASCII. */
const makersLock = 0x53697471;

const alive = 'm.lease_until > clock_timestamp()';

/** Does nothing where it is there already. */
export const queueSchemaSql = `
  BEGIN;
  SELECT pg_advisory_xact_lock(${makersLock});
  DO $outer$ BEGIN
    IF to_regclass('siteswap_queue.executed') IS NOT NULL THEN RETURN; END IF;
    CREATE SCHEMA IF NOT EXISTS siteswap_queue;
    CREATE UNLOGGED TABLE siteswap_queue.report (
      request text NOT NULL,
      attempt int NOT NULL,
      part int NOT NULL,
      last boolean NOT NULL,
      member text NOT NULL,
      asker text NOT NULL,
      body bytea,
      error text,
      elsewhere text,
      at timestamptz NOT NULL DEFAULT clock_timestamp(),
      PRIMARY KEY (request, attempt, part)
    );
    CREATE INDEX report_at ON siteswap_queue.report (at);
    CREATE UNLOGGED TABLE siteswap_queue.waiting (
      request text PRIMARY KEY,
      until timestamptz NOT NULL
    );
    CREATE TABLE siteswap_queue.pool (
      id text PRIMARY KEY,
      writer text NOT NULL,
      member text NOT NULL,
      task text NOT NULL
    );
    CREATE TABLE siteswap_queue.executed (
      member text NOT NULL,
      run text NOT NULL,
      PRIMARY KEY (member, run)
    );
  END $outer$;
  COMMIT`;

/**
 * Requests go into the queues of members that are alive and take them. The answer counts those
 * members; where there are none, nothing is put anywhere.
 */
export const putSql = `
  WITH live AS (
    SELECT DISTINCT p.member, p.task FROM siteswap_queue.pool p
    JOIN siteswap.member m ON m.writer = p.writer WHERE ${alive}
  ), asked AS (
    SELECT key, place, json_build_object('request', payload, 'untilMs',
        extract(epoch FROM clock_timestamp()) * 1000 + wait_ms) AS payload
    FROM unnest($1::text[], $2::text[], $3::json[], $4::float8[])
      AS a (key, place, payload, wait_ms)
  ), waits AS (
    INSERT INTO siteswap_queue.waiting (request, until)
    SELECT request, clock_timestamp() + interval '30 s' FROM unnest($5::text[]) AS w (request)
    ON CONFLICT (request) DO NOTHING
  ), specs AS (
    SELECT 'request' AS task, payload, key FROM asked WHERE place = '' AND EXISTS (TABLE live)
    UNION ALL
    SELECT task, payload, NULL FROM asked, live WHERE place = '*' OR place = live.member
  )
  SELECT (SELECT count(*)::int FROM live) AS members, (
    SELECT count(*) FROM graphile_worker.add_jobs(ARRAY(
      SELECT ROW(task, payload, NULL, NULL, NULL, key, NULL, NULL)::graphile_worker.job_spec
      FROM specs))) AS jobs`;

/** A part of a stream is taken only while somebody waits for it. */
export const reportSql = `
  INSERT INTO siteswap_queue.report
    (request, attempt, part, last, member, asker, body, error, elsewhere)
  SELECT request, attempt, part, last, member, asker, body, error, elsewhere
  FROM unnest($1::text[], $2::int[], $3::int[], $4::boolean[], $5::text[], $6::text[],
      $7::bytea[], $8::text[], $9::text[], $10::boolean[])
    AS r (request, attempt, part, last, member, asker, body, error, elsewhere, streams)
  WHERE NOT streams OR EXISTS (SELECT 1 FROM siteswap_queue.waiting w
    WHERE w.request = r.request AND w.until > clock_timestamp())
  ON CONFLICT DO NOTHING RETURNING request, attempt, part, asker`;

/** What was read before goes first; see `reports`. */
export const readReportsSql = `
  WITH gone AS (
    DELETE FROM siteswap_queue.report r USING unnest($2::text[], $3::int[]) AS d (request, part)
    WHERE r.request = d.request AND r.part <= d.part AND NOT (r.part = 1 AND r.last)
  ), renewed AS (
    UPDATE siteswap_queue.waiting SET until = clock_timestamp() + interval '30 s'
    WHERE request = ANY ($1) AND until < clock_timestamp() + interval '20 s'
  )
  SELECT request, attempt, part, last, member, body, error, elsewhere
  FROM siteswap_queue.report WHERE request = ANY ($1) ORDER BY request, part`;

export const standingSql = `
  SELECT s.owner IS NOT NULL AS open, m.id AS member FROM siteswap.stream s
  LEFT JOIN siteswap.member m ON m.writer = s.owner AND ${alive} WHERE s.name = $1`;

/** A pool that was taken for gone while its process was frozen is there again. */
export const keepPoolSql = `
  INSERT INTO siteswap_queue.pool (id, writer, member, task) VALUES ($1, $2, $3, $4)
  ON CONFLICT (id) DO NOTHING`;

/**
 * Pools of members that are gone, and those of ours that have ended: what they had in hand is free
 * for others.
 */
export const freePoolsSql = `
  WITH gone AS (
    DELETE FROM siteswap_queue.pool p WHERE (p.writer = $1 AND p.id <> $2)
      OR NOT EXISTS (SELECT 1 FROM siteswap.member m WHERE m.writer = p.writer AND ${alive})
    RETURNING id, task
  )
  SELECT array_agg(task) AS tasks, graphile_worker.force_unlock_workers(array_agg(id))
  FROM gone HAVING count(*) > 0`;

/** Requests in members' own queues that nobody will take: their askers have been told otherwise. */
export const clearTasksSql = `
  SELECT count(*) FROM graphile_worker.complete_jobs(ARRAY(
    SELECT j.id FROM graphile_worker.jobs j WHERE j.task_identifier = ANY ($1::text[])
      AND j.task_identifier <> 'request'
      AND NOT EXISTS (SELECT 1 FROM siteswap_queue.pool p WHERE p.task = j.task_identifier)))`;

/**
 * Rows of the queues live for a moment, and each look into a queue passes what is left of the dead
 * ones: the server's own housekeeping comes once a minute. Where somebody is at it, nothing is
 * done.
 */
export const vacuumSql = `VACUUM (SKIP_LOCKED, TRUNCATE OFF)
  graphile_worker._private_jobs, siteswap_queue.report, siteswap_queue.waiting`;

/** What was left lying: old reports, streams without a reader, jobs of pools that nobody knows. */
export const sweepSql = `
  WITH reports AS (
    DELETE FROM siteswap_queue.report WHERE at < clock_timestamp() - interval '60 s'
  ), streams AS (
    DELETE FROM siteswap_queue.waiting WHERE until < clock_timestamp()
  ), runs AS (
    DELETE FROM siteswap_queue.executed e
    WHERE NOT EXISTS (SELECT 1 FROM siteswap.stream s WHERE s.name = e.run)
  )
  SELECT graphile_worker.force_unlock_workers(ARRAY(
    SELECT DISTINCT locked_by FROM graphile_worker.jobs j WHERE j.locked_by IS NOT NULL
      AND j.locked_at < clock_timestamp() - interval '10 s'
      AND NOT EXISTS (SELECT 1 FROM siteswap_queue.pool p WHERE p.id = j.locked_by)))`;

export const aliveSql = `
  SELECT DISTINCT p.member FROM siteswap_queue.pool p
  JOIN siteswap.member m ON m.writer = p.writer WHERE ${alive}`;

export const executedSql = 'SELECT run FROM siteswap_queue.executed WHERE member = $1 LIMIT $2';

export const keepExecutedSql = `
  INSERT INTO siteswap_queue.executed (member, run)
  SELECT $1, run FROM unnest($2::text[]) AS e (run) ON CONFLICT DO NOTHING`;

export const forgetSql = `
  WITH gone AS (DELETE FROM siteswap_queue.waiting WHERE request = $1)
  SELECT graphile_worker.remove_job($1)`;

export const isWaitedSql = `
  SELECT 1 AS waited FROM siteswap_queue.waiting
  WHERE request = $1 AND until > clock_timestamp()`;

export const isInTimeSql = `
  SELECT extract(epoch FROM clock_timestamp()) * 1000 < $1 AS in_time`;

export const tellSql = `
  SELECT pg_notify(channel, payload) FROM unnest($1::text[], $2::text[]) AS n (channel, payload)`;
