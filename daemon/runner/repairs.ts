/** Repair: looks at how a plan really stands, and lets the journal believe it, for a reason. */
import { createHash } from 'node:crypto';
import type { PlanAdopted, Standing } from '../core/adoption.ts';
import type { Clock } from '../core/clock.ts';
import { SiteswapError } from '../core/errors.ts';
import { arraysOf, type Plan } from '../core/plan.ts';
import { openRunOf, planStateOf } from '../core/plan-state.ts';
import { lookAt } from '../planner/standing.ts';
import { type Catalog, markOf } from './catalog.ts';
import { planInUse } from './refusals.ts';
import type { Scout } from './scout.ts';
import type { AdoptRequest, Inspection } from './service.ts';

interface RepairsParts {
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly scout: Scout;
}

const isSame = (one: Inspection['believed'], other: Standing): boolean =>
  one.protectedSiteId === other.protectedSiteId &&
  one.recoverySiteId === other.recoverySiteId &&
  // Test copies are beside the roles.
  (one.state === 'tested' ? 'ready' : one.state) === other.state;

/** Its fence would park for ever: at the other side there is no writer of an older lineage. */
const cannotGoOn = (planId: string, siteId: string, newerSiteId: string): SiteswapError => {
  const message =
    `site "${siteId}" cannot be the one that goes on: "${newerSiteId}" was promoted since, and ` +
    'arrays cut off writers of older lineages only';
  const keep = `siteswap run ${planId} --mode reprotect --diverged keep`;
  const hint = `Adopt without a choice, then fence; ${keep} leaves a snapshot of its data.`;
  return new SiteswapError('INVALID_REQUEST', message, { subject: planId, hint });
};

/** What was found, seen from the site that a person says is current. */
const chosen = (inspection: Inspection, currentSiteId: string): Standing | undefined => {
  const { found, planId, olderSiteId } = inspection;
  if (found === undefined || currentSiteId === '') return found;
  const { protectedSiteId, recoverySiteId, state } = found;
  const isOne = [protectedSiteId, recoverySiteId].includes(currentSiteId);
  if (!isOne || state !== 'recovery-required') {
    const message = isOne
      ? `there is nothing to choose: plan "${planId}" is ${state}, one side of it is current`
      : `site "${currentSiteId}" is not one of the plan's: ${protectedSiteId}, ${recoverySiteId}`;
    throw new SiteswapError('INVALID_REQUEST', message, { subject: planId });
  }
  if (currentSiteId === recoverySiteId) return found;
  if (currentSiteId === olderSiteId) throw cannotGoOn(planId, currentSiteId, recoverySiteId);
  return { state, protectedSiteId: recoverySiteId, recoverySiteId: protectedSiteId };
};

export class Repairs {
  readonly #parts: RepairsParts;

  constructor(parts: RepairsParts) {
    this.#parts = parts;
  }

  /** Asks both sites; throws when one is declared lost or does not answer. */
  async inspect(planId: string): Promise<Inspection> {
    const plan = this.#plan(planId);
    await this.#refresh(plan);
    const { protectedSiteId, recoverySiteId } = plan;
    const state = planStateOf(this.#parts.catalog.state, planId);
    const looked = lookAt(plan, this.#parts.scout.inventory(), state);
    const shown = { planId, believed: { protectedSiteId, recoverySiteId, state }, ...looked };
    return { ...shown, digest: createHash('sha256').update(JSON.stringify(shown)).digest('hex') };
  }

  /** Believes what was found, if it is still what the caller was shown. */
  async adopt(request: AdoptRequest): Promise<void> {
    await this.#parts.catalog.judged(() => this.#adopt(request));
  }

  async #adopt(request: AdoptRequest): Promise<void> {
    const { planId, requester, reason, digest, currentSiteId = '', requestId } = request;
    const { catalog, clock } = this.#parts;
    const { state } = catalog;
    if (catalog.isDone(requestId)) return;
    catalog.expectNotHeld();
    const facts = () => JSON.stringify([state.plans.get(planId)?.etag, openRunOf(state, planId)]);
    const was = facts();
    const inspection = await this.inspect(planId);
    this.#expectUnused(planId);
    const { unclear, believed } = inspection;
    const found = chosen(inspection, currentSiteId);
    if (inspection.digest !== digest) {
      const message = `plan "${planId}" does not stand as it was shown any more`;
      throw new SiteswapError('REPAIR_STALE', message, { subject: planId });
    }
    if (found === undefined) {
      const message = `how plan "${planId}" stands cannot be told: ${unclear.join('; ')}`;
      throw new SiteswapError('REPAIR_UNCLEAR', message, { subject: planId });
    }
    if (isSame(believed, found)) {
      const message = `there is nothing to adopt: plan "${planId}" is ${found.state} as believed`;
      throw new SiteswapError('INVALID_REQUEST', message, { subject: planId });
    }
    const at = clock.now();
    const adopted = { type: 'plan-adopted', at, planId, requester, reason, digest } as const;
    const entry = { ...adopted, ...found, ...markOf(requestId) } satisfies PlanAdopted;
    await catalog.append([entry], [], () => facts() === was && !catalog.isDone(requestId));
  }

  /** A journal that was begun anew knows no plan: its file is there still. */
  #plan(planId: string): Plan {
    const record = this.#parts.catalog.state.plans.get(planId);
    if (record !== undefined) return record.plan;
    const message = `no plan has the id "${planId}", so nothing is believed of it`;
    const then = `siteswap plan apply FILE; then siteswap repair ${planId}.`;
    const hint = `Store it first, with its sites exchanged if it is refused for them: ${then}`;
    throw new SiteswapError('PLAN_NOT_FOUND', message, { subject: planId, hint });
  }

  async #refresh(plan: Plan): Promise<void> {
    const { catalog, scout } = this.#parts;
    const sites = [plan.protectedSiteId, plan.recoverySiteId];
    const lost = sites.find((siteId) => catalog.state.lostSites.has(siteId));
    if (lost !== undefined) {
      const message = `site "${lost}" is declared lost: what it really is cannot be asked`;
      const back = `siteswap site reachable ${lost} --reason …`;
      const hint = `Once it is back: ${back}, then inspect again.`;
      throw new SiteswapError('SITE_LOST', message, { subject: lost, hint });
    }
    await scout.refresh(sites, arraysOf(plan));
  }

  /** A run knows more than a look does: it is ended first, by a decision. */
  #expectUnused(planId: string): void {
    const open = openRunOf(this.#parts.catalog.state, planId);
    if (open === undefined) return;
    const hint = `siteswap resume ${open.runId} --decision abandon, then inspect again.`;
    throw planInUse(open, { hint });
  }
}
