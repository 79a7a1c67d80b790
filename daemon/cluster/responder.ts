/**
 * A member's end of the queues: does what it may, once, and reports it. Of monitoring requests it
 * answers only those about runs that it executes, or has executed; the others it disregards.
 * Source: US 10,075,514 claim 1.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { SiteswapError } from '../core/errors.ts';
import { sharedAtOnceMax } from '../core/limits.ts';
import { classOf, methodOf } from './classes.ts';
import { reportedOf } from './errors.ts';
import type { Queues, Report, Request } from './queues.ts';

/** The rest of the member, as its queues see it. */
export interface Work {
  readonly memberId: string;
  readonly draining: () => boolean;
  readonly drives: (runId: string) => boolean;
  /** Whether a run is executed here under a valid licence, or was, here. */
  readonly executes: (runId: string) => boolean;
  /**
   * The parts of the answer, encoded. Throws SiteswapError, or Elsewhere. `signal` is aborted when
   * nobody waits for it any more; `began` is told of a run that the answer waits for.
   */
  readonly answer: (
    request: Request,
    signal: AbortSignal,
    began: (runId: string) => void,
  ) => AsyncIterable<Uint8Array>;
}

/** Thrown by `answer`: this member must not do it. `runId`: whose driver does; empty: any other. */
export class Elsewhere extends Error {
  readonly runId: string;

  constructor(runId: string) {
    super(`another member does it${runId === '' ? '' : `: the one that drives run ${runId}`}`);
    this.runId = runId;
  }
}

/** How often a stream that has nothing to say looks whether somebody still waits for it. */
const waitedLookMs = 5_000;

type Said = Pick<Report, 'last'> & Partial<Pick<Report, 'body' | 'error' | 'elsewhere'>>;

export class Responder {
  readonly #queues: Queues;
  readonly #work: Work;
  /** In hand out of the shared queue. */
  #shared = 0;

  constructor(queues: Queues, work: Work) {
    this.#queues = queues;
    this.#work = work;
  }

  async open(): Promise<void> {
    const { memberId, draining, drives } = this.#work;
    await this.#queues.serve({
      memberId,
      draining,
      drives,
      take: (request, from) => this.#take(request, from),
    });
  }

  async #take(request: Request, from: 'shared' | 'own'): Promise<void> {
    if (from === 'own') return this.#do(request, from);
    this.#shared++;
    await this.#do(request, from).finally(() => this.#shared--);
  }

  async #do(request: Request, from: 'shared' | 'own'): Promise<void> {
    const monitors = classOf(request.method) === 'monitor';
    if (monitors && from === 'own' && !this.#work.executes(request.runId)) return;
    let part = 0;
    const gone = new AbortController();
    const { id: requestId, attempt, asker } = request;
    const { memberId } = this.#work;
    const say = async (said: Said): Promise<void> => {
      const report = { requestId, attempt, part: ++part, memberId, ...said };
      if (!(await this.#queues.report(asker, report))) gone.abort();
    };
    // Whether it was heard is no matter: the answer says it again.
    const began = (runId: string): void => {
      const report = { requestId, attempt, part: 0, memberId, last: false, began: runId };
      void this.#queues.report(asker, report).catch(() => {});
    };
    if (from === 'shared' && (this.#work.draining() || this.#shared > sharedAtOnceMax)) {
      return say({ elsewhere: '', last: true });
    }
    const { streams } = methodOf(request.method);
    const over = new AbortController();
    if (streams) void this.#look(request, gone, over.signal);
    try {
      for await (const body of this.#work.answer(request, gone.signal, began)) {
        await say({ body, last: !streams });
        if (gone.signal.aborted) return;
      }
      if (streams) await say({ last: true });
    } catch (error) {
      if (error instanceof Elsewhere) await say({ elsewhere: error.runId, last: true });
      else if (error instanceof SiteswapError) await say({ error: reportedOf(error), last: true });
      else throw error;
    } finally {
      over.abort();
    }
  }

  async #look({ id }: Request, gone: AbortController, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && !gone.signal.aborted) {
      await delay(waitedLookMs, undefined, { signal, ref: false }).catch(() => {});
      if (!(await this.#queues.isWaited(id).catch(() => true))) gone.abort();
    }
  }
}
