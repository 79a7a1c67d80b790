/** Calls that are under way, as a checker sees them. */
import { isDeepStrictEqual } from 'node:util';
import type { Moment } from '../history.ts';
import type { Scene } from './checker.ts';
import { keyOf, type Runs } from './runs.ts';

export type Flight = Extract<Moment, { kind: 'call' }>;

/**
 * A call is under way until its caller has heard of it or has given it up. Of a caller that drives
 * the run no more nobody waits for an answer: its calls are over when the far end has done them.
 */
export class Flights {
  readonly #runs: Runs;
  readonly #licenceOf: Scene['licenceOf'];
  readonly #open = new Map<number, Flight>();
  readonly #answered = new Set<number>();

  constructor(runs: Runs, { licenceOf }: Scene) {
    this.#runs = runs;
    this.#licenceOf = licenceOf;
  }

  see(moment: Moment): void {
    if (moment.kind === 'call') this.#open.set(moment.call, moment);
    if (moment.kind === 'answer') this.#answered.add(moment.call);
    if (moment.kind !== 'heard' && moment.kind !== 'given-up') return;
    this.#open.delete(moment.call);
    this.#answered.delete(moment.call);
  }

  get open(): readonly Flight[] {
    return [...this.#open.values()].filter((flight) => this.#counts(flight));
  }

  #counts({ call, key, licence }: Flight): boolean {
    if (this.#licenceOf === undefined || !this.#answered.has(call)) return true;
    const runId = this.#runs.by(keyOf(key).initiatorId)?.started.runId;
    return runId === undefined || isDeepStrictEqual(this.#licenceOf(runId), licence);
  }
}
