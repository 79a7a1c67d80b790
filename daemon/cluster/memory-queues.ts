/**
 * Queues in memory: of a daemon that is alone, and of tests, which may have several members in
 * them. What is taken is not kept: who holds these queues dies with them.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Place, Queues, Report, Request, Serving, Standing } from './queues.ts';

/** For so long after its answer a request is known. */
const rememberedMs = 10_000;

interface Inbox {
  readonly heard: Report[];
  wake: () => void;
}

export class MemoryQueues implements Queues {
  readonly #members = new Map<string, Serving>();
  readonly #gone: Serving[] = [];
  readonly #inboxes = new Map<string, Inbox>();
  readonly #put = new Set<string>();
  readonly #reported = new Set<string>();
  readonly #waited = new Set<string>();
  readonly #executed = new Map<string, Set<string>>();
  readonly #busy = new Set<Promise<void>>();
  #turn = 0;
  #stopped = false;

  async put(request: Request, place: Place): Promise<number> {
    if (this.#stopped) return 0;
    this.#waited.add(request.id);
    const key = `${request.id}/${request.attempt}`;
    if (this.#put.has(key)) return this.#members.size;
    this.#put.add(key);
    if (place.kind === 'all') {
      for (const serving of this.#members.values()) this.#hand(serving, request, 'own');
      return this.#members.size;
    }
    if (place.kind === 'member') {
      const serving = this.#members.get(place.memberId);
      if (serving !== undefined) this.#hand(serving, request, 'own');
      return this.#members.size;
    }
    const open = [...this.#members.values()].filter(({ draining }) => !draining());
    const serving = open[this.#turn++ % open.length];
    if (serving !== undefined) this.#hand(serving, request, 'shared');
    return open.length;
  }

  async serve(serving: Serving): Promise<void> {
    this.#members.set(serving.memberId, serving);
  }

  /** A member is gone; what was its own is nobody's yet. */
  leave(memberId: string): void {
    const gone = this.#members.get(memberId);
    if (gone !== undefined) this.#gone.push(gone);
    this.#members.delete(memberId);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.allSettled(this.#busy);
  }

  async report(asker: string, report: Report): Promise<boolean> {
    const { requestId, attempt, part } = report;
    const key = `${requestId}/${attempt}/${part}`;
    if (this.#reported.has(key) || !this.#waited.has(requestId)) return false;
    this.#reported.add(key);
    const inbox = this.#inboxes.get(asker);
    inbox?.heard.push(report);
    inbox?.wake();
    if (report.last) this.#forgetSoon(report);
    return true;
  }

  async isWaited(requestId: string): Promise<boolean> {
    return this.#waited.has(requestId);
  }

  async *reports(
    asker: string,
    _waiting: () => readonly string[],
    signal: AbortSignal,
  ): AsyncIterable<readonly Report[]> {
    const inbox: Inbox = { heard: [], wake: () => {} };
    this.#inboxes.set(asker, inbox);
    const end = () => inbox.wake();
    signal.addEventListener('abort', end);
    while (!signal.aborted) {
      if (inbox.heard.length === 0) await new Promise<void>((wake) => (inbox.wake = wake));
      if (inbox.heard.length > 0) yield inbox.heard.splice(0);
    }
    signal.removeEventListener('abort', end);
    this.#inboxes.delete(asker);
  }

  async forget(requestId: string): Promise<void> {
    this.#waited.delete(requestId);
  }

  async standing(runId: string): Promise<Standing> {
    const driver = [...this.#members.values()].find(({ drives }) => drives(runId));
    if (driver !== undefined) return { open: true, memberId: driver.memberId };
    return { open: this.#gone.some(({ drives }) => drives(runId)) };
  }

  async alive(): Promise<readonly string[]> {
    return this.#stopped ? [] : [...this.#members.keys()];
  }

  async executed(memberId: string): Promise<readonly string[]> {
    return [...(this.#executed.get(memberId) ?? [])];
  }

  async keepExecuted(memberId: string, runIds: readonly string[]): Promise<void> {
    const known = this.#executed.get(memberId) ?? new Set();
    for (const runId of runIds) known.add(runId);
    this.#executed.set(memberId, known);
  }

  async close(): Promise<void> {
    await this.stop();
  }

  #hand(serving: Serving, request: Request, from: 'shared' | 'own'): void {
    const work = Promise.resolve()
      .then(() => serving.take(request, from))
      .catch(() => {});
    this.#busy.add(work);
    void work.then(() => this.#busy.delete(work));
  }

  /** Another member's report of the same request still finds that one was there. */
  #forgetSoon({ requestId, attempt, part }: Report): void {
    void delay(rememberedMs, undefined, { ref: false }).then(() => {
      for (let n = 0; n <= part; n++) this.#reported.delete(`${requestId}/${attempt}/${n}`);
      for (let n = 0; n <= attempt; n++) this.#put.delete(`${requestId}/${n}`);
      this.#waited.delete(requestId);
    });
  }
}
