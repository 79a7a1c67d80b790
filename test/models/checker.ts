/**
 * Watches one run, entry by entry, and says what it did that it must not: see rules.ts for calls.
 * Added here: what a STOP or a ROLLBACK has to lead to, and what must be true at rest.
 */
import { reportOf } from '../../daemon/core/engine/report.ts';
import type { Group, RunState } from '../../daemon/core/engine/state.ts';
import { notesOf } from '../../daemon/core/engine/view.ts';
import type { Entry, PolicyApplied } from '../../daemon/core/entries.ts';
import type { FrozenRun } from '../../daemon/core/frozen.ts';
import { decodeRanges } from '../../daemon/core/ranges.ts';
import type { ItemReport } from '../../daemon/core/view.ts';
import { Left } from './left.ts';
import {
  covered,
  groundOf,
  isLeftElse,
  isSettled,
  placesOf,
  runBreaches,
  undoBreaches,
} from './rules.ts';
import { type Place, Truth } from './truth.ts';

type Started = Extract<Entry, { readonly type: 'task-started' }>;

export class Checker {
  readonly truth: Truth;
  readonly breaches: string[] = [];
  /** True while entries are replayed that were checked when they were made. */
  replaying = false;
  #stopped: ReadonlySet<Place> = new Set();
  /** One per ROLLBACK: what it covers. */
  readonly #rolledBack: ReadonlySet<Place>[] = [];
  /** Workgroups that were parked once. */
  readonly #excused = new Set<number>();
  /** What a person has left of a rollback. */
  readonly left: Left;
  /** Undos that have failed for good. */
  #stuck: { place: Place; step: number }[] = [];
  /** Items that a step without return has begun for, or for a VM on them. */
  readonly #beyond = new Set<Place>();

  constructor(frozen: FrozenRun) {
    this.truth = new Truth(frozen);
    this.left = new Left(this.truth);
  }

  /** To be shown every entry with the state that it led to. */
  see(entry: Entry, state: RunState): void {
    if ('direction' in entry) this.#seeTask(entry, state);
    else if (entry.type === 'run-parked') this.#seeParked(state);
    else if (entry.type === 'run-resumed') {
      this.#stopped = new Set();
      if (entry.decision !== 'skip') this.left.clear();
      else for (const { place, step } of this.#stuck) this.left.add(place, step);
      this.#stuck = [];
      if (entry.decision === 'rollback') this.#rolledBack.push(new Set(this.truth.places));
    } else if (entry.type === 'run-ended') this.#seeEnded(entry.result, state);
    // At rest too: what was under way when it was parked still comes to its end.
    if (state.parked === undefined) return;
    for (const group of state.groups) if (isSettled(state, group)) this.#excused.add(group.index);
  }

  /** To be told of every call when it is made. */
  called(intent: Started, state: RunState): void {
    const { truth } = this;
    const group = state.groups[intent.group] as Group;
    const breach = (text: string) => this.#breach(group, intent, text);
    const places = group.task.due.map((position) => truth.place(group.origin, position));
    if (truth.inFlight.has(group.index)) breach('called while a call is in flight');
    for (const place of intent.direction === 'run' ? places : []) {
      if (this.#stopped.has(place)) breach('called past a STOP');
      if (this.#rolledBack.some((reach) => reach.has(place))) breach('called while rolled back');
      if (state.steps[intent.step]?.undo !== 'no-return') continue;
      this.#beyond.add(place);
      for (const below of groundOf(truth, place)) this.#beyond.add(below);
    }
    truth.start(intent, places);
  }

  #breach(group: Group, { direction, step }: Started, text: string): void {
    this.breaches.push(`${direction} of step ${step} on ${group.id} ${text}`);
  }

  #seeTask(entry: Extract<Entry, { direction: string }>, state: RunState): void {
    const group = state.groups[entry.group] as Group;
    if (entry.type === 'task-started' && !this.replaying) this.#seeIntent(entry, state, group);
    else if (entry.type === 'policy-applied') this.#seePolicy(entry, group);
    else this.truth.learn(entry, group.origin);
  }

  #seeIntent(entry: Started, state: RunState, group: Group): void {
    const { due } = group.task;
    const said = entry.items === undefined ? due.length : decodeRanges(entry.items).length;
    if (due.length === 0 || said !== due.length) this.#breach(group, entry, 'is of other items');
    for (const position of due) {
      const place = this.truth.place(group.origin, position);
      const breaches =
        entry.direction === 'undo'
          ? undoBreaches(this.left, state, entry, place, this.#rolledBack)
          : runBreaches(this.truth, state, entry, place, this.#excused);
      for (const breach of breaches) this.#breach(group, entry, breach);
      if (entry.direction === 'undo' && this.#beyond.has(place)) {
        this.#breach(group, entry, 'past the point of no return');
      }
    }
  }

  #seePolicy({ items, action }: PolicyApplied, group: Group): void {
    if (action.action !== 'stop' && action.action !== 'rollback') return;
    const places = decodeRanges(items).map((position) => this.truth.place(group.origin, position));
    const reached = covered(this.truth, { group, places }, action.reach);
    if (action.action === 'stop') this.#stopped = new Set([...this.#stopped, ...reached]);
    else this.#rolledBack.push(new Set(reached));
  }

  #seeParked(state: RunState): void {
    const { truth } = this;
    if (truth.inFlight.size > 0) this.breaches.push('parked with a call in flight');
    for (const group of state.groups) {
      if (group.standing !== 'stuck') continue;
      const step = group.completed.at(-1)?.step ?? -1;
      for (const position of group.task.due) {
        this.#stuck.push({ place: truth.place(group.origin, position), step });
      }
    }
    const listed = new Set(
      notesOf(state)
        .filter((note) => note.state === 'in-doubt' || note.state === 'not-undone')
        .map(({ itemId }) => itemId),
    );
    for (const place of truth.places) {
      const id = truth.idOf(place);
      if (truth.doubts(place).length > 0 && !listed.has(id)) {
        this.breaches.push(`parked: ${id} is in doubt and not listed`);
      }
    }
  }

  #seeEnded(result: string, state: RunState): void {
    const { truth } = this;
    if (truth.inFlight.size > 0) this.breaches.push('ended with a call in flight');
    const kept = new Set(
      state.groups.flatMap((group) =>
        placesOf(group)
          .filter(({ position }) => isLeftElse(group, position))
          .map(({ position }) => truth.place(group.origin, position)),
      ),
    );
    for (const place of this.#rolledBack.flatMap((reach) => [...reach])) {
      if (result === 'abandoned') continue;
      const remains = truth.remains(place).filter((step) => !this.left.excuses(place, step));
      if (remains.length === 0 || kept.has(place)) continue;
      this.breaches.push(`rolled back, but ${truth.idOf(place)} is not undone`);
    }
    const whole = truth.places.every((place) => truth.isDone(place));
    if (whole !== (result === 'succeeded')) this.breaches.push(`ended as ${result}`);
    if (result !== 'rolled-back') return;
    const left = truth.places.find((place) => truth.remains(place).length > 0);
    if (left !== undefined) this.breaches.push(`rolled back, and ${truth.idOf(left)} remains`);
  }

  /** Once nothing more happens: the run is parked or ended, and its report tells the truth. */
  rest(state: RunState, entries: readonly Entry[], now: number): string[] {
    if (state.result === undefined && state.parked === undefined) {
      this.breaches.push('neither parked nor ended');
    }
    const { items } = reportOf(state, entries, now);
    const byId = new Map(items.map((item) => [item.itemId, item]));
    if (byId.size !== this.truth.places.length || items.length !== byId.size) {
      this.breaches.push('the report does not name each item once');
    }
    for (const place of this.truth.places) {
      const item = byId.get(this.truth.idOf(place));
      // Whose undo is still to come when it is parked is neither done nor undone.
      const returns = this.#rolledBack.some((reach) => reach.has(place));
      if (item?.outcome === 'stopped' && returns && state.result !== 'rolled-back') continue;
      const breach = untrue(this.truth, place, item);
      if (breach !== undefined)
        this.breaches.push(`report of ${this.truth.idOf(place)}: ${breach}`);
    }
    return this.breaches;
  }
}

/** What the report says of an item and is not so. */
const untrue = (truth: Truth, place: Place, item: ItemReport | undefined): string | undefined => {
  const doubtful = truth.doubts(place).length > 0;
  const said = item?.outcome;
  const failed = truth.chainOf(place.group).some((step) => truth.effect(place, step) === 'failed');
  if (said === 'undone') {
    return truth.remains(place).length > 0 ? 'undone, yet something remains' : undefined;
  }
  if (said === 'not-undone') {
    const stands = truth.remains(place).length > 0 || failed;
    return stands ? undefined : 'not undone, yet nothing remains';
  }
  if (truth.isDone(place) !== (said === 'done')) return `${said}, though it is not so`;
  if (doubtful !== (said === 'in-doubt')) return `${said}, in doubt: ${doubtful}`;
  if (said === 'failed' && !failed) return 'failed, though nothing of it did';
  return undefined;
};
