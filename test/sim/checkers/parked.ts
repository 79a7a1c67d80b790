/**
 * Parked means that nothing goes on: no call is in flight, none is made until a person decides, and
 * whatever can still take effect is listed in doubt, calls of an earlier driver included.
 */
import type { ItemNote } from '../../../daemon/core/view.ts';
import type { Checker } from './checker.ts';
import { changes, Flights } from './flights.ts';
import { pending } from './pending.ts';
import { keyOf, Runs, targetsOf } from './runs.ts';

export const parkedIsAtRest: Checker = (scene) => {
  const { lab } = scene;
  const runs = new Runs();
  const parked = new Set<string>();
  const flights = new Flights(runs, scene);
  const undos = new Map<number, { readonly key: string; readonly targetIds: readonly string[] }>();
  /** Undos that were answered done: an earlier try that still lands finds nothing to take back. */
  const undone = new Set<string>();

  /** What may still happen to an item that is not said to be in doubt. */
  const unlisted = (runId: string, notes: readonly ItemNote[]): string | undefined => {
    const run = runs.of(runId);
    const told = notes.filter(({ state }) => state === 'in-doubt' || state === 'not-undone');
    const doubtful = new Set(told.map(({ itemId }) => itemId));
    const outlived = flights.open.filter((one) => flights.outlived(one) && changes(one));
    for (const { key, targetIds } of [...pending(lab), ...outlived]) {
      if (keyOf(key).initiatorId !== run?.started.initiatorId) continue;
      const open = new Set([...targetIds].filter((id) => !undone.has(`${key} ${id}`)));
      const item = run.items.find((one) => targetsOf(one).some((id) => open.has(id)));
      if (item === undefined || doubtful.has(item.id)) continue;
      return `${key} can still take effect on ${item.id}, which is not listed in doubt`;
    }
    return undefined;
  };

  return (moment) => {
    runs.see(moment);
    flights.see(moment);
    switch (moment.kind) {
      case 'landed': {
        const { entry, stream } = moment;
        if (entry.type === 'run-resumed' || entry.type === 'run-ended') parked.delete(stream);
        if (entry.type !== 'run-parked') return undefined;
        parked.add(stream);
        const initiator = runs.of(stream)?.started.initiatorId;
        const own = flights.open.filter((one) => !flights.outlived(one));
        const open = own.find(({ key }) => keyOf(key).initiatorId === initiator);
        return open && `call ${open.call} is in flight`;
      }
      case 'answer': {
        const asked = moment.fault === undefined ? undos.get(moment.call) : undefined;
        const done = asked?.targetIds.filter((id) => !moment.failed.includes(id)) ?? [];
        for (const id of done) undone.add(`${asked?.key} ${id}`);
        return undefined;
      }
      case 'call': {
        if (keyOf(moment.key).direction === 'undo') undos.set(moment.call, moment);
        // Somebody who woke up after the run was taken from him may still look.
        if (flights.outlived(moment) && !changes(moment)) return undefined;
        const runId = runs.by(keyOf(moment.key).initiatorId)?.started.runId;
        return parked.has(runId ?? '') ? `${moment.key} is called` : undefined;
      }
      case 'rest':
        if (!parked.has(moment.runId)) return undefined;
        return unlisted(moment.runId, moment.view.notes);
      default:
        return undefined;
    }
  };
};
