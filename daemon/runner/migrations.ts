/** Asks the computes of a plan's sites about its VMs' migrations, and judges what they say. */
import { type Fault, fault } from '../../sdk/plugin/fault.ts';
import type { VmTarget } from '../../sdk/plugin/verbs.ts';
import { SiteswapError } from '../core/errors.ts';
import { arraysOf, type Plan } from '../core/plan.ts';
import { judgeVm, type Testimony, type VmMigration, vmIdsOf } from '../planner/migrated.ts';
import type { RemoteConfig } from '../workers/pool.ts';
import type { Catalog } from './catalog.ts';
import { planNamed } from './named.ts';
import type { Scout } from './scout.ts';
import type { MigrationQuestion } from './service.ts';

interface MigrationsParts {
  readonly scout: Scout;
  readonly catalog: Catalog;
}

/** VMs in one question to a compute. */
const vmsPerQuestionMax = 1_000;

export class Migrations {
  readonly #parts: MigrationsParts;

  constructor(parts: MigrationsParts) {
    this.#parts = parts;
  }

  async list({ planId, vmIds }: MigrationQuestion): Promise<readonly VmMigration[]> {
    const { scout, catalog } = this.#parts;
    const { plan } = planNamed(planId, catalog.state);
    if (vmIds.length === 0) await this.#look(plan);
    const ids = vmIds.length > 0 ? [...new Set(vmIds)].sort() : vmIdsOf(plan, scout.inventory());
    const found = await this.judge(plan, ids);
    const nothing = (vmId: string): VmMigration[] =>
      vmIds.length > 0 ? [{ vmId, remedy: '', problem: '' }] : [];
    return ids.flatMap((vmId) => found.get(vmId) ?? nothing(vmId));
  }

  /** VM → what its computes say; those without a migration are left out. */
  async judge(plan: Plan, vmIds: readonly string[]): Promise<ReadonlyMap<string, VmMigration>> {
    const { recoverySiteId, protectedSiteId } = plan;
    const computes = [recoverySiteId, protectedSiteId].flatMap((siteId) =>
      this.#parts.scout.remotesAt([siteId]).filter(({ kind }) => kind === 'compute'),
    );
    const heard = await Promise.all(computes.map((compute) => this.#ask(compute, vmIds)));
    const found = new Map<string, VmMigration>();
    for (const vmId of vmIds) {
      const said = heard.flatMap((answers) => answers.get(vmId) ?? []);
      const judged = judgeVm(vmId, said);
      if (judged !== undefined) found.set(vmId, judged);
    }
    return found;
  }

  /** What cannot be asked is told from what was recorded. */
  async #look(plan: Plan): Promise<void> {
    try {
      const sites = [plan.protectedSiteId, plan.recoverySiteId];
      await this.#parts.scout.refresh(sites, arraysOf(plan));
    } catch (error) {
      if (!(error instanceof SiteswapError)) throw error;
    }
  }

  async #ask(
    { id: computeId, siteId }: RemoteConfig,
    vmIds: readonly string[],
  ): Promise<ReadonlyMap<string, Testimony>> {
    const all = new Map<string, Testimony>();
    for (let at = 0; at < vmIds.length; at += vmsPerQuestionMax) {
      const some = vmIds.slice(at, at + vmsPerQuestionMax);
      const targets = some.map((id): VmTarget => ({ id, instance: 'production' }));
      const answers = await this.#parts.scout.migrations(computeId, targets).catch(notAsked(some));
      for (const answer of answers) {
        const said = 'fault' in answer ? answer.fault : answer.value;
        all.set(answer.id, { computeId, siteId, said });
      }
    }
    return all;
  }
}

/** A compute that cannot be asked has said nothing, of each VM, and why. */
const notAsked =
  (vmIds: readonly string[]) =>
  (error: unknown): readonly { readonly id: string; readonly fault: Fault }[] => {
    if (!(error instanceof SiteswapError)) throw error;
    const why = fault('unreachable', error.message, { owner: 'engine' });
    return vmIds.map((id) => ({ id, fault: why }));
  };
