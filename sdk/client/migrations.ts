/** Where the VMs of a plan really are, after a fault in the middle of moving them. */
import {
  GetStatusRequest,
  MigrationServiceService as methods,
  type VmMigration,
} from '../../proto/gen/siteswap/v1/migration.ts';
import type { CallOptions, Channel } from './channel.ts';
import { pageSize } from './limits.ts';
import { collect, eachItem } from './pages.ts';

/** `client.migrations` */
export class Migrations {
  readonly #channel: Channel;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /**
   * The newest live migration of each VM of a plan, with the evidence and the verdict. Changes
   * nothing; a site that is declared lost is not asked.
   *
   * @example
   * ```ts
   * for (const { vmId, verdict, remedy } of await client.migrations.status('erp')) {
   *   console.log(vmId, verdict, remedy);
   * }
   * ```
   */
  async status(
    planId: string,
    vmIds: readonly string[] = [],
    options?: CallOptions,
  ): Promise<VmMigration[]> {
    return collect(
      eachItem(async (pageToken) => {
        const request = GetStatusRequest.fromPartial({
          planId,
          vmIds: [...vmIds],
          pageSize,
          pageToken,
        });
        const answer = await this.#channel.unary(methods.getStatus, request, options);
        return { items: answer.migrations, next: answer.nextPageToken };
      }),
    );
  }
}
