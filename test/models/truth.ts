/**
 * What a run's calls have really done, item by item and step by step: built from the calls that
 * were made and the answers that came, with none of the engine's own bookkeeping. The checks
 * compare the engine with this.
 */
import type { Entry, ItemFaults } from '../../daemon/core/entries.ts';
import type { FrozenRun, FrozenWorkgroup } from '../../daemon/core/frozen.ts';
import { decodeRanges } from '../../daemon/core/ranges.ts';
import { type Fault, inDoubt } from '../../sdk/plugin/fault.ts';

/** `failed`: the remote said no; `doubt`: nobody knows; `undone`: it was done, and is no more. */
export type Effect = 'none' | 'failed' | 'doubt' | 'done' | 'undone';

/** An item, by the workgroup that it was frozen in (splits do not change it). */
export interface Place {
  readonly group: number;
  readonly position: number;
}

export interface Call {
  readonly direction: 'run' | 'undo';
  readonly step: number;
  readonly places: readonly Place[];
  /** From here on it may have changed something. */
  changing: boolean;
}

type TaskEntry = Extract<Entry, { readonly direction: string }>;

export class Truth {
  readonly frozen: FrozenRun;
  readonly places: readonly Place[];
  /** Workgroup (parts of a split one too) → the call that is in flight. */
  readonly inFlight = new Map<number, Call>();
  readonly #effects: Effect[];
  readonly #offsets: number[] = [];
  readonly #chains: readonly (readonly number[])[];

  constructor(frozen: FrozenRun) {
    this.frozen = frozen;
    const places: Place[] = [];
    frozen.workgroups.forEach(({ items }, group) => {
      this.#offsets.push(places.length);
      for (const position of items.keys()) places.push({ group, position });
    });
    this.places = places;
    this.#effects = new Array<Effect>(places.length * frozen.steps.length).fill('none');
    this.#chains = frozen.workgroups.map(({ unit }) =>
      frozen.steps.flatMap((step, at) => (step.unit === unit ? [at] : [])),
    );
  }

  /** A frozen workgroup's own steps. */
  chainOf(group: number): readonly number[] {
    return this.#chains[group] as readonly number[];
  }

  place(group: number, position: number): Place {
    return this.places[(this.#offsets[group] as number) + position] as Place;
  }

  idOf({ group, position }: Place): string {
    return (this.frozen.workgroups[group] as FrozenWorkgroup).items[position]?.id ?? '?';
  }

  effect(place: Place, step: number): Effect {
    return this.#effects[this.#at(place, step)] as Effect;
  }

  isDone(place: Place): boolean {
    return this.chainOf(place.group).every((step) => this.effect(place, step) === 'done');
  }

  /** Steps of an item that an undo would take back and that stand, or may stand. */
  remains(place: Place): number[] {
    return this.chainOf(place.group).filter((step) => {
      const effect = this.effect(place, step);
      return this.frozen.steps[step]?.undo === 'undo' && (effect === 'done' || effect === 'doubt');
    });
  }

  /** Steps of an item of which nobody knows. */
  doubts(place: Place): number[] {
    return this.chainOf(place.group).filter((step) => this.effect(place, step) === 'doubt');
  }

  start(entry: TaskEntry, places: readonly Place[]): void {
    const before = this.frozen.steps[entry.step]?.before === true;
    const { direction, step } = entry;
    this.inFlight.set(entry.group, {
      direction,
      step,
      places,
      changing: direction === 'undo' || !before,
    });
  }

  /** To be told of each entry after `task-started`; `origin`: where the workgroup was frozen. */
  learn(entry: TaskEntry, origin: number): void {
    const call = this.inFlight.get(entry.group);
    const set = (position: number, effect: Effect) =>
      this.#set(this.place(origin, position), entry.step, effect);
    switch (entry.type) {
      case 'task-prepared':
        if (call !== undefined) call.changing = true;
        return;
      case 'task-accepted':
        for (const { item } of entry.operations) set(item, 'doubt');
        if (entry.operations.length === call?.places.length) this.inFlight.delete(entry.group);
        return;
      case 'task-withdrawn':
        this.inFlight.delete(entry.group);
        return;
      case 'task-interrupted':
        this.inFlight.delete(entry.group);
        if (!call?.changing || entry.direction === 'undo') return;
        for (const place of call.places) this.#set(place, call.step, 'doubt');
        return;
      case 'task-outcome':
      case 'task-settled':
        this.inFlight.delete(entry.group);
        this.#end(entry, entry.type === 'task-settled' ? entry.absent : entry.faults, {
          set,
          mayDoubt: entry.type === 'task-outcome' && call?.changing !== false,
        });
        return;
      default:
    }
  }

  #end(
    entry: TaskEntry & { readonly done: string },
    faults: readonly ItemFaults[],
    to: { set(position: number, effect: Effect): void; mayDoubt: boolean },
  ): void {
    const undo = entry.direction === 'undo';
    for (const position of decodeRanges(entry.done)) to.set(position, undo ? 'undone' : 'done');
    if (undo) return;
    const effectOf = (fault: Fault): Effect => (to.mayDoubt && inDoubt(fault) ? 'doubt' : 'failed');
    for (const { items, fault } of faults) {
      for (const position of decodeRanges(items)) to.set(position, effectOf(fault));
    }
  }

  #set(place: Place, step: number, effect: Effect): void {
    this.#effects[this.#at(place, step)] = effect;
  }

  #at({ group, position }: Place, step: number): number {
    return ((this.#offsets[group] as number) + position) * this.frozen.steps.length + step;
  }
}
