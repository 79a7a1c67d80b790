/**
 * The one time of a simulation. It stands while anything is runnable and then jumps to the next
 * moment that somebody waits for: ten virtual hours cost what happens in them, and no more.
 *
 * Members never rest: they renew leases and ask what is new for ever. Where nothing that can be
 * seen comes of it and somebody waits for long, all else stands still until shortly before that.
 */
import { Heap } from '../../daemon/core/engine/heap.ts';

interface Sleeper {
  atMs: number;
  wake: (() => void) | undefined;
}

/**
 * In this time a member has done once all that it does for ever, however slow its ways to the
 * database are, and after a lapse of its lease it may take over again.
 */
const roundMs = 10_000;

/** Turn of the event loop, for what is no part of the simulation. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Resolves when no promise has anything left to do. */
const rest = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

export type RanUntil = 'done' | 'idle' | 'late';

export interface SimTimeOptions {
  /** What goes on for ever stands still while nothing else does. */
  readonly jumps?: boolean;
}

export class SimTime {
  readonly #jumps: boolean;
  #nowMs = 0;
  #stirredMs = 0;
  readonly #acts: (() => void)[] = [];
  readonly #sleepers = new Heap<Sleeper>();
  /** Of them, those who wait for longer than a round. */
  readonly #long = new Set<Sleeper>();

  constructor({ jumps = false }: SimTimeOptions = {}) {
    this.#jumps = jumps;
  }

  /** Virtual milliseconds since the beginning. */
  now(): number {
    return this.#nowMs;
  }

  /** Something has happened that can be seen. */
  stir(): void {
    this.#stirredMs = this.#nowMs;
  }

  /** Called in turn when nothing else can go on, before time does. */
  soon(act: () => void): void {
    this.#acts.push(act);
  }

  at(atMs: number, wake: () => void): () => void {
    const sleeper: Sleeper = { atMs: Math.max(atMs, this.#nowMs), wake };
    this.#sleepers.push({ rank: sleeper.atMs, value: sleeper });
    if (atMs - this.#nowMs > roundMs) this.#long.add(sleeper);
    return () => this.#end(sleeper);
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.at(this.#nowMs + ms, resolve);
    });
  }

  /** Resolves when nothing goes on but what goes on for ever. */
  async calm(): Promise<void> {
    while (this.#long.size > 0 || !this.#isCalm) await this.sleep(roundMs);
  }

  /** Lets time pass until `done` (asked when all is quiet), until nobody waits, or `untilMs`. */
  async run(done: () => boolean, untilMs: number): Promise<RanUntil> {
    await turn();
    for (;;) {
      await this.#quiet();
      if (done()) return 'done';
      if (this.#jumps && this.#isCalm) this.#jump();
      const next = this.#next();
      if (next === undefined) return 'idle';
      if (next.atMs > untilMs) return 'late';
      this.#nowMs = next.atMs;
      const { wake } = next;
      this.#end(next);
      wake?.();
    }
  }

  #end(sleeper: Sleeper): void {
    sleeper.wake = undefined;
    if (this.#long.delete(sleeper)) this.stir();
  }

  /** Nothing that can be seen has happened for a round. */
  get #isCalm(): boolean {
    return this.#nowMs - this.#stirredMs >= roundMs;
  }

  /** To a round before somebody who waits for long. */
  #jump(): void {
    const dueMs = Math.min(...[...this.#long].map(({ atMs }) => atMs));
    const byMs = dueMs - roundMs - this.#nowMs;
    if (!(byMs > 0 && byMs < Number.POSITIVE_INFINITY)) return;
    this.#nowMs += byMs;
    const sleepers: Sleeper[] = [];
    for (let one = this.#next(); one !== undefined; one = this.#next()) sleepers.push(one);
    for (const sleeper of sleepers) {
      if (!this.#long.has(sleeper)) sleeper.atMs += byMs;
      this.#sleepers.push({ rank: sleeper.atMs, value: sleeper });
    }
  }

  #next(): Sleeper | undefined {
    for (;;) {
      const sleeper = this.#sleepers.pop()?.value;
      if (sleeper === undefined || sleeper.wake !== undefined) return sleeper;
    }
  }

  async #quiet(): Promise<void> {
    await rest();
    for (let act = this.#acts.shift(); act !== undefined; act = this.#acts.shift()) {
      act();
      await rest();
    }
  }
}
