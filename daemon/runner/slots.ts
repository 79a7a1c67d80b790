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
import { Chain, Link } from './chain.ts';

/** An intent, from the decision to the end of its call. */
export interface Turn {
  readonly remoteId: string;
  readonly step: number;
  /** Its slot is free as soon as its call has ended: another may be staged behind it. */
  readonly passesOn: boolean;
  /** Makes the call (or lets it begin, when it is staged). */
  begin(): void;
  /** What it was staged behind has ended: its call has begun by itself. */
  begun(): void;
  /** Sends the call ahead; false when that is not possible. */
  stage(behind: Turn): boolean;
  /** Where it stands; the slots' own. */
  stand?: Stand | undefined;
}

/** Where a turn stands at its remote. */
export class Stand {
  readonly turn: Turn;
  readonly slots: RunSlots;
  /** Among the durable intents whose call has not begun. */
  readonly waits: Link<Stand>;
  /** While it waits: among those not staged yet; then: among the calls that can be followed. */
  readonly free: Link<Stand>;
  /** What it is staged behind, and what is staged behind it. */
  behind: Stand | undefined;
  successor: Stand | undefined;

  constructor(turn: Turn, slots: RunSlots) {
    this.turn = turn;
    this.slots = slots;
    this.waits = new Link<Stand>(this);
    this.free = new Link<Stand>(this);
  }
}

/** What one remote is doing for all runs. */
interface Remote {
  intents: number;
  calls: number;
  /** Durable intents whose call has not begun, oldest first. */
  readonly waiting: Chain<Stand>;
  /** Of these: not staged yet, oldest first. */
  readonly loose: Chain<Stand>;
  /** Calls that something can be staged behind, oldest first. */
  readonly open: Chain<Stand>;
  /** Runs that found no room here: nothing of their own may come that lets them look again. */
  readonly refused: Set<RunSlots>;
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
        waiting: new Chain(),
        loose: new Chain(),
        open: new Chain(),
        refused: new Set(),
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
  /** Intents of this run by remote; absent: none. */
  readonly #intents = new Map<string, number>();
  readonly #defaultMax: number;
  readonly #wake: () => void;

  /** `wake`: called when there may be room again where there was none. */
  constructor(frozen: FrozenRun, load: RemoteLoad, defaultMax: number, wake = () => {}) {
    this.#frozen = frozen;
    this.#load = load;
    this.#steps = frozen.steps.map(() => ({ intents: 0, calls: 0 }));
    this.#defaultMax = defaultMax;
    this.#wake = wake;
  }

  room(remoteId: string, step: number): boolean {
    const remote = this.#load.at(remoteId);
    if (remote.intents >= withAhead(this.#remoteMax(remoteId))) {
      remote.refused.add(this);
      return false;
    }
    return this.#step(step).intents < withAhead(this.#stepMax(step));
  }

  take(remoteId: string, step: number): void {
    this.#load.at(remoteId).intents++;
    this.#step(step).intents++;
    this.#intents.set(remoteId, (this.#intents.get(remoteId) ?? 0) + 1);
  }

  /** The intent is durable: its call begins now, or when its turn comes. */
  enter(turn: Turn): void {
    const remote = this.#load.at(turn.remoteId);
    const stand = new Stand(turn, this);
    turn.stand = stand;
    remote.waiting.add(stand.waits);
    remote.loose.add(stand.free);
    admit(remote);
  }

  /** Gives up an intent whose call has not begun; false when it has. */
  leave(turn: Turn): boolean {
    const { stand } = turn;
    if (stand?.waits.chain === undefined) return false;
    takeOut(this.#load.at(turn.remoteId), stand);
    turn.stand = undefined;
    this.#forget(turn);
    return true;
  }

  /** The call has ended: the one behind it has begun, or the next one begins. */
  end(turn: Turn): void {
    const remote = this.#load.at(turn.remoteId);
    const { stand } = turn;
    turn.stand = undefined;
    remote.calls--;
    stand?.free.cut();
    this.#step(turn.step).calls--;
    this.#forget(turn);
    // The slot passes to the one that was staged behind it.
    const successor = stand?.successor;
    successor?.slots.count(successor, remote);
    successor?.turn.begun();
    admit(remote);
  }

  /** Nobody waits for the call any more: what was staged behind it need not either. */
  abandon(turn: Turn): void {
    const { stand } = turn;
    if (stand?.successor !== undefined) stand.successor.behind = undefined;
    if (stand !== undefined) stand.successor = undefined;
    this.end(turn);
  }

  /**
   * Nobody goes on with the run here, and all its turns have been given up: so are the intents that
   * were decided and will never be durable, which others would wait for for ever.
   */
  close(): void {
    for (const [remoteId, count] of this.#intents) {
      const remote = this.#load.at(remoteId);
      remote.intents -= count;
      this.#tellRefused(remote);
    }
    this.#intents.clear();
  }

  /** Begins the call if the limits let it; `full`: nor may any that came later. */
  tryBegin(stand: Stand, remote: Remote): 'begun' | 'waits' | 'full' {
    const { turn } = stand;
    if (remote.calls >= this.#remoteMax(turn.remoteId)) return 'full';
    if (this.#step(turn.step).calls >= this.#stepMax(turn.step)) return 'waits';
    this.count(stand, remote);
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
  count(stand: Stand, remote: Remote): void {
    takeOut(remote, stand);
    remote.calls++;
    this.#step(stand.turn.step).calls++;
    if (stand.turn.passesOn) remote.open.add(stand.free);
  }

  #forget({ remoteId, step }: Turn): void {
    const remote = this.#load.at(remoteId);
    remote.intents--;
    this.#step(step).intents--;
    const left = (this.#intents.get(remoteId) ?? 0) - 1;
    if (left > 0) this.#intents.set(remoteId, left);
    else this.#intents.delete(remoteId);
    this.#tellRefused(remote);
  }

  /** There may be room for those that found none. */
  #tellRefused(remote: Remote): void {
    const refused = [...remote.refused];
    remote.refused.clear();
    for (const slots of refused) if (slots !== this) slots.#wake();
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
const takeOut = (remote: Remote, stand: Stand): void => {
  const { behind } = stand;
  if (behind !== undefined) {
    behind.successor = undefined;
    stand.behind = undefined;
    // It may have ended: then nothing is staged behind it any more.
    if (behind.turn.stand === behind) remote.open.add(behind.free);
  }
  stand.waits.cut();
  stand.free.cut();
};

/**
 * Oldest first, over all runs; one that its step's limit holds back is passed by. Those that stay
 * are staged, oldest behind oldest.
 */
const admit = (remote: Remote): void => {
  for (let at = remote.waiting.first; at !== undefined; ) {
    const { of, after } = at;
    if (of.slots.tryBegin(of, remote) === 'full') break;
    at = after;
  }
  for (let at = remote.loose.first; at !== undefined; ) {
    const { of: stand, after } = at;
    const behind = remote.open.first?.of;
    if (behind === undefined || !stand.slots.mayFollow(stand.turn, remote)) return;
    stand.free.cut();
    at = after;
    if (!stand.turn.stage(behind.turn)) continue;
    behind.free.cut();
    behind.successor = stand;
    stand.behind = behind;
  }
};
