/**
 * No operation twice among runs that are open together: at no moment does one run call an object on
 * which a call of another is under way or can still take effect, and of each object at most one of
 * them says in the end that it did it.
 */
import type { Entry } from '../../../daemon/core/entries.ts';
import type { SystemEntry } from '../../../daemon/core/system.ts';
import type { RunReport } from '../../../daemon/core/view.ts';
import type { Checker } from './checker.ts';
import { changes, type Flight, Flights } from './flights.ts';
import { pending } from './pending.ts';
import { keyOf, Runs, targetsOf } from './runs.ts';

/** Which runs were open at the same time as which. */
class Together {
  readonly #open = new Set<string>();
  readonly #with = new Map<string, Set<string>>();

  begin(runId: string): void {
    this.#with.set(runId, new Set(this.#open));
    for (const other of this.#open) this.#with.get(other)?.add(runId);
    this.#open.add(runId);
  }

  end(runId: string): void {
    this.#open.delete(runId);
  }

  has(one: string | undefined, other: string | undefined): boolean {
    return this.#with.get(one ?? '')?.has(other ?? '') === true;
  }
}

/** Accuses when two runs that were open together say that they did the same. */
const toldBy = (together: Together) => {
  /** Item → runs that say that they did it. */
  const did = new Map<string, string[]>();
  return (runId: string, report: RunReport): string | undefined => {
    for (const { itemId, outcome } of report.items) {
      if (outcome !== 'done') continue;
      const before = did.get(itemId) ?? [];
      const other = before.find((one) => together.has(runId, one));
      did.set(itemId, [...before, runId]);
      if (other !== undefined) return `${itemId} was done by run ${other} and by run ${runId}`;
    }
    return undefined;
  };
};

/** What another run left in doubt, and a person was asked about: they may have it taken. */
class Taken {
  readonly #runs: Runs;
  readonly #objects = new Set<string>();

  constructor(runs: Runs) {
    this.#runs = runs;
  }

  see(runId: string, entry: Entry | SystemEntry): void {
    if (entry.type !== 'policy-applied' || entry.fault.code !== 'CLAIM_IN_DOUBT') return;
    const { workgroups = [] } = this.#runs.of(runId)?.started.frozen ?? {};
    const storage = workgroups[entry.group]?.storage;
    for (const group of workgroups.filter((one) => one.storage === storage)) {
      for (const item of group.items) {
        for (const id of targetsOf(item)) this.#objects.add(`${runId} ${id}`);
      }
    }
  }

  has(runId: string, id: string): boolean {
    return this.#objects.has(`${runId} ${id}`);
  }
}

export const noOperationTwice: Checker = (scene) => {
  const { lab } = scene;
  const runs = new Runs();
  const flights = new Flights(runs, scene);
  const together = new Together();
  const runOf = (key: string) => runs.by(keyOf(key).initiatorId)?.started.runId;

  const told = toldBy(together);
  const taken = new Taken(runs);

  /** Of a call that is made now. */
  const called = (flight: Flight): string | undefined => {
    const runId = runOf(flight.key);
    if (runId === undefined || !changes(flight)) return undefined;
    const others = flights.open.filter(changes).map(({ targetIds, ...one }) => ({
      ...one,
      targetIds: new Set(targetIds),
      why: 'is under way',
    }));
    const late = pending(lab).map((one) => ({ ...one, why: 'can still land' }));
    for (const { remoteId, key, targetIds, why } of [...others, ...late]) {
      if (remoteId !== flight.remoteId || !together.has(runOf(key), runId)) continue;
      const hit = flight.targetIds.find((id) => targetIds.has(id) && !taken.has(runId, id));
      if (hit !== undefined) return `${flight.key} of ${hit} while ${key} of another run ${why}`;
    }
    return undefined;
  };

  return (moment) => {
    runs.see(moment);
    flights.see(moment);
    switch (moment.kind) {
      case 'landed':
        taken.see(moment.stream, moment.entry);
        if (moment.entry.type === 'run-started') together.begin(moment.stream);
        if (moment.entry.type === 'run-ended') together.end(moment.stream);
        return undefined;
      case 'call':
        return called(moment);
      case 'told':
        return told(moment.runId, moment.report);
      case 'rest':
        return moment.view.status === 'ended' ? told(moment.runId, moment.report) : undefined;
      default:
        return undefined;
    }
  };
};
