/**
 * The database that simulated members share: entries, the licence to each stream, leases by its own
 * clock. It says of each statement what PostgreSQL says of the real one (`daemon/journal/pg-*.ts`;
 * the contract suite proves that one). How a statement travels is the line's affair.
 */
import type { Entry } from '../../../daemon/core/entries.ts';
import type { SystemEntry } from '../../../daemon/core/system.ts';
import { type Append, JournalError } from '../../../daemon/journal/journal.ts';
import type { MemoryStore } from '../../../daemon/journal/memory.ts';
import { conflictOf } from '../../../daemon/journal/sequence.ts';
import type { Lease, Licence, Member } from '../../../daemon/journal/shared.ts';
import type { History, SimLicence } from '../history.ts';
import type { SimTime } from '../time.ts';

/** Undefined: nobody may take it; empty: any other member may. */
interface Title {
  owner: string | undefined;
  epoch: number;
}

interface Seat extends Lease {
  readonly writer: string;
  readonly sinceMs: number;
  untilMs: number;
  draining: boolean;
  systemSeq: number;
}

type Refusals = readonly (JournalError | undefined)[];

interface Landed {
  readonly group: number;
  readonly refusals: Refusals;
}

/** Appends of so long are told of at once. */
const gatherMs = 15;

/** Streams that one statement takes over. */
const takenAtOnceMax = 50;

export class Database {
  readonly streams: MemoryStore = new Map();
  readonly #time: SimTime;
  readonly #history: History;
  readonly #titles = new Map<string, Title>();
  readonly #seats = new Map<string, Seat>();
  /** Writer → the last group of it that landed. */
  readonly #groups = new Map<string, Landed>();
  readonly #listeners = new Set<(streams: readonly string[]) => void>();
  #changed = new Set<string>();
  #restored: PromiseWithResolvers<void> | undefined;

  constructor(time: SimTime, history: History) {
    this.#time = time;
    this.#history = history;
  }

  /** It answers nobody. */
  get away(): boolean {
    return this.#restored !== undefined;
  }

  goAway(): void {
    this.#restored ??= Promise.withResolvers();
  }

  comeBack(): void {
    this.#restored?.resolve();
    this.#restored = undefined;
  }

  /** The same group of a writer lands once, however often it is asked for. */
  append(writer: string, group: number, calls: readonly (readonly Append[])[]): Refusals {
    const known = this.#groups.get(writer);
    if (known?.group === group) return known.refusals;
    const refusals = calls.map((call) => this.#land(writer, call));
    this.#groups.set(writer, { group, refusals });
    return refusals;
  }

  /** Called with the names of streams that somebody has appended to, a little later. */
  listen(listener: (streams: readonly string[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Under which a stream is appended to now. */
  licenceOf(stream: string): SimLicence | undefined {
    const { owner, epoch } = this.#titles.get(stream) ?? {};
    return owner && epoch ? { life: owner, epoch } : undefined;
  }

  join(writer: string, lease: Lease): boolean {
    const taken = this.#seats.get(lease.memberId);
    if (taken !== undefined && taken.writer !== writer && this.#lives(taken)) return false;
    const now = this.#time.now();
    const fresh = { untilMs: now + lease.leaseMs, sinceMs: now, draining: false, systemSeq: 0 };
    this.#seats.set(lease.memberId, { ...lease, ...fresh, writer });
    return true;
  }

  renew(
    writer: string,
    { memberId, leaseMs }: Pick<Lease, 'memberId' | 'leaseMs'>,
    systemSeq: number,
  ): { readonly draining: boolean } | undefined {
    const seat = this.#seats.get(memberId);
    if (seat?.writer !== writer) return undefined;
    seat.untilMs = this.#time.now() + leaseMs;
    seat.systemSeq = systemSeq;
    return { draining: seat.draining };
  }

  leave(writer: string, memberId: string): void {
    if (this.#seats.get(memberId)?.writer === writer) this.#seats.delete(memberId);
  }

  members(): readonly Member[] {
    const owners = [...this.#titles.values()].map(({ owner }) => owner);
    return [...this.#seats.values()].map((seat) => ({
      id: seat.memberId,
      site: seat.site,
      addresses: seat.addresses,
      draining: seat.draining,
      live: this.#lives(seat),
      leaseLeftMs: seat.untilMs - this.#time.now(),
      systemSeq: seat.systemSeq,
      sinceMs: seat.sinceMs,
      owned: owners.filter((owner) => owner === seat.writer).length,
      licences: this.owned(seat.writer),
    }));
  }

  drain(memberId: string): boolean {
    const seat = this.#seats.get(memberId);
    if (seat !== undefined) seat.draining = true;
    return seat !== undefined;
  }

  takeOver(writer: string): readonly Licence[] {
    const living = [...this.#seats.values()].filter((seat) => this.#lives(seat));
    const writers = new Set(living.map((seat) => seat.writer));
    const free = [...this.#titles].filter(
      ([, { owner }]) => owner !== undefined && owner !== writer && !writers.has(owner),
    );
    return free.slice(0, takenAtOnceMax).map(([stream, title]) => {
      title.owner = writer;
      return { stream, epoch: ++title.epoch };
    });
  }

  owned(writer: string): readonly Licence[] {
    const own = [...this.#titles].filter(([, { owner }]) => owner === writer);
    return own.map(([stream, { epoch }]) => ({ stream, epoch }));
  }

  readopt(writer: string, { stream, epoch }: Licence): Licence | undefined {
    const title = this.#titles.get(stream);
    if (title?.owner !== writer || title.epoch !== epoch) return undefined;
    return { stream, epoch: ++title.epoch };
  }

  /** `to`: see `Title`. */
  giveUp(writer: string, stream: string, to: '' | undefined): void {
    const title = this.#titles.get(stream);
    if (title?.owner !== writer) return;
    title.owner = to;
    if (to === '') this.#history.note({ kind: 'handed-over', runId: stream });
  }

  #lives({ untilMs }: Seat): boolean {
    return untilMs > this.#time.now();
  }

  /** All of one call, or a refusal and nothing. */
  #land(writer: string, call: readonly Append[]): JournalError | undefined {
    for (const { stream, epoch } of call) {
      const stands = this.#titles.get(stream)?.epoch;
      if (epoch === undefined || stands === undefined || stands === epoch) continue;
      return new JournalError('fenced', `stream ${stream}: epoch ${stands}, not ${epoch}`);
    }
    const conflict = conflictOf(call, (name) => (this.streams.get(name)?.length ?? 0) + 1);
    if (conflict !== undefined) return new JournalError('conflict', conflict);
    for (const { stream, bodies, epoch } of call) {
      const stored = this.streams.get(stream);
      if (stored !== undefined) stored.push(...bodies);
      else {
        this.streams.set(stream, [...bodies]);
        const owner = epoch === undefined ? undefined : writer;
        this.#titles.set(stream, { owner, epoch: epoch ?? 1 });
      }
    }
    for (const { stream, bodies } of call) this.#note(stream, bodies);
    return undefined;
  }

  #note(stream: string, bodies: readonly string[]): void {
    for (const body of bodies) {
      const entry = JSON.parse(body) as Entry | SystemEntry;
      this.#history.note({ kind: 'landed', stream, entry });
    }
    if (this.#changed.size === 0) this.#time.at(this.#time.now() + gatherMs, () => this.#tell());
    this.#changed.add(stream);
  }

  #tell(): void {
    const streams = [...this.#changed];
    this.#changed = new Set();
    for (const listener of this.#listeners) listener(streams);
  }
}
