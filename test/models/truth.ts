/**
 * What a run's calls have really done, item by item and step by step: built from the calls that
 * were made and the answers that came, with none of the engine's own bookkeeping. The checks
 * compare the engine with this.
 */
import type { Entry, ItemFaults } from '../../daemon/core/entries.ts';
import type { FrozenRun, FrozenWorkgroup } from '../../daemon/core/frozen.ts';
import { decodeRanges } from '../../daemon/core/ranges.ts';
import { inDoubt } from '../../sdk/plugin/fault.ts';

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
  /** Where an undo may have had its effect, or may still. */
  readonly #openUndos = new Set<number>();
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
    const done = this.chainOf(place.group).every((step) => this.effect(place, step) === 'done');
    return done && this.doubts(place).length === 0;
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
    return this.chainOf(place.group).filter(
      (step) => this.effect(place, step) === 'doubt' || this.#openUndos.has(this.#at(place, step)),
    );
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
    switch (entry.type) {
      case 'task-prepared':
        if (call !== undefined) call.changing = true;
        return;
      case 'task-accepted':
        for (const { item } of entry.operations) {
          this.#set(this.place(origin, item), entry.step, 'doubt');
        }
        if (entry.operations.length === call?.places.length) this.inFlight.delete(entry.group);
        return;
      case 'task-withdrawn':
        this.inFlight.delete(entry.group);
        return;
      case 'task-interrupted':
        this.inFlight.delete(entry.group);
        if (!call?.changing) return;
        for (const place of call.places) {
          if (entry.direction === 'undo') this.#openUndos.add(this.#at(place, call.step));
          else this.#set(place, call.step, 'doubt');
        }
        return;
      case 'task-outcome':
      case 'task-settled':
        this.inFlight.delete(entry.group);
        this.#end(entry, entry.type === 'task-settled' ? entry.absent : entry.faults, {
          origin,
          mayDoubt: entry.type === 'task-outcome' && call?.changing !== false,
        });
        return;
      default:
    }
  }

  #end(
    entry: TaskEntry & { readonly done: string },
    faults: readonly ItemFaults[],
    to: { readonly origin: number; readonly mayDoubt: boolean },
  ): void {
    const undo = entry.direction === 'undo';
    const placesOf = (items: string) => decodeRanges(items).map((at) => this.place(to.origin, at));
    for (const place of placesOf(entry.done)) {
      this.#set(place, entry.step, undo ? 'undone' : 'done');
    }
    for (const { items, fault } of faults) {
      const doubt = to.mayDoubt && inDoubt(fault);
      for (const place of placesOf(items)) {
        if (!undo) this.#set(place, entry.step, doubt ? 'doubt' : 'failed');
        else if (doubt) this.#openUndos.add(this.#at(place, entry.step));
      }
    }
  }

  #set(place: Place, step: number, effect: Effect): void {
    this.#effects[this.#at(place, step)] = effect;
    if (effect === 'undone') this.#openUndos.delete(this.#at(place, step));
  }

  #at({ group, position }: Place, step: number): number {
    return ((this.#offsets[group] as number) + position) * this.frozen.steps.length + step;
  }
}
