/** The word of a person that a site is lost, or is there again. */
import type { Violation } from '../../proto/gen/siteswap/v1/error.ts';
import {
  CheckLossRequest,
  DeclareLostRequest,
  DeclareReachableRequest,
  type DeepPartial,
  ListRecoveriesRequest,
  SiteServiceService as methods,
  type Recovery,
  type Site,
} from '../../proto/gen/siteswap/v1/site.ts';
import { type CallOptions, type Channel, present } from './channel.ts';

/** Who says so, and why. Both are journaled. */
export interface Declaration {
  readonly siteId: string;
  readonly requester: string;
  readonly reason: string;
}

/** The site, with what spoke against its loss as far as that was known without asking an array. */
export type DeclaredLost = Site & { readonly warnings: readonly Violation[] };

/** `client.sites`; the list of sites is `client.inventory.sites()`. */
export class Sites {
  readonly #channel: Channel;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /**
   * Declares a site lost. From the moment of the answer no call goes there, in any run.
   *
   * @example
   * ```ts
   * await client.sites.declareLost({ siteId: 'east', requester: 'me', reason: 'fire' });
   * await client.runs.start({ planId: 'erp', mode: Mode.DISASTER, requester: 'me' });
   * ```
   */
  async declareLost(declaration: Declaration, options?: CallOptions): Promise<DeclaredLost> {
    const request = DeclareLostRequest.fromPartial(declaration);
    const answer = await this.#channel.unary(methods.declareLost, request, options);
    return { ...present(answer.site, 'site'), warnings: answer.warnings };
  }

  /**
   * What speaks against declaring a site lost: that the daemon stands there, that no site is left,
   * that arrays there answer. Asks them, for a few seconds at the most; changes nothing.
   *
   * @example
   * ```ts
   * for (const { message } of await client.sites.checkLoss('east')) console.log(message);
   * ```
   */
  async checkLoss(siteId: string, options?: CallOptions): Promise<readonly Violation[]> {
    const request = CheckLossRequest.fromPartial({ siteId });
    return (await this.#channel.unary(methods.checkLoss, request, options)).warnings;
  }

  /**
   * Declares that a lost site can be called again.
   *
   * @example
   * ```ts
   * await client.sites.declareReachable({ siteId: 'east', requester: 'me', reason: 'rebuilt' });
   * ```
   */
  async declareReachable(declaration: Declaration, options?: CallOptions): Promise<Site> {
    const request = DeclareReachableRequest.fromPartial(declaration);
    const answer = await this.#channel.unary(methods.declareReachable, request, options);
    return present(answer.site, 'site');
  }

  /**
   * What disaster runs have left behind: who may write where, since when, and what can safely be
   * done next. Only looks.
   *
   * @example
   * ```ts
   * for (const { planId, state, nextActions } of await client.sites.recoveries()) {
   *   if (state === RecoveryState.REQUIRED) console.log(planId, nextActions[0]);
   * }
   * ```
   */
  async recoveries(
    filter: DeepPartial<ListRecoveriesRequest> = {},
    options?: CallOptions,
  ): Promise<readonly Recovery[]> {
    const request = ListRecoveriesRequest.fromPartial(filter);
    return (await this.#channel.unary(methods.listRecoveries, request, options)).recoveries;
  }
}
