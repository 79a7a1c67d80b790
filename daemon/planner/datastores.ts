/** Which datastores stand on the plan's groups, by the word of the computes at either site. */
import type { Datastore } from '../../sdk/plugin/model.ts';
import type { DatastoreOf } from '../core/frozen.ts';
import type { RemoteEvidence } from '../core/inventory.ts';
import type { Findings } from './findings.ts';
import type { Group, GroupEnd } from './resolve-groups.ts';
import { compareText } from './world.ts';

/** Where a datastore stands: a position in the groups, or nowhere in the plan. */
export type Standing = number | 'outside';

export interface Placement {
  /** Per group, in order. */
  readonly datastores: readonly (readonly DatastoreOf[])[];
  /** Compute id → datastore id → where it stands. */
  readonly standing: ReadonlyMap<string, ReadonlyMap<string, Standing>>;
}

interface Spot {
  readonly group: number;
  readonly position: number;
}

/** Array id → device id → the device's spot in the groups. */
class Spots {
  readonly #spots = new Map<string, Map<string, Spot>>();

  constructor(groups: readonly Group[]) {
    groups.forEach((group, index) => {
      this.#add(group.protected, index);
      this.#add(group.recovery, index);
    });
  }

  #add({ arrayId, target }: GroupEnd, group: number): void {
    let spots = this.#spots.get(arrayId);
    if (spots === undefined) {
      spots = new Map();
      this.#spots.set(arrayId, spots);
    }
    for (const [position, device] of target.devices.entries()) {
      spots.set(device, { group, position });
    }
  }

  of({ arrayId, deviceId }: Datastore['devices'][number]): Spot | undefined {
    return this.#spots.get(arrayId)?.get(deviceId);
  }
}

const devicesAt = (end: GroupEnd, positions: readonly number[]) =>
  positions.map((position) => ({
    arrayId: end.arrayId,
    deviceId: end.target.devices[position] ?? '',
  }));

class Placing {
  readonly #groups: readonly Group[];
  readonly #spots: Spots;
  readonly #findings: Findings;
  readonly #found = new Map<string, { group: number; positions: Set<number> }>();
  readonly standing = new Map<string, Map<string, Standing>>();

  constructor(groups: readonly Group[], findings: Findings) {
    this.#groups = groups;
    this.#spots = new Spots(groups);
    this.#findings = findings;
  }

  add({ remote, datastores }: RemoteEvidence): void {
    const standing = new Map<string, Standing>();
    for (const datastore of datastores) {
      if (datastore.instance === 'production') standing.set(datastore.id, this.#place(datastore));
    }
    this.standing.set(remote.id, standing);
  }

  #place(datastore: Datastore): Standing {
    const spots = datastore.devices.map((device) => this.#spots.of(device));
    const first = spots.find((spot) => spot !== undefined);
    if (first === undefined) return 'outside';
    const field = this.#groups[first.group]?.field ?? '';
    const stray = datastore.devices.find((_, i) => spots[i] === undefined);
    if (stray !== undefined) {
      this.#findings.problem(
        field,
        `datastore "${datastore.id}" stands also on device "${stray.deviceId}" of array ` +
          `"${stray.arrayId}", which is outside the plan: add that device's group to the plan`,
      );
    }
    const found = this.#found.get(datastore.id) ?? { group: first.group, positions: new Set() };
    for (const spot of spots) {
      if (spot === undefined) continue;
      if (spot.group === found.group) found.positions.add(spot.position);
      else this.#refuse(datastore.id, found.group, spot.group);
    }
    this.#found.set(datastore.id, found);
    return found.group;
  }

  #refuse(datastoreId: string, group: number, other: number): void {
    const names = [group, other].map((index) => `"${this.#groups[index]?.id}"`).join(' and ');
    this.#findings.problem(
      this.#groups[other]?.field ?? '',
      `datastore "${datastoreId}" stands on two consistency groups, ${names}: ` +
        'put its devices into one group, they can only be right together',
    );
  }

  datastores(): DatastoreOf[][] {
    const lists: DatastoreOf[][] = this.#groups.map(() => []);
    for (const [id, { group, positions }] of this.#found) {
      const { protected: source, recovery } = this.#groups[group] as Group;
      const ordered = [...positions].sort((a, b) => a - b);
      lists[group]?.push({
        id,
        protectedDevices: devicesAt(source, ordered),
        recoveryDevices: devicesAt(recovery, ordered),
      });
    }
    for (const list of lists) list.sort((a, b) => compareText(a.id, b.id));
    return lists;
  }
}

export const placeDatastores = (
  groups: readonly Group[],
  computes: readonly RemoteEvidence[],
  findings: Findings,
): Placement => {
  const placing = new Placing(groups, findings);
  for (const evidence of computes) placing.add(evidence);
  return { datastores: placing.datastores(), standing: placing.standing };
};
