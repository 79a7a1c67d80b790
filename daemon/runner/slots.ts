/**
 * Tasks in flight, against the limits: per remote over all runs, per step within a run. A slot is
 * taken when the intent is decided and given back when the call has ended.
 */

import type { Slots } from '../core/engine/ready.ts';
import type { FrozenRun } from '../core/frozen.ts';

/** Shared by all runs of a daemon: how many tasks are in flight at each remote. */
export class RemoteLoad {
  readonly #inFlight = new Map<string, number>();

  at(remoteId: string): number {
    return this.#inFlight.get(remoteId) ?? 0;
  }

  change(remoteId: string, by: 1 | -1): void {
    this.#inFlight.set(remoteId, this.at(remoteId) + by);
  }
}

/** One run's view of the slots. */
export class RunSlots implements Slots {
  readonly #frozen: FrozenRun;
  readonly #load: RemoteLoad;
  readonly #perStep: number[];
  readonly #defaultMax: number;

  constructor(frozen: FrozenRun, load: RemoteLoad, defaultMax: number) {
    this.#frozen = frozen;
    this.#load = load;
    this.#perStep = frozen.steps.map(() => 0);
    this.#defaultMax = defaultMax;
  }

  room(remoteId: string, step: number): boolean {
    const remoteMax = this.#frozen.inFlightMax[remoteId] ?? this.#defaultMax;
    const stepMax = this.#frozen.steps[step]?.inFlightMax ?? this.#defaultMax;
    return this.#load.at(remoteId) < remoteMax && (this.#perStep[step] ?? 0) < stepMax;
  }

  take(remoteId: string, step: number): void {
    this.#change(remoteId, step, 1);
  }

  give(remoteId: string, step: number): void {
    this.#change(remoteId, step, -1);
  }

  #change(remoteId: string, step: number, by: 1 | -1): void {
    this.#load.change(remoteId, by);
    this.#perStep[step] = (this.#perStep[step] ?? 0) + by;
  }
}
