/**
 * What a disaster run leaves behind: two sites that may both have been written to. From its first
 * promote until a reprotect has made the copies equal, the plan's old site holds a writer of the
 * old lineage, and somebody must decide about it. That is kept apart from the runs: those are
 * forgotten.
 */
import type { RunClosed, RunOpened, SiteDeclared } from './system-entries.ts';

/** What becomes of data that only the returned site holds: kept there as a snapshot, or not. */
export const divergedChoices = ['keep', 'discard'] as const;
export type DivergedChoice = (typeof divergedChoices)[number];

export interface RecoveryRecord {
  readonly planId: string;
  /** The disaster run. */
  readonly runId: string;
  /** When it began: both sites may have been written to since. */
  readonly sinceMs: number;
  /** Where the old lineage is: the site that was lost. */
  readonly oldSiteId: string;
  /** Where the new lineage is. */
  readonly newSiteId: string;
  /** When a person declared the old site reachable; absent while it is lost. */
  readonly returnedAtMs?: number;
  /** When a fence run had cut the old writers off. */
  readonly fencedAtMs?: number;
  readonly fencedByRunId?: string;
}

/** Plan id → what its disaster run left behind. */
export type RecoveryBook = Map<string, RecoveryRecord>;

/** Every recovery that is not over, stated anew. */
export interface RecoveriesKept {
  readonly type: 'recoveries-kept';
  readonly at: number;
  readonly recoveries: readonly RecoveryRecord[];
}

export type RecoveryState = 'site-lost' | 'required' | 'fenced';

export const recoveryStateOf = (record: RecoveryRecord): RecoveryState => {
  if (record.returnedAtMs === undefined) return 'site-lost';
  return record.fencedAtMs === undefined ? 'required' : 'fenced';
};

interface Sites {
  readonly protectedSiteId: string;
  readonly recoverySiteId: string;
}

/**
 * A disaster run has begun. One that repeats another parts nothing anew, but what it promotes no
 * fence before it has cut off.
 */
export const foldDisaster = (book: RecoveryBook, opened: RunOpened, plan?: Sites): void => {
  const { planId, runId, at, mode } = opened;
  if (mode !== 'disaster' || plan === undefined) return;
  const known = book.get(planId);
  if (known !== undefined) {
    const { fencedAtMs: _, fencedByRunId: __, ...open } = known;
    book.set(planId, open);
    return;
  }
  const { protectedSiteId: oldSiteId, recoverySiteId: newSiteId } = plan;
  book.set(planId, { planId, runId, sinceMs: at, oldSiteId, newSiteId });
};

/** A run has ended: a fence has held, copies are equal again, or nothing was done at all. */
export const foldRunEnd = (book: RecoveryBook, opened: RunOpened, closed: RunClosed): void => {
  const record = book.get(opened.planId);
  if (record === undefined) return;
  const succeeded = closed.result === 'succeeded';
  const isNothing = closed.result === 'rolled-back' || closed.untouched === true;
  const undone = isNothing && record.runId === closed.runId;
  if (undone || (opened.mode === 'reprotect' && succeeded)) book.delete(opened.planId);
  if (opened.mode !== 'fence' || !succeeded) return;
  book.set(opened.planId, { ...record, fencedAtMs: closed.at, fencedByRunId: closed.runId });
};

export const foldReturn = (book: RecoveryBook, declared: SiteDeclared): void => {
  for (const record of book.values()) {
    if (record.oldSiteId !== declared.siteId) continue;
    const { returnedAtMs: _, ...rest } = record;
    const isBack = declared.type === 'site-reachable';
    book.set(record.planId, isBack ? { ...rest, returnedAtMs: declared.at } : rest);
  }
};
