/**
 * One attempt whose intent is durable, from its place in the line to its answer: its call waits, is
 * staged behind another, or is under way.
 */
import type { JobFault, Pool, Recalled, Staged, TaskJob, TaskResult } from '../workers/pool.ts';
import type { Errand } from './jobs.ts';
import type { Turn } from './slots.ts';

/** What a call came to; `recalled`: it was taken back before it began. */
export type Heard = TaskResult | JobFault | Recalled;

interface FlightParts {
  readonly pool: Pool;
  readonly make: (phase: TaskJob['phase'], positions: readonly number[]) => TaskJob;
  /** The call waits no longer. */
  readonly began: () => void;
  readonly answered: (phase: TaskJob['phase'], result: Heard) => void;
}

export class Flight implements Turn {
  readonly errand: Errand;
  readonly remoteId: string;
  readonly step: number;
  /** What `before` asks, and undo's operations that go on, keep the slot past the call's end. */
  readonly passesOn: boolean;
  /** What is being asked for. */
  positions: readonly number[];
  readonly #parts: FlightParts;
  readonly #phase: TaskJob['phase'];
  #job: TaskJob | undefined;
  #staged: Staged | undefined;
  #recalled = false;

  constructor(errand: Errand, positions: readonly number[], parts: FlightParts) {
    this.errand = errand;
    this.remoteId = errand.remoteId;
    this.step = errand.at;
    this.positions = positions;
    this.#parts = parts;
    this.#phase = errand.direction === 'undo' ? 'undo' : errand.step.before ? 'before' : 'run';
    this.passesOn = this.#phase === 'run';
  }

  begin(): void {
    this.#parts.began();
    if (this.#staged === undefined) this.run(this.#phase, this.positions);
    else this.#staged.begin();
  }

  begun(): void {
    this.#parts.began();
    this.#staged?.begun();
  }

  stage(behind: Turn): boolean {
    if (!(behind instanceof Flight) || behind.#job === undefined) return false;
    const job = this.#parts.make(this.#phase, this.positions);
    this.#staged = this.#parts.pool.stage(job, behind.#job);
    if (this.#staged === undefined) return false;
    this.#job = job;
    void this.#staged.result.then((result) => this.#parts.answered(this.#phase, result));
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
    this.#job = this.#parts.make(phase, positions);
    const answer = this.#parts.pool.run(this.#job);
    void answer.then((result) => this.#parts.answered(phase, result));
  }
}
