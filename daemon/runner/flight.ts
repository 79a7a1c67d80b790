/**
 * One attempt whose intent is durable, from its place in the line to its answer: its call waits, is
 * staged behind another, or is under way.
 */
import type { JobFault, Pool, Recalled, Staged, TaskJob, TaskResult } from '../workers/pool.ts';
import type { Errand } from './jobs.ts';
import type { Stand, Turn } from './slots.ts';

/** What a call came to; `recalled`: it was taken back before it began. */
export type Heard = TaskResult | JobFault | Recalled;

/** Whoever sends flights out: one for all of a run. */
export interface Sender {
  readonly pool: Pool;
  make(flight: Flight, phase: TaskJob['phase']): TaskJob;
  /** The call waits no longer. */
  began(flight: Flight): void;
  heard(flight: Flight, phase: TaskJob['phase'], result: Heard): void;
}

export class Flight implements Turn {
  readonly errand: Errand;
  readonly remoteId: string;
  readonly step: number;
  /** What `before` asks, and undo's operations that go on, keep the slot past the call's end. */
  readonly passesOn: boolean;
  stand: Stand | undefined;
  /** What is being asked for. */
  positions: readonly number[];
  readonly #sender: Sender;
  readonly #phase: TaskJob['phase'];
  #job: TaskJob | undefined;
  #staged: Staged | undefined;
  #recalled = false;

  constructor(errand: Errand, positions: readonly number[], sender: Sender) {
    this.errand = errand;
    this.remoteId = errand.remoteId;
    this.step = errand.at;
    this.positions = positions;
    this.#sender = sender;
    this.#phase = errand.direction === 'undo' ? 'undo' : errand.step.before ? 'before' : 'run';
    this.passesOn = this.#phase === 'run';
  }

  begin(): void {
    this.#sender.began(this);
    if (this.#staged === undefined) this.run(this.#phase, this.positions);
    else this.#staged.begin();
  }

  begun(): void {
    this.#sender.began(this);
    this.#staged?.begun();
  }

  stage(behind: Turn): boolean {
    if (!(behind instanceof Flight) || behind.#job === undefined) return false;
    const job = this.#sender.make(this, this.#phase);
    this.#staged = this.#sender.pool.stage(job, behind.#job);
    if (this.#staged === undefined) return false;
    this.#job = job;
    this.#hear(this.#phase, this.#staged.result);
    return true;
  }

  /** Takes a staged call back: its answer says whether that came in time. False: it is none. */
  recall(): boolean {
    if (!this.#recalled) this.#staged?.recall();
    this.#recalled = true;
    return this.#staged !== undefined;
  }

  /** Makes a call of the attempt. */
  run(phase: TaskJob['phase'], positions: readonly number[]): void {
    this.positions = positions;
    this.#job = this.#sender.make(this, phase);
    this.#hear(phase, this.#sender.pool.run(this.#job));
  }

  #hear(phase: TaskJob['phase'], answer: Promise<Heard>): void {
    void answer.then((result) => this.#sender.heard(this, phase, result));
  }
}
