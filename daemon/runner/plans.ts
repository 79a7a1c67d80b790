/** Plans: created, changed and checked; kept in the catalog like everything else. */
import type { Clock } from '../core/clock.ts';
import { SiteswapError, type Violation } from '../core/errors.ts';
import type { Mode, Plan } from '../core/plan.ts';
import { openRunOf, type PlanState, planStateOf } from '../core/plan-state.ts';
import type { Random } from '../core/random.ts';
import { checkPlan } from '../planner/check-plan.ts';
import { type Catalog, markOf } from './catalog.ts';
import { Lines } from './lines.ts';
import { planNamed } from './named.ts';
import { planInUse, refusal } from './refusals.ts';
import type { Runs } from './runs.ts';
import type { PlanFindings, StoredPlan } from './service.ts';
import type { Starts } from './starts.ts';

interface PlansParts {
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly random: Random;
  readonly runs: Runs;
  readonly starts: Starts;
  readonly arrayIds: ReadonlySet<string>;
  readonly siteIds: ReadonlySet<string>;
  /** The site at which this daemon and its journal stand. */
  readonly ownSiteId: string;
}

/** What a plan in a state is run for, as a rule. */
const nextMode: Readonly<Record<PlanState, Mode>> = {
  ready: 'planned',
  tested: 'cleanup',
  'failed-over': 'reprotect',
  'partly-failed-over': 'reprotect',
  'recovery-required': 'fence',
};

const toldOf = ({ message, hint }: SiteswapError): Violation => ({
  field: '',
  message: `${message}. ${hint}`,
});

/** What a plan moves between which sites. */
const scopeOf = ({ protectedSiteId, recoverySiteId, protectionGroups }: Plan): string => {
  const groups = protectionGroups.flatMap((one) =>
    one.groups.map((group) => JSON.stringify(group)),
  );
  return JSON.stringify([protectedSiteId, recoverySiteId, groups.sort()]);
};

export class Plans {
  readonly #parts: PlansParts;
  readonly #lines = new Lines();

  constructor(parts: PlansParts) {
    this.#parts = parts;
  }

  async create(plan: Plan, requestId?: string): Promise<StoredPlan> {
    await this.#change(plan.id, requestId, async (still) => {
      if (this.#parts.catalog.state.plans.has(plan.id)) {
        const message = `there is a plan "${plan.id}" already`;
        throw new SiteswapError('PLAN_EXISTS', message, { subject: plan.id });
      }
      await this.#expectSound(plan);
      await this.#save(plan, requestId, still);
    });
    return this.get(plan.id);
  }

  async update(plan: Plan, etag: string, requestId?: string): Promise<StoredPlan> {
    await this.#change(plan.id, requestId, async (still) => {
      this.#expectCurrent(plan.id, etag);
      this.#expectUnused(plan.id);
      this.#expectRecovered(plan.id, plan);
      await this.#expectSound(plan);
      await this.#save(plan, requestId, still);
    });
    return this.get(plan.id);
  }

  async delete(planId: string, etag: string, requestId?: string): Promise<void> {
    await this.#change(planId, requestId, async (still) => {
      this.#expectCurrent(planId, etag);
      this.#expectUnused(planId);
      this.#expectRecovered(planId);
      const at = this.#parts.clock.now();
      const entry = { type: 'plan-deleted', at, planId, ...markOf(requestId) } as const;
      await this.#parts.catalog.append([entry], [], still);
    });
  }

  /** Changes of one plan come one after the other, and none while the journal is held. */
  #change(
    planId: string,
    requestId: string | undefined,
    change: (still: () => boolean) => Promise<void>,
  ): Promise<void> {
    const { catalog } = this.#parts;
    return this.#lines.run(planId, () =>
      catalog.judged(async () => {
        if (catalog.isDone(requestId)) return;
        catalog.expectNotHeld();
        const same = this.#judgedBy(planId);
        await change(() => same() && !catalog.isDone(requestId));
      }),
    );
  }

  /** Whether what a change is judged by is still the same: asked when its entry is to land. */
  #judgedBy(planId: string): () => boolean {
    const { state } = this.#parts.catalog;
    const facts = () => JSON.stringify([state.plans.get(planId)?.etag, openRunOf(state, planId)]);
    const was = facts();
    return () => facts() === was;
  }

  get(planId: string): StoredPlan {
    const { state } = this.#parts.catalog;
    const { plan, etag, savedAtMs } = planNamed(planId, state);
    const open = openRunOf(state, planId);
    const parked =
      open !== undefined && this.#parts.runs.agent(open.runId)?.state.parked !== undefined;
    const running = open?.mode === 'test' ? 'testing' : 'running';
    return {
      plan,
      etag,
      savedAtMs,
      state: open === undefined ? planStateOf(state, planId) : parked ? 'parked' : running,
      ...(open === undefined ? {} : { openRunId: open.runId }),
    };
  }

  list(): readonly StoredPlan[] {
    return [...this.#parts.catalog.state.plans.keys()].sort().map((planId) => this.get(planId));
  }

  /**
   * Every finding at once. A plan that has failed over is checked as far as its state allows.
   * Throws, as storing it would, what is no fault of the plan.
   */
  async validate(plan: Plan): Promise<PlanFindings> {
    const warnings: Violation[] = [];
    if (plan.protectedSiteId === this.#parts.ownSiteId) {
      warnings.push({
        field: 'protectedSiteId',
        message:
          `this daemon and its journal stand at site "${plan.protectedSiteId}": ` +
          'should that site be lost, so are they; run a daemon at the recovery site',
      });
    }
    try {
      const found = await this.#findingsOf(plan, this.#modeOf(plan));
      return { ...found, warnings: [...warnings, ...found.warnings] };
    } catch (error) {
      // A plan over a site that is declared lost can be stored.
      if (!(error instanceof SiteswapError) || error.reason !== 'SITE_LOST') throw error;
      return { problems: [], obstacles: [toldOf(error)], warnings };
    }
  }

  /** What the plan would be run for next. */
  #modeOf(plan: Plan): Mode {
    const { catalog } = this.#parts;
    const lost = catalog.state.lostSites.has(plan.protectedSiteId);
    const next = nextMode[planStateOf(catalog.state, plan.id)];
    return next === 'planned' && lost ? 'disaster' : next;
  }

  /** Throws what is no fault of the plan: a remote that does not answer, a plugin that fails. */
  async #findingsOf(plan: Plan, mode: Mode): Promise<PlanFindings> {
    const sites = this.#siteProblems(plan);
    const written = [...sites, ...checkPlan(plan)];
    // At a site that does not exist there is nothing to look at.
    if (sites.length > 0) {
      const problems = [...written, ...this.#arrayProblems(plan)];
      return { problems, obstacles: [], warnings: [] };
    }
    try {
      return { problems: written, ...(await this.#parts.starts.look(plan, mode)) };
    } catch (error) {
      // Where the plan as written is wrong, that is told, whoever else does not answer.
      if (!(error instanceof SiteswapError) || written.length === 0) throw error;
      return { problems: written, obstacles: [toldOf(error)], warnings: [] };
    }
  }

  #siteProblems(plan: Plan): Violation[] {
    return (['protectedSiteId', 'recoverySiteId'] as const)
      .filter((field) => !this.#parts.siteIds.has(plan[field]))
      .map((field) => ({
        field,
        message:
          `there is no site "${plan[field]}": ` +
          `the configuration has ${[...this.#parts.siteIds].join(', ')}`,
      }));
  }

  #arrayProblems({ protectionGroups }: Plan): Violation[] {
    const { arrayIds } = this.#parts;
    return protectionGroups.flatMap(({ groups }, at) =>
      groups.flatMap(({ arrayId }, below) =>
        arrayIds.has(arrayId)
          ? []
          : [
              {
                field: `protectionGroups[${at}].groups[${below}].arrayId`,
                message: `no array "${arrayId}": the configuration has ${[...arrayIds].join(', ')}`,
              },
            ],
      ),
    );
  }

  async #expectSound(plan: Plan): Promise<void> {
    // A plan that is in the middle of something may be mended: only how it is written counts then.
    const mode = this.#modeOf(plan);
    const isReady = mode === 'planned' || mode === 'disaster';
    const problems = isReady
      ? (await this.#findingsOf(plan, mode)).problems
      : [...this.#siteProblems(plan), ...checkPlan(plan)];
    if (problems.length > 0) throw refusal('PLAN_INVALID', problems, plan.id);
  }

  #expectCurrent(planId: string, etag: string): void {
    const stored = this.get(planId);
    if (stored.etag === etag) return;
    const message = `plan "${planId}" has etag ${stored.etag}, not "${etag}"`;
    throw new SiteswapError('PLAN_CHANGED', message, { subject: planId });
  }

  #expectUnused(planId: string): void {
    const open = openRunOf(this.#parts.catalog.state, planId);
    if (open !== undefined) throw planInUse(open);
  }

  /**
   * What a disaster run has left behind is known by its plan: while both sites may have writers,
   * that plan stays, over the same groups. `changed`: what is to stand in its place.
   */
  #expectRecovered(planId: string, changed?: Plan): void {
    const { state } = this.#parts.catalog;
    if (!state.recoveries.has(planId)) return;
    const before = state.plans.get(planId)?.plan;
    if (changed !== undefined && before !== undefined && scopeOf(before) === scopeOf(changed)) {
      return;
    }
    const what = changed === undefined ? 'be deleted' : 'change its sites or groups';
    const message =
      `plan "${planId}" cannot ${what}: what its disaster run has left at the other site is not ` +
      'settled, and nobody else would know of it';
    const hint = `siteswap site recoveries says what is to be done first.`;
    throw new SiteswapError('PLAN_STATE', message, { subject: planId, hint });
  }

  async #save(plan: Plan, requestId: string | undefined, still: () => boolean): Promise<void> {
    const at = this.#parts.clock.now();
    const etag = this.#parts.random.id().slice(0, 16);
    const entry = { type: 'plan-saved', at, plan, etag, ...markOf(requestId) } as const;
    await this.#parts.catalog.append([entry], [], still);
  }
}
