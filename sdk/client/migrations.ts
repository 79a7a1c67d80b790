/** Where the VMs of a plan really are; moving their disks, and which copy of a VM is the VM. */
import {
  type DeepPartial,
  GetStatusRequest,
  MigrateStorageRequest,
  type MigrateStorageResponse,
  MigrationServiceService as methods,
  type ResolvedVm,
  ResolveInstancesRequest,
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

  /**
   * Starts a run that moves the disks of running VMs between datastores of one compute, and answers
   * at once. With a request key, repeating the call returns the same run.
   *
   * @example
   * ```ts
   * const { runId } = await client.migrations.migrateStorage({
   *   computeId: 'compute-a',
   *   moves: [{ vmId: 'vm-1', toDatastoreId: 'ds-2' }],
   *   requester: 'me',
   * });
   * console.log(runId);
   * ```
   */
  async migrateStorage(
    request: DeepPartial<MigrateStorageRequest>,
    options?: CallOptions,
  ): Promise<MigrateStorageResponse> {
    const message = MigrateStorageRequest.fromPartial(request);
    return this.#channel.unary(methods.migrateStorage, message, options);
  }

  /**
   * Which copy of each VM would be chosen among what a compute has mounted, and why. Changes
   * nothing.
   *
   * @example
   * ```ts
   * const request = { computeId: 'compute-b', vmIds: ['vm-1'] };
   * for (const { vmId, outcome } of await client.migrations.resolveInstances(request)) {
   *   if (outcome?.$case === 'chosen') console.log(vmId, outcome.value.datastoreIds);
   * }
   * ```
   */
  async resolveInstances(
    request: DeepPartial<ResolveInstancesRequest>,
    options?: CallOptions,
  ): Promise<ResolvedVm[]> {
    const message = ResolveInstancesRequest.fromPartial(request);
    return (await this.#channel.unary(methods.resolveInstances, message, options)).vms;
  }
}
