/** What is there: plugins, sites, arrays, devices, VMs, datastores. */
import {
  type Datastore,
  type DeepPartial,
  DiscoverArraysRequest,
  type DiscoverArraysResponse,
  DiscoverDevicesRequest,
  type DiscoverDevicesResponse,
  ListDatastoresRequest,
  ListPluginsRequest,
  ListRemotesRequest,
  ListSitesRequest,
  ListVmsRequest,
  InventoryServiceService as methods,
  type Plugin,
  type Remote,
  type Vm,
  WatchDevicesRequest,
  type WatchDevicesResponse,
} from '../../proto/gen/siteswap/v1/inventory.ts';
import type { Site } from '../../proto/gen/siteswap/v1/site.ts';
import type { CallOptions, Channel } from './channel.ts';
import { pageSize } from './limits.ts';
import { eachItem } from './pages.ts';

/** `client.inventory` */
export class Inventory {
  readonly #channel: Channel;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /**
   * Plugins of the daemon's configuration, with the verbs that they offer.
   *
   * @example
   * ```ts
   * for (const plugin of await client.inventory.plugins()) {
   *   console.log(plugin.id, plugin.problem || plugin.verbs.map(({ verb }) => verb).join(' '));
   * }
   * ```
   */
  async plugins(options?: CallOptions): Promise<Plugin[]> {
    const request = ListPluginsRequest.fromPartial({});
    return (await this.#channel.unary(methods.listPlugins, request, options)).plugins;
  }

  /**
   * Sites, and whether they are declared lost.
   *
   * @example
   * ```ts
   * const lost = (await client.inventory.sites()).filter((site) => site.lost);
   * console.log(lost.map((site) => `${site.id}: ${site.reason}`));
   * ```
   */
  async sites(options?: CallOptions): Promise<Site[]> {
    const request = ListSitesRequest.fromPartial({});
    return (await this.#channel.unary(methods.listSites, request, options)).sites;
  }

  /**
   * Arrays and computes, with their health.
   *
   * @example
   * ```ts
   * const arrays = await client.inventory.remotes({ kind: RemoteKind.ARRAY, siteId: 'east' });
   * console.log(arrays.map((storage) => `${storage.id} ${storage.health}`));
   * ```
   */
  async remotes(
    request: DeepPartial<ListRemotesRequest> = {},
    options?: CallOptions,
  ): Promise<Remote[]> {
    const whole = ListRemotesRequest.fromPartial(request);
    return (await this.#channel.unary(methods.listRemotes, whole, options)).remotes;
  }

  /**
   * What arrays say of themselves, as they answer. Arrays that cannot be asked are `problems`.
   *
   * @example
   * ```ts
   * for await (const { arrays, problems } of client.inventory.discoverArrays()) {
   *   for (const storage of arrays) console.log(storage.id, storage.vendor, storage.model);
   *   for (const problem of problems) console.log(problem.remoteId, problem.message);
   * }
   * ```
   */
  discoverArrays(
    request: DeepPartial<DiscoverArraysRequest> = {},
    options?: CallOptions,
  ): AsyncGenerator<DiscoverArraysResponse, void> {
    const whole = DiscoverArraysRequest.fromPartial(request);
    return this.#channel.stream(methods.discoverArrays, whole, options);
  }

  /**
   * Devices, in portions of up to 500 of one array. An array that cannot be asked is a `problem`.
   *
   * @example
   * ```ts
   * for await (const { arrayId, devices, problem } of client.inventory.discoverDevices()) {
   *   if (problem) console.log(problem.message);
   *   for (const device of devices) console.log(arrayId, device.id, device.pairState);
   * }
   * ```
   */
  discoverDevices(
    request: DeepPartial<DiscoverDevicesRequest> = {},
    options?: CallOptions,
  ): AsyncGenerator<DiscoverDevicesResponse, void> {
    const whole = DiscoverDevicesRequest.fromPartial(request);
    return this.#channel.stream(methods.discoverDevices, whole, options);
  }

  /**
   * Devices as they change: first all of them (`snapshot`), then what differs. Goes on until left.
   *
   * @example
   * ```ts
   * for await (const { arrayId, devices, goneIds } of client.inventory.watchDevices()) {
   *   for (const device of devices) console.log(arrayId, device.id, device.pairState);
   *   for (const id of goneIds) console.log(arrayId, id, 'is gone');
   *   if (devices.length > 0) break; // a watch goes on until you leave it
   * }
   * ```
   */
  watchDevices(
    request: DeepPartial<WatchDevicesRequest> = {},
    options?: CallOptions,
  ): AsyncGenerator<WatchDevicesResponse, void> {
    const whole = WatchDevicesRequest.fromPartial(request);
    return this.#channel.stream(methods.watchDevices, whole, options);
  }

  /**
   * VMs of one compute, by id. `recorded` asks nobody and answers from what was heard last.
   *
   * @example
   * ```ts
   * for await (const vm of client.inventory.vms({ computeId: 'east-compute' })) {
   *   console.log(vm.id, vm.power);
   * }
   * ```
   */
  vms(
    request: { readonly computeId: string; readonly recorded?: boolean },
    options?: CallOptions,
  ): AsyncGenerator<Vm, void> {
    return eachItem(async (pageToken) => {
      const page = ListVmsRequest.fromPartial({ ...request, pageSize, pageToken });
      const answer = await this.#channel.unary(methods.listVms, page, options);
      return { items: answer.vms, next: answer.nextPageToken };
    });
  }

  /**
   * Datastores of one compute, by id. `recorded` asks nobody and answers from what was heard last.
   *
   * @example
   * ```ts
   * const inEast = { computeId: 'east-compute', recorded: true };
   * for await (const datastore of client.inventory.datastores(inEast)) {
   *   console.log(datastore.name, datastore.mounted);
   * }
   * ```
   */
  datastores(
    request: { readonly computeId: string; readonly recorded?: boolean },
    options?: CallOptions,
  ): AsyncGenerator<Datastore, void> {
    return eachItem(async (pageToken) => {
      const page = ListDatastoresRequest.fromPartial({ ...request, pageSize, pageToken });
      const answer = await this.#channel.unary(methods.listDatastores, page, options);
      return { items: answer.datastores, next: answer.nextPageToken };
    });
  }
}
