/** The inventory, indexed for the two sites of one plan. Its answers do not depend on its order. */
import type { Device, Peer } from '../../sdk/plugin/model.ts';
import type { Inventory, Remote, RemoteEvidence } from '../core/inventory.ts';

/** A group, or a lone device, as a caller names it; without devices: all that it has. */
export interface Target {
  readonly id: string;
  readonly deviceIds: readonly string[];
}

/** One array's list, indexed: as long as the list has not changed it is the very same one. */
class ArrayIndex {
  readonly devices = new Map<string, Device>();
  /** Group id → its devices; a lone device stands under its own id, unless a group has that. */
  readonly groups = new Map<string, Device[]>();
  readonly #listed: readonly Device[];
  /** Array id → device id there → the device here that names it as its peer. */
  #naming: Map<string, Map<string, string>> | undefined;

  constructor(listed: readonly Device[]) {
    this.#listed = listed;
    for (const device of listed) {
      this.devices.set(device.id, device);
      if (device.groupId === undefined) continue;
      const members = this.groups.get(device.groupId);
      if (members === undefined) this.groups.set(device.groupId, [device]);
      else members.push(device);
    }
    for (const device of listed) {
      if (device.groupId === undefined && !this.groups.has(device.id)) {
        this.groups.set(device.id, [device]);
      }
    }
  }

  /** Who here names a device elsewhere; made when first needed, for most arrays name both ends. */
  naming(arrayId: string, deviceId: string): string | undefined {
    this.#naming ??= this.#named();
    return this.#naming.get(arrayId)?.get(deviceId);
  }

  #named(): Map<string, Map<string, string>> {
    const naming = new Map<string, Map<string, string>>();
    for (const { id, peer } of this.#listed) {
      if (peer === undefined) continue;
      const named = naming.get(peer.arrayId);
      if (named === undefined) naming.set(peer.arrayId, new Map([[peer.deviceId, id]]));
      else named.set(peer.deviceId, id);
    }
    return naming;
  }
}

const indexes = new WeakMap<readonly Device[], ArrayIndex>();

const indexOf = ({ devices }: RemoteEvidence): ArrayIndex => {
  let index = indexes.get(devices);
  if (index === undefined) {
    index = new ArrayIndex(devices);
    indexes.set(devices, index);
  }
  return index;
};

export const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export class World {
  readonly #inventory: Inventory;
  readonly #arrays = new Map<string, ArrayIndex>();
  readonly #remotes: readonly RemoteEvidence[];

  constructor(inventory: Inventory, siteIds: readonly string[]) {
    this.#inventory = inventory;
    this.#remotes = [...inventory.values()]
      .filter(({ remote }) => siteIds.includes(remote.siteId))
      .sort((a, b) => compareText(a.remote.id, b.remote.id));
    for (const evidence of this.#remotes) {
      if (evidence.remote.kind === 'array') this.#arrays.set(evidence.remote.id, indexOf(evidence));
    }
  }

  /** Of every site that was ever heard of. */
  static whole(inventory: Inventory): World {
    return new World(
      inventory,
      [...inventory.values()].map(({ remote }) => remote.siteId),
    );
  }

  /** Any remote that was ever heard, also of other sites. */
  remote(id: string): Remote | undefined {
    return this.#inventory.get(id)?.remote;
  }

  computesAt(siteId: string): readonly RemoteEvidence[] {
    return this.#remotes.filter(
      ({ remote }) => remote.kind === 'compute' && remote.siteId === siteId,
    );
  }

  device(arrayId: string, deviceId: string): Device | undefined {
    return this.#arrays.get(arrayId)?.devices.get(deviceId);
  }

  group(arrayId: string, id: string): readonly Device[] {
    return this.#arrays.get(arrayId)?.groups.get(id) ?? [];
  }

  /** Ids of the target's devices; such as the caller names need not be known. */
  targeted(arrayId: string, { id, deviceIds }: Target): readonly string[] {
    return deviceIds.length > 0 ? deviceIds : this.group(arrayId, id).map((device) => device.id);
  }

  /** The other ends of those of the devices that are known and have one. */
  peersOf(arrayId: string, deviceIds: readonly string[]): readonly Peer[] {
    return deviceIds.flatMap((id) => {
      const device = this.device(arrayId, id);
      return (device === undefined ? undefined : this.peerOf(arrayId, device)) ?? [];
    });
  }

  /** The other end of the pair, by the word of either end. */
  peerOf(arrayId: string, device: Device): Peer | undefined {
    if (device.peer !== undefined) return device.peer;
    let found: Peer | undefined;
    for (const [otherId, index] of this.#arrays) {
      const deviceId = index.naming(arrayId, device.id);
      if (deviceId !== undefined) found = { arrayId: otherId, deviceId };
    }
    return found;
  }
}
