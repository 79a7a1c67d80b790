/**
 * The journal in PostgreSQL, for more than one daemon. Whatever is asked while a group is under way
 * makes the next group: one statement, one sync. A group whose answer did not come is asked again
 * under the same number, until the server says what it came to: nothing lands twice and nothing is
 * acknowledged that did not land. As long as it says nothing the journal is *held*.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { SiteswapError } from '../core/errors.ts';
import {
  type Append,
  type Journal,
  JournalError,
  type JournalHealth,
  type StoredEntry,
} from './journal.ts';
import { listen, Teller } from './pg-changes.ts';
import { entriesOf, groupOf, groupSize, refusalsOf, type Waiting } from './pg-group.ts';
import { Line, placeOf, type Row } from './pg-line.ts';
import { PgMembers } from './pg-members.ts';
import { openDatabase, said } from './pg-open.ts';
import { appendSql, oldestSql, readSql, streamsSql, trimSql } from './pg-schema.ts';
import type { Shared } from './shared.ts';

/** First and largest delay between two tries while held. */
const retryDelayMsMin = 20;
const retryDelayMsMax = 1_000;

export interface PgJournalOptions {
  /** `postgres://…`; may hold a password, and is told to nobody. */
  readonly url: string;
  /** Tests: as for the journal in a file; 0: never. */
  readonly exitAfterEntries?: number;
}

/** Opens or creates the journal. Rejects with JournalError when it is refused. */
export const openPgJournal = async ({
  url,
  exitAfterEntries = 0,
}: PgJournalOptions): Promise<Journal> => {
  const place = placeOf(url);
  const writer = randomUUID();
  const appends = new Line(url, 'journal');
  try {
    await openDatabase(appends, writer, place);
  } catch (error) {
    await appends.close();
    throw error;
  }
  const reads = new Line(url, 'reader');
  const leases = new Line(url, 'member');
  const shared: Shared = {
    writer,
    members: new PgMembers(leases, writer),
    changes: (signal) => listen(url, signal),
  };
  return new PgJournal({ appends, reads, leases, writer, place, exitAfterEntries, shared });
};

interface PgJournalParts {
  readonly appends: Line;
  readonly reads: Line;
  /** Its own: a lease does not stand in line behind entries. */
  readonly leases: Line;
  readonly shared: Shared;
  readonly writer: string;
  readonly place: string;
  readonly exitAfterEntries: number;
}

class PgJournal implements Journal {
  readonly #parts: PgJournalParts;
  /** Calls that have not landed, in order. */
  readonly #waiting: Waiting[] = [];
  #groups = 0;
  #entriesLanded = 0;
  #landing: Promise<void> | undefined;
  #heldReason: string | undefined;
  /** Set when the server knows this writer no longer. */
  #fenced: JournalError | undefined;
  readonly #teller: Teller;
  readonly #closing = new AbortController();
  #closed: Promise<void> | undefined;

  constructor(parts: PgJournalParts) {
    this.#parts = parts;
    this.#teller = new Teller(parts.reads);
  }

  get shared(): Shared {
    return this.#parts.shared;
  }

  append(appends: readonly Append[]): Promise<void> {
    if (this.#closing.signal.aborted) return Promise.reject(this.#closedError());
    if (this.#fenced !== undefined) return Promise.reject(this.#fenced);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ appends, resolve, reject });
      this.#landing ??= this.#landAll();
    });
  }

  async read(stream: string, fromSeq: number, limit: number): Promise<readonly StoredEntry[]> {
    const first = Math.max(fromSeq, 1);
    const values = [stream, first, Math.max(limit, 0)];
    const rows = await this.#ask(readSql, values, 'read');
    const entries = rows.map(({ seq, body }) => ({ seq: seq as number, body: body as string }));
    const begins = entries[0]?.seq ?? first;
    if (begins !== first) await this.#expectOldest(stream, begins, first);
    entries.forEach(({ seq }, at) => {
      if (seq !== begins + at) throw this.#hole(stream, begins + at);
    });
    return entries;
  }

  async check(): Promise<void> {}

  async streams(): Promise<readonly { readonly stream: string; readonly nextSeq: number }[]> {
    const rows = await this.#ask(streamsSql, [], 'streams');
    return rows.map(({ name, next_seq }) => ({
      stream: name as string,
      nextSeq: next_seq as number,
    }));
  }

  async trim(stream: string, beforeSeq: number, entriesMax: number): Promise<boolean> {
    const before = Math.min(beforeSeq, Number.MAX_SAFE_INTEGER);
    const [row] = await this.#ask(trimSql, [stream, before, entriesMax], 'trim');
    return row?.done as boolean;
  }

  health(): JournalHealth {
    if (this.#heldReason === undefined) return { held: false };
    return { held: true, reason: this.#heldReason };
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#closing.abort();
    await this.#landing;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#closedError());
    this.#teller.close();
    const { appends, reads, leases, writer } = this.#parts;
    await appends.ask('DELETE FROM siteswap.writer WHERE id = $1', [writer]).catch(() => {});
    await Promise.all([appends.close(), reads.close(), leases.close()]);
  }

  async #landAll(): Promise<void> {
    // Everything of this turn of the loop is one group.
    await undefined;
    try {
      while (this.#waiting.length > 0) await this.#landGroup();
    } catch (error) {
      for (const { reject } of this.#waiting.splice(0)) reject(error as Error);
    }
    this.#landing = undefined;
  }

  async #landGroup(): Promise<void> {
    const { appends, writer } = this.#parts;
    const calls = this.#nextGroup();
    const values = [writer, ++this.#groups, ...groupOf(calls)];
    const answer = await this.#insist(() => appends.ask(appendSql, values, 'append'));
    const refusals = refusalsOf(calls, answer);
    if (refusals === undefined) throw this.#cutOff();
    this.#waiting.splice(0, calls.length);
    const landed = calls.filter((_, call) => !refusals.has(call));
    this.#crashIfDue(landed);
    this.#teller.changed(landed.flatMap((call) => call.appends.map(({ stream }) => stream)));
    calls.forEach(({ resolve, reject }, call) => {
      const refusal = refusals.get(call);
      if (refusal === undefined) resolve();
      else reject(refusal);
    });
  }

  /** Never past the entry after which a test wants a crash. */
  #nextGroup(): readonly Waiting[] {
    const left = this.#parts.exitAfterEntries - this.#entriesLanded;
    const size = left > 0 ? groupSize(this.#waiting, left) : groupSize(this.#waiting);
    return this.#waiting.slice(0, size);
  }

  #crashIfDue(landed: readonly Waiting[]): void {
    const { exitAfterEntries } = this.#parts;
    for (const call of landed) this.#entriesLanded += entriesOf(call);
    if (exitAfterEntries === 0 || this.#entriesLanded < exitAfterEntries) return;
    process.kill(process.pid, 'SIGKILL');
  }

  #ask(text: string, values: readonly unknown[], name: string): Promise<readonly Row[]> {
    if (this.#closing.signal.aborted) return Promise.reject(this.#closedError());
    return this.#insist(() => this.#parts.reads.ask(text, values, name));
  }

  /** Until the server has answered, or the journal closes: then one last try. */
  async #insist<T>(ask: () => Promise<T>): Promise<T> {
    const { signal } = this.#closing;
    for (let delayMs = retryDelayMsMin; ; delayMs = Math.min(2 * delayMs, retryDelayMsMax)) {
      const last = signal.aborted;
      try {
        const answer = await ask();
        this.#heldReason = undefined;
        return answer;
      } catch (error) {
        if (last) throw this.#closedError();
        this.#heldReason = this.#troubled(error);
      }
      await delay(delayMs, undefined, { signal }).catch(() => {});
    }
  }

  /** A stream may lack its beginning, and nothing else. */
  async #expectOldest(stream: string, begins: number, wanted: number): Promise<void> {
    const [row] = await this.#ask(oldestSql, [stream], 'oldest');
    const oldest = row?.oldest as number | null | undefined;
    // What was trimmed while we read is no hole.
    if (oldest != null && oldest < begins) throw this.#hole(stream, wanted);
  }

  #hole(stream: string, seq: number): SiteswapError {
    const hole = `entry ${seq} of stream ${stream} is missing`;
    return new SiteswapError(
      'JOURNAL_DAMAGED',
      `The journal at PostgreSQL ${this.#parts.place} is damaged (${hole}).`,
    );
  }

  #troubled(error: unknown): string {
    const { place } = this.#parts;
    return (
      `The journal at PostgreSQL ${place} takes no entry (${said(error)}): ` +
      'mend its cause; it goes on by itself.'
    );
  }

  #cutOff(): JournalError {
    const message =
      `The journal at PostgreSQL ${this.#parts.place} was taken over by another daemon: ` +
      'this one writes no more.';
    this.#heldReason = message;
    this.#fenced = new JournalError('fenced', message);
    return this.#fenced;
  }

  #closedError(): JournalError {
    return new JournalError('closed', `The journal at PostgreSQL ${this.#parts.place} is closed.`);
  }
}
