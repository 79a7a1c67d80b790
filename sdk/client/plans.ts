/** Plans: what moves where, in which order, with which policies. */
import type { Mode } from '../../proto/gen/siteswap/v1/common.ts';
import {
  CreatePlanRequest,
  type DeepPartial,
  DeletePlanRequest,
  GetPlanRequest,
  ListPlansRequest,
  PlanServiceService as methods,
  type Plan,
  PreviewPlanRequest,
  type PreviewPlanResponse,
  type StoredPlan,
  UpdatePlanRequest,
  ValidatePlanRequest,
  type ValidatePlanResponse,
} from '../../proto/gen/siteswap/v1/plan.ts';
import { type CallOptions, type Channel, present } from './channel.ts';
import { pageSize } from './limits.ts';
import { eachItem } from './pages.ts';

/** `client.plans` */
export class Plans {
  readonly #channel: Channel;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /**
   * Stores a new plan. Fields that are left out take their defaults.
   *
   * @example
   * ```ts
   * const { etag } = await client.plans.create({
   *   id: 'shop',
   *   name: 'The web shop',
   *   protectedSiteId: 'east',
   *   recoverySiteId: 'west',
   *   protectionGroups: [{ id: 'data', groups: [{ arrayId: 'east-array', id: 'cg-1' }] }],
   *   policies: {
   *     'promote-target': {
   *       rules: [
   *         {
   *           kinds: [FaultKind.BUSY],
   *           action: { type: PolicyActionType.RERUN, attemptsMax: 5, delayMsMin: 500 },
   *         },
   *       ],
   *       otherwise: { type: PolicyActionType.ROLLBACK, reach: Reach.PROTECTION_GROUP },
   *     },
   *   },
   * });
   * console.log(etag);
   * ```
   */
  async create(plan: DeepPartial<Plan>, options?: CallOptions): Promise<StoredPlan> {
    const request = CreatePlanRequest.fromPartial({ plan });
    const answer = await this.#channel.unary(methods.createPlan, request, options);
    return present(answer.plan, 'plan');
  }

  /**
   * One plan, with its etag and state.
   *
   * @example
   * ```ts
   * const { plan, state } = await client.plans.get('erp');
   * console.log(plan?.name, state);
   * ```
   */
  async get(planId: string, options?: CallOptions): Promise<StoredPlan> {
    const request = GetPlanRequest.fromPartial({ planId });
    const answer = await this.#channel.unary(methods.getPlan, request, options);
    return present(answer.plan, 'plan');
  }

  /**
   * All plans, by id.
   *
   * @example
   * ```ts
   * for await (const { plan, state } of client.plans.list()) console.log(plan?.id, state);
   * ```
   */
  list(options?: CallOptions): AsyncGenerator<StoredPlan, void> {
    return eachItem(async (pageToken) => {
      const request = ListPlansRequest.fromPartial({ pageSize, pageToken });
      const answer = await this.#channel.unary(methods.listPlans, request, options);
      return { items: answer.plans, next: answer.nextPageToken };
    });
  }

  /**
   * Replaces a plan, provided that nobody changed it since it was read: PLAN_CHANGED otherwise.
   *
   * @example
   * ```ts
   * const { plan, etag } = await client.plans.get('erp');
   * await client.plans.update({ ...plan, name: 'ERP and its databases' }, etag);
   * ```
   */
  async update(plan: DeepPartial<Plan>, etag: string, options?: CallOptions): Promise<StoredPlan> {
    const request = UpdatePlanRequest.fromPartial({ plan, etag });
    const answer = await this.#channel.unary(methods.updatePlan, request, options);
    return present(answer.plan, 'plan');
  }

  /**
   * Removes a plan, provided that nobody changed it since it was read. Its runs stay.
   *
   * @example
   * ```ts
   * const { etag } = await client.plans.get('erp');
   * await client.plans.delete('erp', etag);
   * ```
   */
  async delete(planId: string, etag: string, options?: CallOptions): Promise<void> {
    const request = DeletePlanRequest.fromPartial({ planId, etag });
    await this.#channel.unary(methods.deletePlan, request, options);
  }

  /**
   * Every problem of a plan at once. The plan need not be stored.
   *
   * @example
   * ```ts
   * const { problems, warnings } = await client.plans.validate({ id: 'draft' });
   * for (const { field, message } of [...problems, ...warnings]) console.log(field, message);
   * ```
   */
  async validate(plan: DeepPartial<Plan>, options?: CallOptions): Promise<ValidatePlanResponse> {
    const request = ValidatePlanRequest.fromPartial({ plan });
    return this.#channel.unary(methods.validatePlan, request, options);
  }

  /**
   * The workgroups, steps, order, limits and policies that a run would use if it started now.
   *
   * @example
   * ```ts
   * const preview = await client.plans.preview('erp', Mode.PLANNED);
   * console.log(preview.steps.map((step) => step.name));
   * console.log(preview.workgroups.map(({ id, itemIds }) => `${id}: ${itemIds.join(' ')}`));
   * ```
   */
  async preview(planId: string, mode: Mode, options?: CallOptions): Promise<PreviewPlanResponse> {
    const request = PreviewPlanRequest.fromPartial({ planId, mode });
    return this.#channel.unary(methods.previewPlan, request, options);
  }
}
