/**
 * Where the computes of one site saw each VM. Plans hold tens of thousands of VMs and most stand on
 * one datastore at one compute, so that case costs one small object.
 */
import type { PowerState, Vm } from '../../sdk/plugin/model.ts';
import type { RemoteEvidence } from '../core/inventory.ts';
import type { Placement, Standing } from './datastores.ts';

/** A VM as a compute knows it, with where its disks stand. */
export interface Sighting {
  readonly computeId: string;
  readonly power: PowerState;
  readonly datastoreIds: readonly string[];
  /** Positions in the plan's groups; ascending, distinct. */
  readonly groups: readonly number[];
  /** A datastore of it that is not in the plan. */
  readonly outside: string | undefined;
}

export class Sightings {
  readonly #first = new Map<string, Sighting>();
  /** VMs that were seen more than once. */
  readonly #others = new Map<string, Sighting[]>();
  readonly #alone: readonly (readonly number[])[];
  readonly #placement: Placement;
  readonly #computes: readonly RemoteEvidence[];

  constructor(computes: readonly RemoteEvidence[], placement: Placement) {
    this.#placement = placement;
    this.#computes = computes;
    this.#alone = placement.datastores.map((_, group) => [group]);
    for (const { remote, vms } of computes) {
      const standing = placement.standing.get(remote.id) ?? new Map<string, Standing>();
      for (const vm of vms) {
        if (vm.instance === 'production') this.#add(vm.id, this.#see(remote.id, vm, standing));
      }
    }
  }

  /** As the first compute that knows all these datastores would see a VM on them. */
  standing(datastoreIds: readonly string[], power: PowerState): Sighting | undefined {
    for (const { remote } of this.#computes) {
      const known = this.#placement.standing.get(remote.id);
      if (known === undefined || !datastoreIds.every((id) => known.has(id))) continue;
      return this.#see(remote.id, { datastoreIds, power }, known);
    }
    return undefined;
  }

  #see(
    computeId: string,
    { datastoreIds, power }: Pick<Vm, 'datastoreIds' | 'power'>,
    standing: ReadonlyMap<string, Standing>,
  ): Sighting {
    const outside = datastoreIds.find((id) => typeof standing.get(id) !== 'number');
    const [only] = datastoreIds;
    const group = datastoreIds.length === 1 ? standing.get(only ?? '') : undefined;
    const alone = typeof group === 'number' ? this.#alone[group] : undefined;
    const seen = { computeId, power, datastoreIds, outside };
    if (alone !== undefined) return { ...seen, groups: alone };
    const groups = new Set<number>();
    for (const id of datastoreIds) {
      const at = standing.get(id);
      if (typeof at === 'number') groups.add(at);
    }
    return { ...seen, groups: [...groups].sort((a, b) => a - b) };
  }

  #add(id: string, sighting: Sighting): void {
    if (!this.#first.has(id)) this.#first.set(id, sighting);
    else this.#others.set(id, [...(this.#others.get(id) ?? []), sighting]);
  }

  /** True when no VM was seen at the site. */
  get none(): boolean {
    return this.#first.size === 0;
  }

  ids(): Iterable<string> {
    return this.#first.keys();
  }

  first(id: string): Sighting | undefined {
    return this.#first.get(id);
  }

  /** Ids of all computes that have the VM. */
  computesWith(id: string): string[] {
    const first = this.#first.get(id);
    const all = first === undefined ? [] : [first, ...(this.#others.get(id) ?? [])];
    return all.map(({ computeId }) => computeId);
  }

  isAmbiguous(id: string): boolean {
    return this.#others.has(id);
  }
}
