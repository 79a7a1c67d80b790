/**
 * The end of those who ask: puts each request where its class says, and passes on the first report.
 * What nobody answers ends typed: nothing is guessed in place of a member that is gone.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../core/clock.ts';
import { SiteswapError } from '../core/errors.ts';
import { executorsMsMax, lookMs, ownerMsMax } from '../core/limits.ts';
import { classOf } from './classes.ts';
import { errorOf } from './errors.ts';
import { Pending } from './pending.ts';
import type { Place, Queues, Report, Request, Standing } from './queues.ts';

/** What is asked, before anybody knows of whom. */
export interface Question {
  /** Where it has one already, because it was tried elsewhere first. */
  readonly requestId?: string;
  readonly method: string;
  /** The run that it names; empty: none. */
  readonly runId: string;
  /** It is for the member that drives the run, whatever its class is. */
  readonly forDriver?: true;
  readonly body: Uint8Array;
  readonly waitMs: number;
  readonly signal: AbortSignal;
  /** Hears, ahead of the answer and maybe more than once, which run it waits for. */
  readonly began?: ((runId: string) => void) | undefined;
}

interface Asked extends Question {
  readonly id: string;
  readonly pending: Pending;
  readonly untilMs: number;
  attempt: number;
}

/** How often the member of an answer that has begun is looked for. */
const aliveLookMs = 2_000;

const shared: Place = { kind: 'shared' };

interface AskerParts {
  readonly queues: Queues;
  readonly clock: Clock;
  /** Who asks for a run asks the member that drives it alone, as long as it answers. */
  readonly direct?: boolean;
}

export class Asker {
  readonly #parts: AskerParts;
  readonly #id = randomUUID();
  readonly #pending = new Map<string, Pending>();
  readonly #looked = new Map<string, Promise<Standing>>();
  readonly #closing = new AbortController();
  /** Begins with the first question: most members are never asked to ask. */
  #hearing: Promise<void> | undefined;

  constructor(parts: AskerParts) {
    this.#parts = parts;
  }

  /**
   * The parts of the answer. Throws the error that a member reported, or RUN_UNAVAILABLE,
   * NO_MEMBER, DEADLINE, JOURNAL_HELD of its own. Ends early, without a word, when `signal` is
   * aborted.
   */
  async *ask(question: Question): AsyncGenerator<Uint8Array> {
    const id = question.requestId ?? randomUUID();
    const untilMs = this.#parts.clock.now() + question.waitMs;
    const pending = new Pending(question.began);
    const asked: Asked = { ...question, id, untilMs, attempt: 0, pending };
    this.#pending.set(id, pending);
    this.#hearing ??= this.#hear();
    let answered = false;
    try {
      let report = await this.#first(asked);
      while (report !== undefined) {
        if (report.error !== undefined) {
          answered = true;
          throw errorOf(report.error);
        }
        answered = report.last;
        if (report.body !== undefined) yield report.body;
        if (report.last) return;
        report = await this.#next(asked, report.memberId);
      }
    } finally {
      this.#pending.delete(id);
      if (!answered) void this.#parts.queues.forget(id).catch(() => {});
    }
  }

  /** The whole of an answer that is one message. */
  async one(question: Question): Promise<Uint8Array> {
    for await (const body of this.ask(question)) return body;
    throw question.signal.reason ?? this.#late(question);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#hearing;
  }

  async #hear(): Promise<void> {
    const { signal } = this.#closing;
    const waiting = () => [...this.#pending.keys()];
    for await (const reports of this.#parts.queues.reports(this.#id, waiting, signal)) {
      for (const report of reports) this.#pending.get(report.requestId)?.hear(report);
    }
  }

  #first(asked: Asked): Promise<Report | undefined> {
    if (asked.forDriver) return this.#ofDriver(asked, asked.runId);
    switch (classOf(asked.method)) {
      case 'monitor':
        return this.#parts.direct === true ? this.#ofOwner(asked) : this.#ofOwners(asked);
      case 'steer':
        return this.#ofDriver(asked, asked.runId);
      default:
        return this.#ofAny(asked);
    }
  }

  /** The driver is asked; everybody, when nobody drives the run, or it says nothing in time. */
  async #ofOwner(asked: Asked): Promise<Report | undefined> {
    const { runId, pending, signal } = asked;
    const { memberId } = await this.#standing(runId);
    const asks = memberId !== undefined && (await this.#offer(asked, { kind: 'member', memberId }));
    if (asks) {
      const report = await pending.next(Math.min(this.#left(asked), ownerMsMax), signal);
      if (report !== undefined || signal.aborted) return report;
      // Its answer still counts, should it come first.
      asked.attempt++;
    }
    return this.#ofOwners(asked);
  }

  /** Every member is asked; those that neither execute the run nor have executed it say nothing. */
  async #ofOwners(asked: Asked): Promise<Report | undefined> {
    const { runId, pending, signal } = asked;
    await this.#put(asked, { kind: 'all' });
    const putMs = this.#parts.clock.now();
    for (;;) {
      const report = await pending.next(Math.min(this.#left(asked), lookMs), signal);
      if (report !== undefined || signal.aborted) return report;
      const { open, memberId } = await this.#standing(runId);
      const late = this.#left(asked) <= 0;
      if (open && (memberId === undefined || late)) throw unavailable(runId);
      const silentMs = this.#parts.clock.now() - putMs;
      // Nobody has executed it, or they are gone: what has ended stands in the journal, for all.
      if (!open && (silentMs > executorsMsMax || late)) return this.#again(asked, shared);
    }
  }

  /** The member that drives a run does it, wherever that is by then. */
  async #ofDriver(asked: Asked, runId: string): Promise<Report | undefined> {
    for (;;) {
      const { open, memberId } = await this.#standing(runId);
      if (!open) return this.#again(asked, shared);
      if (memberId !== undefined) {
        const report = await this.#atMember(asked, runId, memberId);
        if (report !== undefined || asked.signal.aborted) return report;
      }
      if (this.#left(asked) <= 0) throw unavailable(runId);
      // Whoever had it before may still say that it was done.
      const report = await asked.pending.next(lookMs, asked.signal);
      if (report !== undefined || asked.signal.aborted) return report;
    }
  }

  /** Undefined: it does not drive the run any more. */
  async #atMember(asked: Asked, runId: string, memberId: string): Promise<Report | undefined> {
    const { pending, signal } = asked;
    asked.attempt++;
    pending.again(asked.attempt);
    await this.#put(asked, { kind: 'member', memberId });
    for (;;) {
      const report = await pending.next(Math.min(this.#left(asked), lookMs), signal);
      if (report?.elsewhere !== undefined) return undefined;
      if (report !== undefined || signal.aborted) return report;
      if (this.#left(asked) <= 0) throw unavailable(runId);
      if ((await this.#standing(runId)).memberId !== memberId) return undefined;
    }
  }

  async #ofAny(asked: Asked): Promise<Report | undefined> {
    await this.#put(asked, shared);
    return this.#answer(asked);
  }

  /** Put again for any member, and what comes of it. */
  async #again(asked: Asked, place: Place): Promise<Report | undefined> {
    asked.attempt++;
    asked.pending.again(asked.attempt);
    await this.#put(asked, place);
    return this.#answer(asked);
  }

  async #answer(asked: Asked): Promise<Report | undefined> {
    const report = await asked.pending.next(this.#left(asked), asked.signal);
    if (report === undefined && !asked.signal.aborted) throw this.#late(asked);
    if (report?.elsewhere === undefined) return report;
    await this.#pause(asked.signal);
    if (report.elsewhere !== '') return this.#ofDriver(asked, report.elsewhere);
    return this.#again(asked, shared);
  }

  /**
   * The next part of an answer that has begun: it may come at any time, while somebody waits and
   * the member that says it is alive.
   */
  async #next(asked: Asked, memberId: string): Promise<Report | undefined> {
    const { pending, signal } = asked;
    for (;;) {
      const report = await pending.next(Math.min(this.#left(asked), aliveLookMs), signal);
      if (report !== undefined || signal.aborted) return report;
      if (this.#left(asked) <= 0) throw this.#late(asked);
      const alive = await this.#parts.queues.alive().catch(held);
      if (alive.includes(memberId)) continue;
      throw new SiteswapError('NO_MEMBER', `member "${memberId}" died while it was answering`);
    }
  }

  async #put(asked: Asked, place: Place): Promise<void> {
    if (await this.#offer(asked, place)) return;
    throw new SiteswapError('NO_MEMBER', 'no member of the cluster is alive');
  }

  /** False: whom it is for is not alive. */
  async #offer(asked: Asked, place: Place): Promise<boolean> {
    const { id, attempt, method, runId, body } = asked;
    const waitMs = Math.max(this.#left(asked), 0);
    const request: Request = { id, attempt, method, runId, body, asker: this.#id, waitMs };
    return (await this.#parts.queues.put(request, place).catch(held)) > 0;
  }

  /** Of a run that many ask for it is looked up once. */
  #standing(runId: string): Promise<Standing> {
    const known = this.#looked.get(runId);
    if (known !== undefined) return known;
    const looked = this.#parts.queues.standing(runId).catch(held);
    this.#looked.set(runId, looked);
    const old = delay(lookMs / 2, undefined, { ref: false });
    void old.then(() => this.#looked.delete(runId));
    return looked;
  }

  #left({ untilMs }: Asked): number {
    return untilMs - this.#parts.clock.now();
  }

  #late({ method, waitMs }: Question): SiteswapError {
    return new SiteswapError('DEADLINE', `${method} was not answered within ${waitMs} ms`);
  }

  #pause(signal: AbortSignal): Promise<void> {
    return delay(lookMs, undefined, { signal }).catch(() => {});
  }
}

const held = (): never => {
  throw new SiteswapError('JOURNAL_HELD', 'the database with the journal does not answer');
};

const unavailable = (runId: string): SiteswapError => {
  const message = `the member that drives run ${runId} does not answer`;
  return new SiteswapError('RUN_UNAVAILABLE', message, { subject: runId });
};
