/** What a plan's arrays really are, and having the journal believe it. */
import type { StoredPlan } from '../../proto/gen/siteswap/v1/plan.ts';
import {
  AdoptRequest,
  type DeepPartial,
  type Inspection,
  InspectRequest,
  RepairServiceService as methods,
} from '../../proto/gen/siteswap/v1/repair.ts';
import { type CallOptions, type Channel, present } from './channel.ts';

/** `client.repair` */
export class Repair {
  readonly #channel: Channel;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /**
   * How a plan really stands, beside what the journal believes. Changes nothing.
   *
   * @example
   * ```ts
   * const { differences } = await client.repair.inspect('erp');
   * for (const { objectId, found } of differences) console.log(objectId, found);
   * ```
   */
  async inspect(planId: string, options?: CallOptions): Promise<Inspection> {
    const request = InspectRequest.fromPartial({ planId });
    const answer = await this.#channel.unary(methods.inspect, request, options);
    return present(answer.inspection, 'inspection');
  }

  /**
   * Lets the journal believe what was inspected. Refused when things have changed since.
   *
   * @example
   * ```ts
   * const { planId, digest } = await client.repair.inspect('erp');
   * await client.repair.adopt({ planId, digest, requester: 'me', reason: 'moved by hand' });
   * ```
   */
  async adopt(request: DeepPartial<AdoptRequest>, options?: CallOptions): Promise<StoredPlan> {
    const wanted = AdoptRequest.fromPartial(request);
    const answer = await this.#channel.unary(methods.adopt, wanted, options);
    return present(answer.plan, 'plan');
  }
}
