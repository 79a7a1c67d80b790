/**
 * What a workgroup finds when it is about to begin: whether its objects are in the hands of a run
 * that was opened earlier and does the same to them, were done by it, or were given up. Pure: the
 * states of those runs are what their entries say.
 */
import type { Fault } from '../../../sdk/plugin/fault.ts';
import { objectOf } from '../claims.ts';
import type { ClaimWaits, DoneElsewhere, Entry, UndoRefused } from '../entries.ts';
import type { FrozenRun, VmItem } from '../frozen.ts';
import { stop } from '../policy.ts';
import { decodeRanges, encodeRanges } from '../ranges.ts';
import { isOver, leave } from './flow.ts';
import { policyEntry } from './judge.ts';
import { isUndoable } from './left.ts';
import { type Group, itemId, partsOf, type RunState, stepAt } from './state.ts';
import { stand } from './table.ts';
import { without } from './task.ts';

/** Items that a run has done, and whose it is not to undo them. */
export interface DoneItems {
  readonly byRunId: string;
  readonly positions: readonly number[];
}

/** What is known of the objects of a workgroup that has not begun. */
export type Claim =
  | { readonly kind: 'free' }
  | {
      readonly kind: 'waits';
      readonly runIds: readonly string[];
      /** Those of them that wait for a person. */
      readonly parkedIds: readonly string[];
    }
  | { readonly kind: 'done'; readonly items: readonly DoneItems[] }
  | { readonly kind: 'doubt'; readonly fault: Fault };

/** Claims as the agent knows them: like slots, they are asked for and not part of the state. */
export interface Claims {
  /** Undefined: it is being asked; the workgroup is looked at again then. */
  of(group: Group): Claim | undefined;
  /** Items of a workgroup that others count as done, by position; undefined: it is being asked. */
  counted(group: Group): ReadonlyMap<number, string> | undefined;
  /** Workgroups that wait for any of it. */
  pending(): Iterable<number>;
}

const nobody: ReadonlyMap<number, string> = new Map();

/** Of a run that nobody else has anything in common with. */
export const noClaims: Claims = {
  of: () => ({ kind: 'free' }),
  counted: () => nobody,
  pending: () => [],
};

type Place = readonly [group: number, position: number];
const indexes = new WeakMap<FrozenRun, ReadonlyMap<string, Place>>();

const placesIn = (frozen: FrozenRun): ReadonlyMap<string, Place> => {
  const known = indexes.get(frozen);
  if (known !== undefined) return known;
  const places = new Map<string, Place>();
  frozen.workgroups.forEach((group, at) => {
    group.items.forEach((item, position) => {
      places.set(objectOf(group, item), [at, position]);
    });
  });
  indexes.set(frozen, places);
  return places;
};

/** What an earlier run has made of an object. */
export type ObjectState =
  /** It has it, or will have. */
  | { readonly kind: 'claimed' }
  | { readonly kind: 'done'; readonly byRunId: string }
  /** It will do nothing more to it, and what it did ended in a known way. */
  | { readonly kind: 'released' }
  /** It will do nothing more to it, and left it in a way that only a person can judge. */
  | { readonly kind: 'doubt'; readonly why: string };

export const objectIn = (run: RunState, object: string): ObjectState => {
  const place = placesIn(run.frozen).get(object);
  if (place === undefined) return { kind: 'released' };
  const [origin, position] = place;
  for (const part of partsOf(run, origin)) {
    const found = inPart(run, part, position);
    if (found !== undefined) return found;
  }
  return { kind: 'released' };
};

const mayLand = 'an attempt to undo it, which had no answer, may still land';

const inPart = (run: RunState, part: Group, position: number): ObjectState | undefined => {
  const { runId } = run.started;
  const byRunId = part.elsewhere.get(position);
  if (byRunId !== undefined) return { kind: 'done', byRunId };
  const kept = part.kept.get(position);
  // What a person may have tried again is not given up before the run has ended.
  if (kept?.again === true && run.result === undefined) return { kind: 'claimed' };
  if (kept !== undefined) return { kind: 'doubt', why: kept.why };
  if (part.losses.has(position)) {
    // It is out of the run, and what was done to it may be taken back as long as that goes on.
    if (run.result === undefined && isUndoable(run, part, position)) return { kind: 'claimed' };
    return part.undoDoubt.has(position) ? { kind: 'doubt', why: mayLand } : { kind: 'released' };
  }
  if (!part.live.includes(position)) return undefined;
  if (part.standing === 'finished' && !isStoodOn(run, part))
    return { kind: 'done', byRunId: runId };
  if (run.result === undefined) return { kind: 'claimed' };
  const { unknowable, doubt, accepted } = part.task;
  const isOpen = unknowable.has(position) || doubt.has(position) || accepted.has(position);
  const isUndone = run.rollback.has(part.index);
  return isOpen || isUndone ? { kind: 'doubt', why: 'it ended before that' } : { kind: 'released' };
};

/** Something on it goes on still, and may be undone together with it. */
const isStoodOn = (run: RunState, part: Group): boolean =>
  run.result === undefined &&
  part.frozen.unit === 'storage' &&
  (run.standers.get(part.origin) ?? []).some((index) => !isOver(run.groups[index] as Group));

/** How an object stands among the earlier runs: the first that has not released it decides. */
const among = (
  rivals: readonly RunState[],
  object: string,
  isCounted: (runId: string, object: string) => boolean,
): { readonly state: ObjectState; readonly runId: string } | undefined => {
  for (const rival of rivals) {
    const { runId } = rival.started;
    const state: ObjectState = isCounted(runId, object)
      ? { kind: 'done', byRunId: runId }
      : objectIn(rival, object);
    if (state.kind !== 'released') return { state, runId };
  }
  return undefined;
};

/**
 * What a workgroup is about to change, and what it stands on: no VM is stopped for the sake of
 * storage that is in another run's hands. Of the latter, positions are undefined.
 */
const objectsAt = function* (
  state: RunState,
  group: Group,
): Generator<{ object: string; name: string; position?: number }> {
  const { frozen } = group;
  for (const position of group.live) {
    const item = frozen.items[position] as (typeof frozen.items)[number];
    yield { object: objectOf(frozen, item), name: item.id, position };
  }
  for (const item of standsOn(state, group)) {
    yield { object: objectOf(item.storage.frozen, item), name: item.id };
  }
};

const standsOn = (state: RunState, group: Group): readonly { id: string; storage: Group }[] => {
  const storage = state.groups[group.frozen.storage];
  if (group.frozen.unit !== 'vm' || storage === undefined) return [];
  const items = group.frozen.items as readonly VmItem[];
  const below = new Set(group.live.flatMap((position) => [...(items[position]?.on ?? [])]));
  return [...below].map((position) => ({ id: itemId(storage, position), storage }));
};

/**
 * Judges a workgroup that has not begun. `rivals`: the runs whose claims come first, in order;
 * `isCounted`: whether this run has said already that it counts an object as done by one of them.
 */
export const judgeClaim = (
  state: RunState,
  group: Group,
  rivals: readonly RunState[],
  isCounted: (runId: string, object: string) => boolean,
): Claim => {
  const waits = new Set<string>();
  const done = new Map<string, number[]>();
  for (const { object, name, position } of objectsAt(state, group)) {
    const found = among(rivals, object, isCounted);
    if (found === undefined) continue;
    if (found.state.kind === 'claimed') waits.add(found.runId);
    else if (found.state.kind === 'done' && position !== undefined) {
      const list = done.get(found.state.byRunId);
      if (list === undefined) done.set(found.state.byRunId, [position]);
      else list.push(position);
    } else if (found.state.kind === 'doubt' && !group.insists) {
      return { kind: 'doubt', fault: doubtFault(name, found.runId, found.state.why) };
    }
  }
  if (waits.size > 0) {
    const parked = rivals.filter((rival) => rival.parked !== undefined);
    const parkedIds = parked.map(({ started }) => started.runId).filter((id) => waits.has(id));
    return { kind: 'waits', runIds: [...waits], parkedIds };
  }
  if (done.size === 0) return { kind: 'free' };
  const items = [...done].map(([byRunId, positions]) => ({ byRunId, positions }));
  return { kind: 'done', items };
};

const claimInDoubt = 'CLAIM_IN_DOUBT';

const doubtFault = (name: string, runId: string, why: string): Fault => ({
  kind: 'conflict',
  owner: 'engine',
  code: claimInDoubt,
  message:
    `"${name}" was left by run ${runId} in a way that only a person can judge (${why}): ` +
    'look at it, then retry (this run takes it) or skip',
});

/** The objects of some items, with those that they stand on. */
export const objectsWith = (
  state: RunState,
  group: Group,
  positions: readonly number[],
): readonly string[] => {
  const above = { ...group, live: positions };
  return [...objectsAt(state, above)].map(({ object }) => object);
};

const nobodyElse = { runIds: [], parkedIds: [] } as const;

/** The entries that follow from a claim; none where the workgroup only goes on waiting. */
export const claimEntries = (
  state: RunState,
  group: Group,
  claim: Claim,
  now: number,
): readonly Entry[] => {
  const where = { at: now, group: group.index, step: stepAt(group), direction: 'run' } as const;
  const coordinates = { ...where, attempt: group.task.attempt };
  switch (claim.kind) {
    case 'free':
    case 'waits': {
      const { runIds, parkedIds } = claim.kind === 'free' ? nobodyElse : claim;
      const same = runIds.join() === group.waits.join();
      if (same && parkedIds.join() === group.waitsParked.join()) return [];
      const parked = parkedIds.length === 0 ? {} : { parkedIds };
      return [{ type: 'claim-waits', ...coordinates, runIds, ...parked }];
    }
    case 'done':
      return claim.items.map(({ byRunId, positions }) => {
        const items = encodeRanges(positions);
        return { type: 'done-elsewhere', ...coordinates, items, byRunId };
      });
    case 'doubt': {
      const verdict = { action: stop() };
      const positions = group.task.due;
      return [policyEntry(state, group, now, { fault: claim.fault, verdict, positions })];
    }
  }
};

/** All that is to be undone is counted as done by others. */
export const undoRefused = (
  group: Group,
  counted: ReadonlyMap<number, string>,
  now: number,
): UndoRefused => ({
  type: 'undo-refused',
  at: now,
  group: group.index,
  step: group.completed.at(-1)?.step ?? 0,
  direction: 'undo',
  attempt: group.undoAttempt + 1,
  items: encodeRanges(group.task.due),
  byRunId: counted.get(group.task.due[0] ?? -1) ?? '',
});

export const foldWaits = (group: Group, entry: ClaimWaits): void => {
  group.waits = entry.runIds;
  group.waitsParked = entry.parkedIds ?? [];
};

/** These are through, without a call of ours; what stands on them goes on. */
export const foldElsewhere = (state: RunState, group: Group, entry: DoneElsewhere): void => {
  const positions = decodeRanges(entry.items);
  const gone = new Set(positions);
  for (const position of positions) group.elsewhere.set(position, entry.byRunId);
  group.live = without(group.live, gone);
  group.liveText = encodeRanges(group.live);
  group.task.due = without(group.task.due, gone);
  group.waits = [];
  state.agenda.add(group.index);
  if (group.live.length > 0) return;
  for (const step of group.chain) {
    state.stepTasksDone[step] = (state.stepTasksDone[step] ?? 0) + 1;
  }
  leave(state, group, group.losses.size === 0 ? 'finished' : 'dropped');
};

export const foldUndoRefused = (state: RunState, group: Group, entry: UndoRefused): void => {
  const fault: Fault = {
    kind: 'conflict',
    owner: 'engine',
    code: 'COUNTED_AS_DONE',
    message: `run ${entry.byRunId} counts it as done, and goes on from there: it is not undone`,
  };
  for (const position of decodeRanges(entry.items)) group.undoFaults.set(position, fault);
  group.note = { fault, why: fault.message };
  stand(state, group, 'stuck');
};

/** A person has looked at what another run left: it is taken as it is, with what stands on it. */
export const insist = (state: RunState, group: Group): void => {
  if (group.note?.fault?.code !== claimInDoubt) return;
  const { storage } = group.frozen;
  const all = [storage, ...(state.standers.get(storage) ?? [])];
  for (const index of all) (state.groups[index] as Group).insists = true;
  group.insists = true;
};
