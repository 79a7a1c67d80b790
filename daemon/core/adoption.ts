/**
 * Adoption: a person has looked at what the arrays really are, and the journal believes that from
 * now on. It is an entry like any other, so that nobody ever edits a database.
 */
import type { Plan } from './plan.ts';
import type { RecoveryBook } from './recovery.ts';

/** How a plan really stands, as far as arrays can tell. */
export type AdoptedState = 'ready' | 'failed-over' | 'recovery-required';

export interface Standing {
  readonly protectedSiteId: string;
  readonly recoverySiteId: string;
  readonly state: AdoptedState;
}

export interface PlanAdopted extends Standing {
  readonly type: 'plan-adopted';
  readonly at: number;
  readonly planId: string;
  readonly requester: string;
  readonly reason: string;
  /** Of what was shown to the person. */
  readonly digest: string;
  /** Of the request, where it came through a queue: it may come again. */
  readonly requestId?: string;
}

/** Plan id → what was adopted, until a run says something newer. */
export type AdoptionBook = Map<string, PlanAdopted>;

export const adoptedPlan = (plan: Plan, { protectedSiteId, recoverySiteId }: Standing): Plan => ({
  ...plan,
  protectedSiteId,
  recoverySiteId,
});

/** Writers at both sites are a recovery, whatever led to it; a side seen closed is fenced. */
export const adoptRecovery = (book: RecoveryBook, adopted: PlanAdopted): void => {
  const { planId, at, state, protectedSiteId: oldSiteId, recoverySiteId: newSiteId } = adopted;
  const known = book.get(planId);
  if (state === 'ready') book.delete(planId);
  else if (state === 'failed-over' && known !== undefined) {
    book.set(planId, { returnedAtMs: at, ...known, fencedAtMs: at });
  } else if (state === 'recovery-required') {
    const { runId = '', sinceMs = at } = known ?? {};
    book.set(planId, { planId, runId, sinceMs, oldSiteId, newSiteId, returnedAtMs: at });
  }
};
