/**
 * An array's devices as bytes of the contract: a hundred thousand are ten megabytes outside the
 * heap, and who asked for them gets them as they are. Objects are made of them when somebody
 * decides by them, and again only of those portions that have changed.
 */
import type { ArrayInfo, Datastore, Device, Vm } from '../../sdk/plugin/model.ts';
import type { Remote, RemoteEvidence } from '../core/inventory.ts';
import { devicesPerMessageMax } from '../core/limits.ts';
import type { DevicesChanged } from '../core/system-entries.ts';
import { unpackDevices } from '../host/unpacked.ts';

/** Portion → its devices. */
const unpacked = new WeakMap<Uint8Array, readonly Device[]>();

const devicesIn = (portion: Uint8Array): readonly Device[] => {
  const known = unpacked.get(portion);
  if (known !== undefined) return known;
  const devices = unpackDevices(portion);
  unpacked.set(portion, devices);
  return devices;
};

/** A change of more than a fourth of a list is recorded as a new list. */
const wholeShare = 4;

export class DeviceList {
  /** Each of up to as many devices as one message takes. */
  readonly portions: readonly Uint8Array[];
  #devices: readonly Device[] | undefined;

  /** `earlier`: portions that are as they were are the very same ones. */
  constructor(portions: readonly Uint8Array[], earlier?: DeviceList) {
    this.portions = portions.map((portion, at) => {
      const before = earlier?.portions[at];
      return before !== undefined && Buffer.compare(portion, before) === 0 ? before : portion;
    });
  }

  get devices(): readonly Device[] {
    this.#devices ??= this.portions.flatMap(devicesIn);
    return this.#devices;
  }

  /** How many there are: portions but the last are full. */
  get count(): number {
    const last = this.portions.at(-1);
    if (last === undefined) return 0;
    return (this.portions.length - 1) * devicesPerMessageMax + devicesIn(last).length;
  }

  /** As `devices`, for once: nothing is kept. */
  once(): readonly Device[] {
    return this.#devices ?? this.portions.flatMap(unpackDevices);
  }

  /**
   * What is different here from an earlier list. Only portions that are not there too are read, and
   * none of it is kept.
   */
  since(earlier: DeviceList): Pick<DevicesChanged, 'devices' | 'goneIds'> {
    const [before, now] = [without(earlier, this), without(this, earlier)];
    const known = new Map(before.map((device) => [device.id, JSON.stringify(device)]));
    const devices = now.filter((device) => known.get(device.id) !== JSON.stringify(device));
    for (const { id } of now) known.delete(id);
    return { devices, goneIds: [...known.keys()] };
  }

  /** Byte for byte. */
  equals(other: DeviceList): boolean {
    if (this === other) return true;
    if (this.portions.length !== other.portions.length) return false;
    return this.portions.every((portion, at) => {
      const there = other.portions[at] as Uint8Array;
      return portion === there || Buffer.compare(portion, there) === 0;
    });
  }
}

/** Devices of portions that another list does not have. */
const without = (list: DeviceList, other: DeviceList): readonly Device[] => {
  const shared = new Set(other.portions);
  return list.portions.filter((portion) => !shared.has(portion)).flatMap(devicesIn);
};

/** What an array said, with its devices packed. */
export class ArrayEvidence implements RemoteEvidence {
  readonly remote: Remote;
  readonly observedAtMs: number;
  readonly arrays: readonly ArrayInfo[];
  readonly list: DeviceList;
  readonly vms: readonly Vm[] = [];
  readonly datastores: readonly Datastore[] = [];

  constructor(
    { remote, observedAtMs, arrays }: Pick<RemoteEvidence, 'remote' | 'observedAtMs' | 'arrays'>,
    list: DeviceList,
  ) {
    this.remote = remote;
    this.observedAtMs = observedAtMs;
    this.arrays = arrays;
    this.list = list;
  }

  get devices(): readonly Device[] {
    return this.list.devices;
  }

  /** What is to be journaled in place of the whole; undefined: the whole is no more than that. */
  since(earlier: RemoteEvidence): DevicesChanged | undefined {
    const isOne = earlier instanceof ArrayEvidence;
    if (!isOne || JSON.stringify(earlier.arrays) !== JSON.stringify(this.arrays)) return undefined;
    if (JSON.stringify(earlier.remote) !== JSON.stringify(this.remote)) return undefined;
    const { devices, goneIds } = this.list.since(earlier.list);
    const few = (devices.length + goneIds.length) * wholeShare < this.list.count;
    const change = { at: this.observedAtMs, arrayId: this.remote.id, devices, goneIds };
    return few ? { type: 'devices-changed', ...change } : undefined;
  }

  /** As the journal keeps it. */
  toJSON(): RemoteEvidence {
    const { remote, observedAtMs, arrays, vms, datastores } = this;
    return { remote, observedAtMs, arrays, devices: this.list.once(), vms, datastores };
  }
}

/** The same evidence, heard at another moment. */
export const heardAt = (evidence: RemoteEvidence, observedAtMs: number): RemoteEvidence => {
  if (!(evidence instanceof ArrayEvidence)) {
    const { remote, arrays, devices, vms, datastores } = evidence;
    return { remote, observedAtMs, arrays, devices, vms, datastores };
  }
  const { remote, arrays, list } = evidence;
  return new ArrayEvidence({ remote, observedAtMs, arrays }, list);
};

/** Each consistency group, and each lone device as one of its own. */
export const groupsOf = (devices: readonly Device[]): { id: string; devices: string[] }[] => {
  const groups = new Map<string, string[]>();
  for (const { id, groupId = id } of devices) {
    const members = groups.get(groupId);
    if (members === undefined) groups.set(groupId, [id]);
    else members.push(id);
  }
  return [...groups].map(([id, members]) => ({ id, devices: members }));
};
