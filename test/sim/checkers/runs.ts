/**
 * What checkers know of runs, from the journal's entries and the pool's jobs alone: which items a
 * position means, and which objects at the far end belong to an item.
 */
import type { RunStarted } from '../../../daemon/core/entries.ts';
import type { Path, StorageItem, VmItem } from '../../../daemon/core/frozen.ts';
import { decodeRanges } from '../../../daemon/core/ranges.ts';
import type { Moment } from '../history.ts';

export type Item = StorageItem | VmItem;

export const isStorage = (item: Item): item is StorageItem => 'datastores' in item;

/** Ids under which an item is called: its own, those at its arrays, and those of its datastores. */
export const targetsOf = (item: Item): readonly string[] =>
  isStorage(item)
    ? [item.id, item.protected.id, item.recovery.id, ...item.datastores.map(({ id }) => id)]
    : [item.id];

/** One run, as its journal tells it. */
export class Run {
  readonly started: RunStarted;
  /** Position of a workgroup that was split off → position of the one it came from. */
  readonly #origins = new Map<number, number>();

  constructor(started: RunStarted) {
    this.started = started;
  }

  get items(): readonly Item[] {
    return this.started.frozen.workgroups.flatMap(({ items }) => [...items]);
  }

  /** A workgroup's position by its name. `s1.2`: the second that was split off, a part of `s1`. */
  positionOf(workgroup: string): number {
    const [first, ...splits] = workgroup.split('.');
    const { workgroups } = this.started.frozen;
    const origin = workgroups.findIndex(({ id }) => id === first);
    const last = splits.at(-1);
    if (last === undefined) return origin;
    const position = workgroups.length + Number(last) - 1;
    this.#origins.set(position, origin);
    return position;
  }

  /** At these positions of a workgroup; without them, all of it. */
  itemsAt(group: number, positions?: string): readonly Item[] {
    const { workgroups } = this.started.frozen;
    const items = workgroups[this.#origins.get(group) ?? group]?.items ?? [];
    if (positions === undefined) return items;
    return decodeRanges(positions).flatMap((at) => items[at] ?? []);
  }

  /** The way that an item goes. */
  pathOf(itemId: string): Path {
    const { workgroups } = this.started.frozen;
    const group = workgroups.find(({ items }) => items.some(({ id }) => id === itemId));
    return group?.path ?? 'cold';
  }

  stepName(step: number): string {
    return this.started.frozen.steps[step]?.name ?? '';
  }
}

/** What a call's key says. */
export interface Key {
  readonly initiatorId: string;
  readonly step: string;
  readonly direction: string;
}

export const keyOf = (key: string): Key => {
  const [initiatorId = '', step = '', direction = ''] = key.split('/');
  return { initiatorId, step, direction };
};

export class Runs {
  readonly #byId = new Map<string, Run>();
  readonly #byInitiator = new Map<string, Run>();

  see(moment: Moment): void {
    if (moment.kind === 'job') this.#byId.get(moment.runId)?.positionOf(moment.workgroup);
    if (moment.kind !== 'landed' || moment.entry.type !== 'run-started') return;
    const run = new Run(moment.entry);
    this.#byId.set(run.started.runId, run);
    this.#byInitiator.set(run.started.initiatorId, run);
  }

  of(runId: string): Run | undefined {
    return this.#byId.get(runId);
  }

  by(initiatorId: string): Run | undefined {
    return this.#byInitiator.get(initiatorId);
  }
}
