/** Calls that are under way, as a checker sees them. */
import { isDeepStrictEqual } from 'node:util';
import { newestEpoch } from '../../../plugins/lab/ledger.ts';
import { isReading } from '../../../sdk/plugin/verbs.ts';
import type { Moment } from '../history.ts';
import type { Scene } from './checker.ts';
import { keyOf, type Runs } from './runs.ts';

export type Flight = Extract<Moment, { kind: 'call' }>;

/** What is called does something; it is no look. */
export const changes = ({ key, verb }: Flight): boolean =>
  key !== '' && !isReading(verb) && !verb.startsWith('settle ');

/**
 * A call is under way until its caller has heard of it or has given it up. Of a caller that drives
 * the run no more nobody waits for an answer: its calls are over when the far end has done them, or
 * knows who drives the run now.
 */
export class Flights {
  readonly #runs: Runs;
  readonly #scene: Scene;
  readonly #open = new Map<number, Flight>();
  readonly #answered = new Set<number>();

  constructor(runs: Runs, scene: Scene) {
    this.#runs = runs;
    this.#scene = scene;
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

  /** Its caller drives the run no more, and cannot take it back. */
  outlived({ key, licence }: Flight): boolean {
    const { licenceOf } = this.#scene;
    const runId = this.#runs.by(keyOf(key).initiatorId)?.started.runId;
    if (licenceOf === undefined || runId === undefined) return false;
    return !isDeepStrictEqual(licenceOf(runId), licence);
  }

  #counts(flight: Flight): boolean {
    if (!this.outlived(flight)) return true;
    const { lab } = this.#scene;
    const { call, key, licence, remoteId } = flight;
    const newest = newestEpoch(lab.world.ledger, remoteId, key) ?? 0;
    return !this.#answered.has(call) && newest <= licence.epoch;
  }
}
