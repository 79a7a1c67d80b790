/** The inventory, indexed for the two sites of one plan. Its answers do not depend on its order. */
import type { Device, Peer } from '../../sdk/plugin/model.ts';
import type { Inventory, Remote, RemoteEvidence } from '../core/inventory.ts';

interface ArrayIndex {
  readonly devices: Map<string, Device>;
  /** Group id → its devices; a lone device stands under its own id, unless a group has that. */
  readonly groups: Map<string, Device[]>;
}

const indexOf = (evidence: RemoteEvidence): ArrayIndex => {
  const devices = new Map<string, Device>();
  const groups = new Map<string, Device[]>();
  for (const device of evidence.devices) {
    devices.set(device.id, device);
    if (device.groupId === undefined) continue;
    const members = groups.get(device.groupId);
    if (members === undefined) groups.set(device.groupId, [device]);
    else members.push(device);
  }
  for (const device of evidence.devices) {
    if (device.groupId === undefined && !groups.has(device.id)) groups.set(device.id, [device]);
  }
  return { devices, groups };
};

export const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export class World {
  readonly #inventory: Inventory;
  readonly #arrays = new Map<string, ArrayIndex>();
  /** Array id → device id → the device elsewhere that names it as its peer. */
  readonly #namedBy = new Map<string, Map<string, Peer>>();
  readonly #remotes: readonly RemoteEvidence[];

  constructor(inventory: Inventory, siteIds: readonly string[]) {
    this.#inventory = inventory;
    this.#remotes = [...inventory.values()]
      .filter(({ remote }) => siteIds.includes(remote.siteId))
      .sort((a, b) => compareText(a.remote.id, b.remote.id));
    for (const evidence of this.#remotes) {
      if (evidence.remote.kind === 'array') this.#addArray(evidence);
    }
  }

  #addArray(evidence: RemoteEvidence): void {
    const arrayId = evidence.remote.id;
    this.#arrays.set(arrayId, indexOf(evidence));
    for (const { id, peer } of evidence.devices) {
      if (peer === undefined) continue;
      let named = this.#namedBy.get(peer.arrayId);
      if (named === undefined) {
        named = new Map();
        this.#namedBy.set(peer.arrayId, named);
      }
      named.set(peer.deviceId, { arrayId, deviceId: id });
    }
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

  /** The other end of the pair, by the word of either end. */
  peerOf(arrayId: string, device: Device): Peer | undefined {
    return device.peer ?? this.#namedBy.get(arrayId)?.get(device.id);
  }
}
