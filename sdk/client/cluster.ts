/** The members of a cluster: daemons that share one journal. */
import {
  DrainMemberRequest,
  ListMembersRequest,
  type Member,
  ClusterServiceService as methods,
} from '../../proto/gen/siteswap/v1/cluster.ts';
import type { CallOptions, Channel } from './channel.ts';

/** `client.cluster` */
export class Cluster {
  readonly #channel: Channel;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /**
   * Every member that is alive, or was and has not said goodbye; none where a daemon is alone.
   *
   * @example
   * ```ts
   * for (const { id, alive, runs } of await client.cluster.members()) console.log(id, alive, runs);
   * ```
   */
  async members(options?: CallOptions): Promise<readonly Member[]> {
    const request = ListMembersRequest.fromPartial({});
    return (await this.#channel.unary(methods.listMembers, request, options)).members;
  }

  /**
   * Has a member hand its runs over to the others; it can be ended when it has none left.
   *
   * @example
   * ```ts
   * for (const { id, draining } of await client.cluster.members()) {
   *   if (id === 'one' && !draining) await client.cluster.drain(id);
   * }
   * ```
   */
  async drain(memberId: string, options?: CallOptions): Promise<void> {
    const request = DrainMemberRequest.fromPartial({ memberId });
    await this.#channel.unary(methods.drainMember, request, options);
  }
}
