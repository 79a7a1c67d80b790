/**
 * No operation twice among runs that are open together. Runs have an order, that of their opening
 * in the system stream. What two of them share is claimed by the one that was opened first; the
 * other waits for it, skips what was done there and takes what was given up. So nobody ever waits
 * for a run that was opened later, and no circle of waiting can arise (decision 0037).
 *
 * What has become of an object is told by the entries of the run that claimed it. Only that one run
 * counts as done what another run did stands here: from then on the other one must not undo it.
 * Source: US 9,563,478.
 */
import type { FrozenRun, FrozenWorkgroup } from './frozen.ts';
import type { RunClosed } from './system-entries.ts';

/** A run's frozen shape, under its name. */
export interface NamedRun {
  readonly runId: string;
  readonly frozen: FrozenRun;
}

/** A run counts as done what another run did to these, and will not do it itself. */
export interface ObjectsCounted {
  readonly type: 'objects-counted';
  readonly at: number;
  /** Who did it, and is not ended. */
  readonly runId: string;
  readonly byRunId: string;
  /** See `objectOf`. */
  readonly objects: readonly string[];
}

/** A run is about to undo: nothing of it is counted as done from here on. */
export interface RunReturning {
  readonly type: 'run-returning';
  readonly at: number;
  readonly runId: string;
}

/** Stated anew. */
export interface ClaimsKept {
  readonly type: 'claims-kept';
  readonly at: number;
  readonly runs: readonly {
    readonly runId: string;
    readonly returning: boolean;
    readonly counted: readonly (readonly [object: string, byRunId: string])[];
  }[];
}

/** What others have counted of a run that is not ended. */
export interface Counted {
  readonly returning: boolean;
  /** Object → the run that counts it as done. */
  readonly by: ReadonlyMap<string, string>;
}

/** Run id → what others have counted of it; nothing of most. */
export type ClaimBook = Map<string, Counted>;

/**
 * The canonical id of what a workgroup's item is: a consistency group has one from both ends, a VM
 * that of the compute which it leaves.
 */
export const objectOf = (group: FrozenWorkgroup, item: { readonly id: string }): string =>
  group.unit === 'storage' ? `group ${item.id}` : `vm ${group.protectedComputeId} ${item.id}`;

const objectsOf = function* ({ workgroups }: FrozenRun): Generator<string> {
  for (const group of workgroups) for (const item of group.items) yield objectOf(group, item);
};

/** Whether any object of a run is one of `others` too. */
const shares = (objects: ReadonlySet<string>, other: FrozenRun): boolean => {
  for (const object of objectsOf(other)) if (objects.has(object)) return true;
  return false;
};

/** A call of ReplicationService is one operation, and asked for each time. */
const goesAlike = (frozen: FrozenRun, other: FrozenRun): boolean =>
  frozen.mode !== 'device' &&
  frozen.mode === other.mode &&
  frozen.planId !== other.planId &&
  frozen.protectedSiteId === other.protectedSiteId &&
  frozen.recoverySiteId === other.recoverySiteId;

/**
 * The runs, of those that are open, which do to some object what this one is about to do, in their
 * order: what they share is theirs.
 */
export const rivalsOf = (frozen: FrozenRun, open: readonly NamedRun[]): readonly string[] => {
  const alike = open.filter((run) => goesAlike(frozen, run.frozen));
  if (alike.length === 0) return [];
  const objects = new Set(objectsOf(frozen));
  return alike.filter((run) => shares(objects, run.frozen)).map(({ runId }) => runId);
};

/** Whether a run has anything in common with one of those that were opened meanwhile. */
export const meets = (frozen: FrozenRun, others: readonly NamedRun[]): boolean => {
  if (others.length === 0) return false;
  const objects = new Set(objectsOf(frozen));
  return others.some((other) => shares(objects, other.frozen));
};

type ClaimEntry = ObjectsCounted | RunReturning | ClaimsKept;

export const foldClaims = (book: ClaimBook, entry: ClaimEntry): void => {
  if (entry.type === 'claims-kept') {
    book.clear();
    for (const { runId, returning, counted } of entry.runs) {
      book.set(runId, { returning, by: new Map(counted) });
    }
    return;
  }
  const known = book.get(entry.runId) ?? { returning: false, by: new Map() };
  if (entry.type === 'run-returning') book.set(entry.runId, { ...known, returning: true });
  else {
    const more = entry.objects.map((object) => [object, entry.byRunId] as const);
    book.set(entry.runId, { ...known, by: new Map([...known.by, ...more]) });
  }
};

/** An ended run undoes nothing; one that was undone wholly counts on nothing any more. */
export const foldClaimsEnd = (book: ClaimBook, { runId, result }: RunClosed): void => {
  book.delete(runId);
  if (result !== 'rolled-back') return;
  for (const [other, { returning, by }] of book) {
    const left = [...by].filter(([, byRunId]) => byRunId !== runId);
    if (left.length < by.size) book.set(other, { returning, by: new Map(left) });
  }
};

export const statedClaims = (book: ClaimBook, at: number): ClaimsKept => ({
  type: 'claims-kept',
  at,
  runs: [...book].map(([runId, { returning, by }]) => ({ runId, returning, counted: [...by] })),
});
