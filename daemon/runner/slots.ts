/**
 * How much may go on at once, against the limits: per remote over all runs, per step within a run.
 * Two things are counted. A *call* is at the remote; limits are limits of calls. An *intent* is
 * durable and waits for its call: some are made ahead, so that a call which ends is followed by
 * the next at once, and no remote stands idle during a sync to disk (decision 0011).
 *
 * Where a call can be followed by just one other, the other is *staged* behind it: it is sent
 * ahead and takes the slot over in the thread, in the moment in which the first one ends.
 */

import type { Slots } from '../core/engine/ready.ts';
import type { FrozenRun } from '../core/frozen.ts';
import { intentsAheadMax } from '../core/limits.ts';

/** An intent, from the decision to the end of its call. */
export interface Turn {
  readonly remoteId: string;
  readonly step: number;
  /** Its slot is free as soon as its call has ended: another may be staged behind it. */
  readonly passesOn: boolean;
  /** Makes the call (or lets it begin, when it is staged). */
  readonly begin: () => void;
  /** What it was staged behind has ended: its call has begun by itself. */
  readonly begun: () => void;
  /** Sends the call ahead; false when that is not possible. */
  readonly stage: (behind: Turn) => boolean;
}

interface Waiting {
  readonly slots: RunSlots;
  /** The turn that it is staged behind. */
  behind?: Turn;
}

/** What one remote is doing for all runs. */
interface Remote {
  intents: number;
  calls: number;
  /** Durable intents whose call has not begun, oldest first. */
  readonly waiting: Map<Turn, Waiting>;
  /** Of these: not staged yet, oldest first. */
  readonly loose: Set<Turn>;
  /** Calls that something can be staged behind, oldest first, and what is. */
  readonly open: Set<Turn>;
  readonly successors: Map<Turn, Turn>;
}

/** Intents that may stand beside `callsMax` calls. */
const withAhead = (callsMax: number): number => callsMax + Math.min(callsMax, intentsAheadMax);

/** Shared by all runs of a daemon. */
export class RemoteLoad {
  readonly #remotes = new Map<string, Remote>();

  at(remoteId: string): Remote {
    let remote = this.#remotes.get(remoteId);
    if (remote === undefined) {
      remote = {
        intents: 0,
        calls: 0,
        waiting: new Map(),
        loose: new Set(),
        open: new Set(),
        successors: new Map(),
      };
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
    remote.waiting.set(turn, { slots: this });
    remote.loose.add(turn);
    admit(remote);
  }

  /** Gives up an intent whose call has not begun; false when it has. */
  leave(turn: Turn): boolean {
    const remote = this.#load.at(turn.remoteId);
    if (!remote.waiting.has(turn)) return false;
    takeOut(remote, turn);
    this.#forget(turn);
    return true;
  }

  /** The call has ended: the one behind it has begun, or the next one begins. */
  end(turn: Turn): void {
    const remote = this.#load.at(turn.remoteId);
    remote.calls--;
    remote.open.delete(turn);
    this.#step(turn.step).calls--;
    this.#forget(turn);
    const successor = remote.successors.get(turn);
    if (successor !== undefined) inherit(remote, turn, successor);
    admit(remote);
  }

  /** Nobody waits for the call any more: what was staged behind it need not either. */
  abandon(turn: Turn): void {
    const remote = this.#load.at(turn.remoteId);
    const successor = remote.successors.get(turn);
    if (successor !== undefined) delete remote.waiting.get(successor)?.behind;
    remote.successors.delete(turn);
    this.end(turn);
  }

  /** Begins the call if the limits let it; `full`: nor may any that came later. */
  tryBegin(turn: Turn, remote: Remote): 'begun' | 'waits' | 'full' {
    if (remote.calls >= this.#remoteMax(turn.remoteId)) return 'full';
    if (this.#step(turn.step).calls >= this.#stepMax(turn.step)) return 'waits';
    this.count(turn, remote);
    turn.begin();
    return 'begun';
  }

  /** True when one call that ends at the remote is all that the turn waits for. */
  mayFollow(turn: Turn, remote: Remote): boolean {
    return (
      remote.calls <= this.#remoteMax(turn.remoteId) &&
      this.#step(turn.step).intents <= this.#stepMax(turn.step)
    );
  }

  /** It is a call from now on. */
  count(turn: Turn, remote: Remote): void {
    takeOut(remote, turn);
    remote.calls++;
    this.#step(turn.step).calls++;
    if (turn.passesOn) remote.open.add(turn);
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

/** It waits no longer, nor does anything stand before it. */
const takeOut = (remote: Remote, turn: Turn): void => {
  const behind = remote.waiting.get(turn)?.behind;
  if (behind !== undefined && remote.successors.delete(behind)) remote.open.add(behind);
  remote.waiting.delete(turn);
  remote.loose.delete(turn);
};

/** The slot of a call that has ended passes to the one that was staged behind it. */
const inherit = (remote: Remote, ended: Turn, successor: Turn): void => {
  remote.successors.delete(ended);
  remote.waiting.get(successor)?.slots.count(successor, remote);
  successor.begun();
};

/**
 * Oldest first, over all runs; one that its step's limit holds back is passed by. Those that stay
 * are staged, oldest behind oldest.
 */
const admit = (remote: Remote): void => {
  for (const [turn, { slots }] of remote.waiting) {
    if (slots.tryBegin(turn, remote) === 'full') break;
  }
  for (const turn of remote.loose) {
    const [behind] = remote.open;
    const waiting = remote.waiting.get(turn);
    if (behind === undefined || waiting?.slots.mayFollow(turn, remote) !== true) return;
    remote.loose.delete(turn);
    if (!turn.stage(behind)) continue;
    remote.open.delete(behind);
    remote.successors.set(behind, turn);
    waiting.behind = behind;
  }
};
