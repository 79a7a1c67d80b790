/**
 * The ready queue: workgroups whose next task may start, best first. Smaller priority first; within
 * a priority the one that is furthest (its VMs are up, and free others, soonest), or, of the last
 * few of a run, the one that has most before it, lest slots stand idle for it in the end; then by
 * position, so that the same run always chooses alike. A lane holds what shares a limit: one step
 * at one remote.
 */
import { Heap, type Ranked } from './heap.ts';

interface Lane {
  readonly remoteId: string;
  readonly step: number;
  readonly heap: Heap<number>;
}

/** Capacity as the agent keeps it: tasks in flight against the limits. */
export interface Slots {
  room(remoteId: string, step: number): boolean;
  take(remoteId: string, step: number): void;
}

/** Above the bounds of limits.ts, and small enough that a rank is an exact number. */
const positionsMax = 2 ** 26;
const stepsMax = 64;

export class ReadyQueue {
  readonly #lanes: Lane[] = [];
  /** Remote → its lanes, by step. */
  readonly #byRemote = new Map<string, (Lane | undefined)[]>();
  /** By workgroup, its valid place; one that was removed stays in its lane and is passed over. */
  readonly #places: (Ranked<number> | undefined)[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(group: number): boolean {
    return this.#places[group] !== undefined;
  }

  add(group: number, priority: number, step: number, remoteId: string): void {
    if (this.#places[group] !== undefined) return;
    const rank = (priority * stepsMax - step) * positionsMax + group;
    const place = { rank, value: group };
    this.#places[group] = place;
    this.#size++;
    this.#laneOf(remoteId, step).heap.push(place);
  }

  remove(group: number): void {
    if (this.#places[group] === undefined) return;
    this.#places[group] = undefined;
    this.#size--;
  }

  /**
   * The best workgroup whose lane has room; it leaves the queue and takes a slot. `lastFew`: there
   * are not many others to come.
   */
  take(slots: Slots, lastFew = false): number | undefined {
    let best: Lane | undefined;
    let bestRank = Number.POSITIVE_INFINITY;
    for (const lane of this.#lanes) {
      const longer = lastFew ? 2 * lane.step * positionsMax : 0;
      const rank = this.#firstRank(lane) + longer;
      if (rank >= bestRank || !slots.room(lane.remoteId, lane.step)) continue;
      best = lane;
      bestRank = rank;
    }
    const place = best?.heap.pop();
    if (best === undefined || place === undefined) return undefined;
    this.remove(place.value);
    slots.take(best.remoteId, best.step);
    return place.value;
  }

  #laneOf(remoteId: string, step: number): Lane {
    let lanes = this.#byRemote.get(remoteId);
    if (lanes === undefined) {
      lanes = [];
      this.#byRemote.set(remoteId, lanes);
    }
    let lane = lanes[step];
    if (lane === undefined) {
      lane = { remoteId, step, heap: new Heap() };
      lanes[step] = lane;
      this.#lanes.push(lane);
    }
    return lane;
  }

  #firstRank(lane: Lane): number {
    for (let first = lane.heap.first; first !== undefined; first = lane.heap.first) {
      if (this.#places[first.value] === first) return first.rank;
      lane.heap.pop();
    }
    return Number.POSITIVE_INFINITY;
  }
}
