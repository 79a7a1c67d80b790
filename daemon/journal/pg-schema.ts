/**
 * The journal's tables in PostgreSQL, and the two functions that change them. What must land
 * together is one call of one function, so one statement: a client that is paused in the middle of
 * it leaves no open transaction behind.
 *
 * `append` takes a whole group of calls. Each call lands or is refused by itself. The number of the
 * group and its answer are kept with the writer's row: whoever asks again, because a connection
 * broke before the answer came, is told what it came to, and nothing is appended twice.
 */

/** What this program knows; a schema with a higher number is from a newer one. */
export const formatNewest = 1;

/** Serialises those who make the schema at the same moment: "Site" in ASCII, and our format. */
const makersLock = 0x53697465;

const tables = `
  CREATE SCHEMA siteswap;
  CREATE TABLE siteswap.format (version int NOT NULL);
  INSERT INTO siteswap.format VALUES (${formatNewest});
  CREATE TABLE siteswap.writer (
    id text PRIMARY KEY,
    group_number bigint NOT NULL DEFAULT 0,
    answer jsonb NOT NULL DEFAULT '[]'
  ) WITH (fillfactor = 60);
  CREATE TABLE siteswap.stream (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE,
    next_seq bigint NOT NULL,
    epoch bigint NOT NULL,
    owner text
  ) WITH (fillfactor = 60);
  CREATE INDEX owned ON siteswap.stream (owner) WHERE owner IS NOT NULL;
  CREATE TABLE siteswap.member (
    id text PRIMARY KEY,
    writer text NOT NULL,
    lease_until timestamptz NOT NULL,
    site text NOT NULL,
    addresses text[] NOT NULL DEFAULT '{}',
    draining boolean NOT NULL DEFAULT false,
    system_seq bigint NOT NULL DEFAULT 0,
    since timestamptz NOT NULL DEFAULT clock_timestamp()
  ) WITH (fillfactor = 60);
  CREATE TABLE siteswap.entry (
    stream bigint NOT NULL,
    seq bigint NOT NULL,
    body text NOT NULL,
    PRIMARY KEY (stream, seq)
  );`;

/**
 * Appends number `a` = 1 … are those of the calls, one behind the other; `of_call` says whose each
 * is. Bodies name their append (`of_append`) and their place in it. Answers what was refused, as
 * `{call, stream, seq, next, epoch}`; null: this writer is not known any more.
 */
const appendFunction = `
  CREATE FUNCTION siteswap.append(
    writer_id text, wanted_group bigint, of_call int[], names text[], seqs bigint[],
    epochs bigint[], counts int[], of_append int[], places int[], bodies text[]
  ) RETURNS jsonb LANGUAGE plpgsql AS $$
  DECLARE
    known siteswap.writer;
    refused jsonb := '[]';
    appends int := cardinality(names);
    ids bigint[] := array_fill(0::bigint, ARRAY[cardinality(names)]);
    a int := 1;
    first int;
    found_id bigint;
    stands siteswap.stream;
  BEGIN
    SELECT * INTO known FROM siteswap.writer WHERE id = writer_id FOR UPDATE;
    IF NOT FOUND THEN RETURN NULL; END IF;
    IF known.group_number = wanted_group THEN RETURN known.answer; END IF;
    WHILE a <= appends LOOP
      first := a;
      BEGIN
        WHILE a <= appends AND of_call[a] = of_call[first] LOOP
          IF seqs[a] = 1 AND counts[a] > 0 THEN
            INSERT INTO siteswap.stream (name, next_seq, epoch, owner)
              VALUES (names[a], 1, coalesce(epochs[a], 1),
                CASE WHEN epochs[a] IS NOT NULL THEN writer_id END) ON CONFLICT DO NOTHING;
          END IF;
          UPDATE siteswap.stream SET next_seq = next_seq + counts[a]
            WHERE name = names[a] AND next_seq = seqs[a]
              AND (epochs[a] IS NULL OR epoch = epochs[a])
            RETURNING id INTO found_id;
          IF NOT FOUND AND (counts[a] > 0 OR seqs[a] <> 1) THEN
            RAISE EXCEPTION USING ERRCODE = 'SW001';
          END IF;
          ids[a] := found_id;
          a := a + 1;
        END LOOP;
      EXCEPTION WHEN SQLSTATE 'SW001' THEN
        SELECT * INTO stands FROM siteswap.stream WHERE name = names[a];
        refused := refused || jsonb_build_object('call', of_call[a], 'stream', names[a],
          'seq', seqs[a], 'next', coalesce(stands.next_seq, 1), 'epoch', stands.epoch);
        a := first;
        WHILE a <= appends AND of_call[a] = of_call[first] LOOP
          ids[a] := 0;
          a := a + 1;
        END LOOP;
      END;
    END LOOP;
    INSERT INTO siteswap.entry (stream, seq, body)
      SELECT ids[u.a], seqs[u.a] + u.place, u.body
      FROM unnest(bodies, of_append, places) AS u (body, a, place) WHERE ids[u.a] <> 0;
    UPDATE siteswap.writer SET group_number = wanted_group, answer = refused WHERE id = writer_id;
    RETURN refused;
  END $$;`;

/** The oldest entries below `before` go, at most `entries_max`; true: none of them is left. */
const trimFunction = `
  CREATE FUNCTION siteswap.trim(wanted text, before bigint, entries_max int)
  RETURNS boolean LANGUAGE plpgsql AS $$
  DECLARE
    trimmed siteswap.stream;
    oldest bigint;
    last bigint;
  BEGIN
    SELECT * INTO trimmed FROM siteswap.stream WHERE name = wanted FOR UPDATE;
    IF NOT FOUND THEN RETURN true; END IF;
    SELECT min(seq) INTO oldest FROM siteswap.entry WHERE stream = trimmed.id;
    last := least(before, trimmed.next_seq);
    oldest := least(coalesce(oldest, last) + entries_max, last);
    DELETE FROM siteswap.entry WHERE stream = trimmed.id AND seq < oldest;
    IF oldest = trimmed.next_seq THEN DELETE FROM siteswap.stream WHERE id = trimmed.id; END IF;
    RETURN oldest = last;
  END $$;`;

/** All of it or nothing; does nothing where it is there already. */
export const schemaSql = `
  BEGIN;
  SELECT pg_advisory_xact_lock(${makersLock});
  DO $outer$ BEGIN
    IF to_regclass('siteswap.format') IS NOT NULL THEN RETURN; END IF;
    ${[tables, appendFunction, trimFunction].map((part) => `EXECUTE $part$${part}$part$;`).join('')}
  END $outer$;
  COMMIT`;

export const appendSql =
  'SELECT siteswap.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) AS refused';

export const trimSql = 'SELECT siteswap.trim($1, $2, $3) AS done';

/** Its first row also says which entry is the stream's oldest, for a beginning that was trimmed. */
export const readSql = `
  SELECT e.seq::float8 AS seq, e.body FROM siteswap.stream s
  JOIN siteswap.entry e ON e.stream = s.id
  WHERE s.name = $1 AND e.seq >= $2 ORDER BY e.seq LIMIT $3`;

export const oldestSql = `
  SELECT min(e.seq)::float8 AS oldest FROM siteswap.stream s
  JOIN siteswap.entry e ON e.stream = s.id WHERE s.name = $1`;

export const streamsSql = `
  SELECT name, next_seq::float8 AS next_seq FROM siteswap.stream WHERE next_seq > 1 ORDER BY name`;
