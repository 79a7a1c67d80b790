/**
 * What disaster runs have left behind, told from the catalog and the newest evidence. Looking is
 * all that happens here: what is done about it is a run that somebody starts.
 */
import { SiteswapError, type Violation } from '../core/errors.ts';
import { arraysOf, type Mode, type Plan } from '../core/plan.ts';
import { isPartlyOver, openRunOf, planStateOf } from '../core/plan-state.ts';
import {
  type DivergedChoice,
  divergedChoices,
  type RecoveryRecord,
  recoveryStateOf,
} from '../core/recovery.ts';
import { sizeText } from '../core/size.ts';
import { type Writer, writerAt } from '../planner/writers.ts';
import type { Catalog } from './catalog.ts';
import { planNamed, siteNamed } from './named.ts';
import type { Scout } from './scout.ts';
import type { Recovery, RecoveryFilter } from './service.ts';

interface RecoveriesParts {
  readonly catalog: Catalog;
  readonly scout: Scout;
  readonly sites: { list(): readonly { id: string }[] };
}

/** `isPartly`: the disaster run ended without some of the plan. */
const nextActions = (record: RecoveryRecord, old: Writer, isPartly: boolean): string[] => {
  const { planId, oldSiteId } = record;
  const choices = divergedChoices.join('|');
  const reprotect = `siteswap run ${planId} --mode reprotect --diverged ${choices}`;
  const fence = `siteswap run ${planId} --mode fence`;
  const bring = isPartly ? [`Bring over what is left: siteswap run ${planId} --mode planned`] : [];
  const amount = old.vmIds.length;
  const vms = amount === 1 ? '1 VM runs' : `${amount} VMs run`;
  const running = amount === 0 ? '' : `: ${vms} there`;
  switch (recoveryStateOf(record)) {
    case 'site-lost':
      return [
        ...(isPartly
          ? [`Bring over what is left: siteswap run ${planId} --mode disaster`]
          : [`Nothing while ${oldSiteId} is lost.`]),
        `Keep the VMs of ${oldSiteId} from starting when it comes back.`,
        `When it answers again: siteswap site reachable ${oldSiteId} --reason …`,
      ];
    case 'required':
      return [
        `Cut off and stop what writes at ${oldSiteId}${running}: ${fence}`,
        ...bring,
        `Then look at what only ${oldSiteId} holds, and choose: ${reprotect}`,
      ];
    case 'fenced':
      return [...bring, `Look at what only ${oldSiteId} holds, and choose: ${reprotect}`];
  }
};

/** Bytes that only this side holds; undefined where one of its arrays does not know. */
const divergedBytesOf = ({ devices }: Writer): number | undefined =>
  devices.reduce<number | undefined>(
    (sum, { divergedBytes }) =>
      sum === undefined || divergedBytes === undefined ? undefined : sum + divergedBytes,
    0,
  );

export class Recoveries {
  readonly #parts: RecoveriesParts;

  constructor(parts: RecoveriesParts) {
    this.#parts = parts;
  }

  /** Throws PLAN_NOT_FOUND, SITE_NOT_FOUND: no answer about what is not there. */
  async list(filter: RecoveryFilter): Promise<readonly Recovery[]> {
    const { state } = this.#parts.catalog;
    if (filter.planId !== undefined) planNamed(filter.planId, state);
    if (filter.siteId !== undefined) siteNamed(filter.siteId, this.#parts.sites.list());
    const wanted = [...state.recoveries.values()]
      .filter(({ planId }) => filter.planId === undefined || planId === filter.planId)
      .filter((record) => [undefined, record.oldSiteId, record.newSiteId].includes(filter.siteId))
      .sort((a, b) => (a.planId < b.planId ? -1 : 1));
    const told: Recovery[] = [];
    for (const { planId } of wanted) {
      const plan = state.plans.get(planId)?.plan;
      if (plan === undefined) continue;
      if (filter.recorded !== true) await this.#look(plan);
      // It may have been settled while the sites were asked.
      const record = state.recoveries.get(planId);
      if (record !== undefined) told.push(this.#tell(record, plan));
    }
    return told;
  }

  /** What cannot be asked is told from what was recorded. */
  async #look(plan: Plan): Promise<void> {
    const sites = [plan.protectedSiteId, plan.recoverySiteId];
    try {
      await this.#parts.scout.refresh(sites, arraysOf(plan));
    } catch (error) {
      if (!(error instanceof SiteswapError)) throw error;
    }
  }

  /** While a run of the plan goes on, what comes next has to wait for it. */
  #nextActions(record: RecoveryRecord, old: Writer): readonly string[] {
    const { state } = this.#parts.catalog;
    const { planId } = record;
    const next = nextActions(record, old, isPartlyOver(state, planId));
    const open = openRunOf(state, planId);
    if (open === undefined) return next;
    const { runId, mode } = open;
    return [`Run ${runId} (${mode}) is not ended: siteswap watch ${runId}`, ...next];
  }

  #tell(record: RecoveryRecord, plan: Plan): Recovery {
    const inventory = this.#parts.scout.heard();
    const sites = { ...plan, protectedSiteId: record.oldSiteId, recoverySiteId: record.newSiteId };
    const oldWriter = writerAt(sites, inventory, 'protected');
    const newWriter = writerAt(sites, inventory, 'recovery');
    return {
      ...record,
      state: recoveryStateOf(record),
      oldWriter,
      newWriter,
      nextActions: this.#nextActions(record, oldWriter),
    };
  }

  /** What a preview goes by where nobody has chosen yet. */
  assumed(plan: Plan, mode: Mode): DivergedChoice | undefined {
    const { recoveries } = this.#parts.catalog.state;
    return mode === 'reprotect' && recoveries.has(plan.id) ? 'keep' : undefined;
  }

  /** What a run goes by. Refuses a choice where there is nothing to choose about. */
  taken(plan: Plan, mode: Mode, changes: DivergedChoice | undefined): DivergedChoice | undefined {
    if (changes === undefined) return this.#unasked(plan, mode);
    const { state } = this.#parts.catalog;
    if (mode === 'reprotect' && state.recoveries.has(plan.id)) return changes;
    const message =
      `there is nothing to ${changes}: plan "${plan.id}" is ${planStateOf(state, plan.id)}, and ` +
      'only a reprotect after a disaster run finds data that went different ways';
    throw new SiteswapError('INVALID_REQUEST', message, { subject: plan.id });
  }

  /**
   * A stretched device has to be taken back by the side that cut the other one off, also when
   * nothing has diverged and there is nothing to ask a person.
   */
  #unasked(plan: Plan, mode: Mode): DivergedChoice | undefined {
    const record = this.#parts.catalog.state.recoveries.get(plan.id);
    if (mode !== 'reprotect' || record === undefined) return undefined;
    const { devices } = this.#tell(record, plan).oldWriter;
    return devices.some(({ stretched }) => stretched) ? 'keep' : undefined;
  }

  /** What a person has to decide about before a reprotect. Evidence is fresh here. */
  #undecided(plan: Plan, mode: Mode): { message: string; hint: string } | undefined {
    const record = this.#parts.catalog.state.recoveries.get(plan.id);
    if (mode !== 'reprotect' || record === undefined) return undefined;
    const { oldWriter } = this.#tell(record, plan);
    const bytes = divergedBytesOf(oldWriter);
    if (bytes === 0) return undefined;
    const size = bytes === undefined ? 'data of a size that is not known' : sizeText(bytes);
    const message = `site "${record.oldSiteId}" may hold ${size} that "${record.newSiteId}" lacks`;
    const hint = `siteswap run ${plan.id} --mode reprotect --diverged keep, or discard.`;
    return { message, hint };
  }

  /** The same as a finding: a run without a choice would be refused. */
  obstacles(plan: Plan, mode: Mode): readonly Violation[] {
    const undecided = this.#undecided(plan, mode);
    if (undecided === undefined) return [];
    return [{ field: '', message: `${undecided.message}; choose: ${undecided.hint}` }];
  }

  /** Refuses a reprotect that would overwrite what nobody decided about. */
  expectChosen(plan: Plan, mode: Mode, changes: DivergedChoice | undefined): void {
    const undecided = changes === undefined ? this.#undecided(plan, mode) : undefined;
    if (undecided === undefined) return;
    const { message, hint } = undecided;
    throw new SiteswapError('DATA_DIVERGED', message, { subject: plan.id, hint });
  }
}
