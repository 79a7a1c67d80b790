/**
 * The journal as one simulated member has it: as the real one over PostgreSQL, it asks for a group
 * again under the same number until the database says what it came to.
 */
import type {
  Append,
  Journal,
  JournalHealth,
  StoredEntry,
} from '../../../daemon/journal/journal.ts';
import { MemoryJournal } from '../../../daemon/journal/memory.ts';
import type { Members, Shared } from '../../../daemon/journal/shared.ts';
import type { Mortal } from '../mortal.ts';
import type { SimTime } from '../time.ts';
import type { Database } from './database.ts';
import type { Line } from './line.ts';

interface Waiting {
  readonly appends: readonly Append[];
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Delay between two tries while nobody answers. */
const retryMs = 250;

export interface MemberJournalParts {
  readonly time: SimTime;
  readonly database: Database;
  readonly line: Line;
  readonly life: Mortal;
}

export class MemberJournal implements Journal {
  readonly shared: Shared;
  readonly #parts: MemberJournalParts;
  readonly #stored: MemoryJournal;
  #waiting: Waiting[] = [];
  #groups = 0;
  #landing = false;
  #held = false;

  constructor(parts: MemberJournalParts) {
    this.#parts = parts;
    this.#stored = new MemoryJournal({ store: parts.database.streams });
    const { name: writer } = parts.life;
    const members = membersOf(parts.line, writer);
    this.shared = { writer, members, changes: (signal) => this.#changes(signal) };
  }

  append(appends: readonly Append[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ appends, resolve, reject });
      if (!this.#landing) void this.#landGroups();
    });
  }

  read(stream: string, fromSeq: number, limit: number): Promise<readonly StoredEntry[]> {
    return this.#insist(() => this.#stored.read(stream, fromSeq, limit));
  }

  async check(): Promise<void> {}

  streams(): Promise<readonly { readonly stream: string; readonly nextSeq: number }[]> {
    return this.#insist(() => this.#stored.streams());
  }

  trim(stream: string, beforeSeq: number, entriesMax: number): Promise<boolean> {
    return this.#insist(() => this.#stored.trim(stream, beforeSeq, entriesMax));
  }

  health(): JournalHealth {
    return this.#held ? { held: true, reason: 'the database does not answer' } : { held: false };
  }

  async close(): Promise<void> {}

  async #landGroups(): Promise<void> {
    const { writer } = this.shared;
    this.#landing = true;
    // Everything of this turn of the loop is one group, as in the real journal.
    await undefined;
    while (this.#waiting.length > 0) {
      const group = ++this.#groups;
      const calls = this.#waiting.map(({ appends }) => appends);
      const refusals = await this.#insist((database) => database.append(writer, group, calls));
      this.#waiting.splice(0, calls.length).forEach(({ resolve, reject }, at) => {
        const refusal = refusals[at];
        if (refusal === undefined) resolve();
        else reject(refusal);
      });
    }
    this.#landing = false;
  }

  async #insist<T>(act: (database: Database) => T): Promise<Awaited<T>> {
    const { line, time } = this.#parts;
    for (;;) {
      try {
        const answer = await line.ask(act);
        this.#held = false;
        return await answer;
      } catch {
        this.#held = true;
        await time.sleep(retryMs);
      }
    }
  }

  async *#changes(signal: AbortSignal): AsyncIterable<readonly string[]> {
    const { database, life } = this.#parts;
    let ring = (): void => {};
    const heard: (readonly string[])[] = [];
    const hang = database.listen((streams) => {
      heard.push(streams);
      ring();
    });
    void life.died.then(hang);
    signal.addEventListener('abort', () => ring(), { once: true });
    while (!signal.aborted) {
      if (heard.length === 0) await new Promise<void>((resolve) => (ring = resolve));
      await life.awake();
      if (heard.length > 0) yield heard.splice(0).flat();
    }
    hang();
  }
}

const membersOf = (line: Line, writer: string): Members => ({
  join: (lease) => line.ask((database) => database.join(writer, lease)),
  renew: (lease, seq) => line.ask((database) => database.renew(writer, lease, seq)),
  leave: (memberId) => line.ask((database) => database.leave(writer, memberId)),
  members: () => line.ask((database) => database.members()),
  drain: (memberId) => line.ask((database) => database.drain(memberId)),
  takeOver: () => line.ask((database) => database.takeOver(writer)),
  owned: () => line.ask((database) => database.owned(writer)),
  readopt: (licence) => line.ask((database) => database.readopt(writer, licence)),
  release: (stream) => line.ask((database) => database.giveUp(writer, stream, undefined)),
  handOver: (stream) => line.ask((database) => database.giveUp(writer, stream, '')),
});
