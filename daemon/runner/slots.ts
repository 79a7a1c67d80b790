/**
 * How much may go on at once, against the limits: per remote over all runs, per step within a run.
 * Two things are counted. A *call* is at the remote; limits are limits of calls. An *intent* is
 * durable and waits for its call: some are made ahead, so that a call which ends is followed by
 * the next at once, and no remote stands idle during a sync to disk (decision 0011).
 */

import type { Slots } from '../core/engine/ready.ts';
import type { FrozenRun } from '../core/frozen.ts';
import { intentsAheadMax } from '../core/limits.ts';

/** An intent, from the decision to the end of its call. */
export interface Turn {
  readonly remoteId: string;
  readonly step: number;
  /** Makes the call. */
  readonly begin: () => void;
}

/** What one remote is doing for all runs. */
interface Remote {
  intents: number;
  calls: number;
  /** Durable intents whose call has not begun, oldest first. */
  readonly waiting: Map<Turn, RunSlots>;
}

/** Intents that may stand beside `callsMax` calls. */
const withAhead = (callsMax: number): number => callsMax + Math.min(callsMax, intentsAheadMax);

/** Shared by all runs of a daemon. */
export class RemoteLoad {
  readonly #remotes = new Map<string, Remote>();

  at(remoteId: string): Remote {
    let remote = this.#remotes.get(remoteId);
    if (remote === undefined) {
      remote = { intents: 0, calls: 0, waiting: new Map() };
      this.#remotes.set(remoteId, remote);
    }
    return remote;
  }
}

/** One run's view of the slots. */
export class RunSlots implements Slots {
  readonly #frozen: FrozenRun;
  readonly #load: RemoteLoad;
  /** Per step of the run. */
  readonly #steps: { intents: number; calls: number }[];
  readonly #defaultMax: number;

  constructor(frozen: FrozenRun, load: RemoteLoad, defaultMax: number) {
    this.#frozen = frozen;
    this.#load = load;
    this.#steps = frozen.steps.map(() => ({ intents: 0, calls: 0 }));
    this.#defaultMax = defaultMax;
  }

  room(remoteId: string, step: number): boolean {
    const own = this.#step(step);
    return (
      this.#load.at(remoteId).intents < withAhead(this.#remoteMax(remoteId)) &&
      own.intents < withAhead(this.#stepMax(step))
    );
  }

  take(remoteId: string, step: number): void {
    this.#load.at(remoteId).intents++;
    this.#step(step).intents++;
  }

  /** The intent is durable: its call begins now, or when its turn comes. */
  enter(turn: Turn): void {
    const remote = this.#load.at(turn.remoteId);
    remote.waiting.set(turn, this);
    admit(remote);
  }

  /** Gives up an intent whose call has not begun; false when it has. */
  leave(turn: Turn): boolean {
    const remote = this.#load.at(turn.remoteId);
    if (!remote.waiting.delete(turn)) return false;
    this.#forget(turn);
    return true;
  }

  /** The call has ended: the next one begins. */
  end(turn: Turn): void {
    const remote = this.#load.at(turn.remoteId);
    remote.calls--;
    this.#step(turn.step).calls--;
    this.#forget(turn);
    admit(remote);
  }

  /** Begins the call if the limits let it; `full`: nor may any that came later. */
  tryBegin(turn: Turn, remote: Remote): 'begun' | 'waits' | 'full' {
    const own = this.#step(turn.step);
    if (remote.calls >= this.#remoteMax(turn.remoteId)) return 'full';
    if (own.calls >= this.#stepMax(turn.step)) return 'waits';
    remote.waiting.delete(turn);
    remote.calls++;
    own.calls++;
    turn.begin();
    return 'begun';
  }

  #forget({ remoteId, step }: Turn): void {
    this.#load.at(remoteId).intents--;
    this.#step(step).intents--;
  }

  #step(at: number) {
    return this.#steps[at] as { intents: number; calls: number };
  }

  #remoteMax(remoteId: string): number {
    return this.#frozen.inFlightMax[remoteId] ?? this.#defaultMax;
  }

  #stepMax(step: number): number {
    return this.#frozen.steps[step]?.inFlightMax ?? this.#defaultMax;
  }
}

/** Oldest first, over all runs; one that its step's limit holds back is passed by. */
const admit = (remote: Remote): void => {
  for (const [turn, slots] of remote.waiting) {
    if (slots.tryBegin(turn, remote) === 'full') return;
  }
};
