/**
 * What may still take effect is not built upon: no other change of the same run, forward or back,
 * begins on an object while an earlier one can still land on it. Of what nobody can tell, and a
 * person has decided about, that cannot be said; and what stands alone may be taken back whatever
 * becomes of the ground under it (docs/decisions/0047).
 */
import { isReading } from '../../../sdk/plugin/verbs.ts';
import type { Checker } from './checker.ts';
import { pending } from './pending.ts';
import { type Item, isStorage, type Key, keyOf, type Run, Runs, targetsOf } from './runs.ts';

/** The objects that a target carries: itself, and of a consistency group all that is on it. */
const carried = (run: Run, targetId: string): ReadonlySet<string> => {
  const ids = new Set([targetId]);
  const { workgroups } = run.started.frozen;
  for (const group of workgroups) {
    (group.items as readonly Item[]).forEach((item) => {
      if (isStorage(item)) {
        const own = targetsOf(item);
        if (own.includes(targetId)) for (const id of own) ids.add(id);
        return;
      }
      const under = workgroups[group.storage]?.items as readonly Item[] | undefined;
      const stands = item.on.flatMap((at) => under?.[at] ?? []);
      if (stands.some((one) => targetsOf(one).includes(targetId))) ids.add(item.id);
    });
  }
  return ids;
};

/** A call that takes back a step upon which nothing stands, and which needs no ground for it. */
const takesBackAlone = ({ started }: Run, { step, direction }: Key): boolean =>
  direction === 'undo' &&
  started.frozen.steps.some(({ name, whenLeft }) => name === step && whenLeft === 'alone');

export const notBuiltUpon: Checker = ({ lab }) => {
  const runs = new Runs();
  /** Initiator and target of what nobody could tell: a person has decided about it. */
  const told = new Set<string>();
  return (moment) => {
    runs.see(moment);
    if (moment.kind === 'landed' && moment.entry.type === 'task-settled') {
      const { group, unknowable } = moment.entry;
      const run = runs.of(moment.stream);
      const items = unknowable.flatMap((lot) => run?.itemsAt(group, lot.items) ?? []);
      for (const id of items.flatMap(targetsOf)) told.add(`${run?.started.initiatorId} ${id}`);
    }
    if (moment.kind !== 'call' || moment.key === '') return undefined;
    if (isReading(moment.verb) || moment.verb.startsWith('settle ')) return undefined;
    const now = keyOf(moment.key);
    const run = runs.by(now.initiatorId);
    if (run === undefined) return undefined;
    for (const { remoteId, key, verb, targetIds } of pending(lab)) {
      const before = keyOf(key);
      if (before.initiatorId !== now.initiatorId) continue;
      if (before.step === now.step && before.direction === now.direction) continue;
      if (before.direction === 'undo' && takesBackAlone(run, now)) continue;
      for (const id of targetIds) {
        if (told.has(`${now.initiatorId} ${id}`)) continue;
        const on = carried(run, id);
        // A VM or a datastore at one compute is none at the other; a group both sites stand on.
        if (lab.world.computes.has(remoteId) && remoteId !== moment.remoteId) continue;
        const hit = moment.targetIds.find((target) => on.has(target));
        if (hit !== undefined) return `${moment.key} of ${hit} while ${verb} of ${id} can land`;
      }
    }
    return undefined;
  };
};
