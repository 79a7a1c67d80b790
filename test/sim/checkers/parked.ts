/**
 * Parked means that nothing goes on: no call is in flight, none is made until a person decides, and
 * whatever can still take effect is listed in doubt, calls of an earlier driver included.
 */
import type { Entry } from '../../../daemon/core/entries.ts';
import type { SystemEntry } from '../../../daemon/core/system.ts';
import type { ItemNote } from '../../../daemon/core/view.ts';
import type { Moment } from '../history.ts';
import type { Checker } from './checker.ts';
import { changes, type Flight, Flights } from './flights.ts';
import { type Pending, pending } from './pending.ts';
import { keyOf, type Run, Runs, targetsOf } from './runs.ts';

type Change = Pick<Pending, 'key' | 'targetIds'>;

/** Items that a person is told may not be as they should. */
const doubtfulIn = (notes: readonly ItemNote[]): ReadonlySet<string> =>
  new Set(
    notes
      .filter(({ state }) => state === 'in-doubt' || state === 'not-undone')
      .map(({ itemId }) => itemId),
  );

/** The first of a run's changes that can still take effect on an item that is not among `told`. */
const unlisted = (
  run: Run | undefined,
  told: ReadonlySet<string>,
  open: readonly Change[],
): string | undefined => {
  for (const { key, targetIds } of open) {
    if (keyOf(key).initiatorId !== run?.started.initiatorId) continue;
    const item = run.items.find((one) => targetsOf(one).some((id) => targetIds.has(id)));
    if (item === undefined || told.has(item.id)) continue;
    return `${key} can still take effect on ${item.id}, which is not listed in doubt`;
  }
  return undefined;
};

/** Undos that were answered done: an earlier try that still lands finds nothing to take back. */
class Undos {
  readonly #calls = new Map<number, Flight>();
  readonly #done = new Set<string>();

  see(moment: Moment): void {
    if (moment.kind === 'call' && keyOf(moment.key).direction === 'undo') {
      this.#calls.set(moment.call, moment);
    }
    if (moment.kind !== 'answer' || moment.fault !== undefined) return;
    const asked = this.#calls.get(moment.call);
    const done = asked?.targetIds.filter((id) => !moment.failed.includes(id)) ?? [];
    for (const id of done) this.#done.add(`${asked?.key} ${id}`);
  }

  left({ key, targetIds }: Change): Change {
    const left = [...targetIds].filter((id) => !this.#done.has(`${key} ${id}`));
    return { key, targetIds: new Set(left) };
  }
}

export const parkedIsAtRest: Checker = (scene) => {
  const { lab } = scene;
  const runs = new Runs();
  /** Parked runs, and what was told of them since: items in doubt. */
  const parked = new Map<string, ReadonlySet<string> | undefined>();
  const flights = new Flights(runs, scene);
  const undos = new Undos();
  /** Calls of somebody who woke up after a run was taken from him. */
  let strays: Change[] = [];

  const landed = (stream: string, entry: Entry | SystemEntry): string | undefined => {
    if (entry.type === 'run-resumed' || entry.type === 'run-ended') {
      parked.delete(stream);
      strays = strays.filter(({ key }) => runs.by(keyOf(key).initiatorId) !== runs.of(stream));
    }
    if (entry.type !== 'run-parked') return undefined;
    parked.set(stream, undefined);
    const own = flights.open.filter((one) => !flights.outlived(one));
    const initiator = runs.of(stream)?.started.initiatorId;
    const open = own.find(({ key }) => keyOf(key).initiatorId === initiator);
    return open && `call ${open.call} is in flight`;
  };

  const called = (flight: Flight): string | undefined => {
    const run = runs.by(keyOf(flight.key).initiatorId);
    if (run === undefined || !parked.has(run.started.runId)) return undefined;
    if (!flights.outlived(flight)) return `${flight.key} is called`;
    if (!changes(flight)) return undefined;
    const stray = { key: flight.key, targetIds: new Set(flight.targetIds) };
    strays.push(stray);
    const told = parked.get(run.started.runId);
    return told && unlisted(run, told, [stray]);
  };

  return (moment) => {
    runs.see(moment);
    flights.see(moment);
    undos.see(moment);
    switch (moment.kind) {
      case 'landed':
        return landed(moment.stream, moment.entry);
      case 'call':
        return called(moment);
      case 'rest': {
        if (!parked.has(moment.runId)) return undefined;
        const told = doubtfulIn(moment.view.notes);
        parked.set(moment.runId, told);
        const outlived = flights.open
          .filter((one) => flights.outlived(one) && changes(one))
          .map(({ key, targetIds }) => ({ key, targetIds: new Set(targetIds) }));
        const open = [...pending(lab), ...outlived, ...strays].map((one) => undos.left(one));
        return unlisted(runs.of(moment.runId), told, open);
      }
      default:
        return undefined;
    }
  };
};
