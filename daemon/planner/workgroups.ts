/**
 * Who moves together. Storage workgroups hold whole consistency groups; VM workgroups hold VMs of
 * one priority on one storage workgroup that wait for the same VMs. Since every VM of a workgroup
 * waits for the same ones, edges between workgroups climb with the VMs' own and can never close
 * a circle.
 * Source: US 9,430,284 claim 1 (workgroups of datastores that share a priority).
 */
import type { DatastoreOf, FrozenWorkgroup, Path, StorageItem, VmItem } from '../core/frozen.ts';
import { type Mode, type Plan, priorityDefault } from '../core/plan.ts';
import { isHandedOver, isOpenThere, isUnpromoted } from './directions.ts';
import type { Group } from './resolve-groups.ts';
import { isLeftOff, type Member } from './resolve-vms.ts';
import { pathOfVm } from './stretched.ts';
import { compareText } from './world.ts';

export interface Shape {
  readonly plan: Plan;
  readonly mode: Mode;
  readonly groups: readonly Group[];
  /** Per group, as are the next six. */
  readonly paths: readonly Path[];
  readonly preferences: readonly (StorageItem['preference'] | undefined)[];
  readonly expectedLosses: readonly (number | undefined)[];
  readonly datastores: readonly (readonly DatastoreOf[])[];
  /** Found closed, and off the protected site's hosts. */
  readonly closed: readonly boolean[];
  readonly protectedComputes: readonly string[];
  readonly recoveryComputes: readonly string[];
  readonly members: readonly Member[];
  /** VMs that the run which this one goes on from was to start. */
  readonly wantedOn: ReadonlySet<string>;
}

export interface Workgroups {
  readonly all: readonly FrozenWorkgroup[];
  /** Positions of the VM workgroups on each storage workgroup (by its position). */
  readonly standingOn: readonly (readonly number[])[];
}

/** Groups that share a VM, transitively: they cannot be parted. */
interface Bundle {
  readonly groups: readonly number[];
  readonly priority: number;
  /** Bundles can share a workgroup when this is equal. */
  readonly kind: string;
  /** In a workgroup of its own. */
  readonly alone: boolean;
}

/** Representative of each group's bundle: the smallest position in it. */
const unite = (count: number, members: readonly Member[]): number[] => {
  const parent = Array.from({ length: count }, (_, i) => i);
  const root = (from: number): number => {
    let at = from;
    while (parent[at] !== at) {
      parent[at] = parent[parent[at] as number] as number;
      at = parent[at] as number;
    }
    return at;
  };
  for (const { groups } of members) {
    if (groups.length === 1) continue;
    const first = root(groups[0] as number);
    for (const other of groups) {
      const a = root(first);
      const b = root(other);
      parent[Math.max(a, b)] = Math.min(a, b);
    }
  }
  return parent.map((_, i) => root(i));
};

const bundlesOf = (shape: Shape): Bundle[] => {
  const { groups, members, protectedComputes, recoveryComputes } = shape;
  const priorities = groups.map(() => Number.POSITIVE_INFINITY);
  for (const member of members) {
    for (const group of member.groups) {
      priorities[group] = Math.min(priorities[group] ?? member.priority, member.priority);
    }
  }
  const bundles = new Map<number, number[]>();
  unite(groups.length, members).forEach((root, group) => {
    const bundle = bundles.get(root);
    if (bundle === undefined) bundles.set(root, [group]);
    else bundle.push(group);
  });
  return [...bundles].map(([root, positions]) => {
    const group = groups[root] as Group;
    const smallest = Math.min(...positions.map((position) => priorities[position] as number));
    return {
      groups: positions.sort((a, b) => compareText(groups[a]?.id ?? '', groups[b]?.id ?? '')),
      priority: Number.isFinite(smallest) ? smallest : priorityDefault,
      // What stops at one stretched device must not hold up the VMs of another.
      alone: shape.paths[root] === 'stretched',
      kind: JSON.stringify([
        group.protectionGroup,
        group.protected.arrayId,
        group.recovery.arrayId,
        protectedComputes[root],
        recoveryComputes[root],
      ]),
    };
  });
};

/** Fills workgroups of one kind in order of priority; a bundle is never parted. */
const packBundles = (bundles: readonly Bundle[], max: number, nameOf: (i: number) => string) => {
  const name = (bundle: Bundle) => nameOf(bundle.groups[0] as number);
  const byPriority = (a: Bundle, b: Bundle) =>
    a.priority - b.priority || compareText(name(a), name(b));
  const packs: { groups: number[]; priority: number }[] = [];
  const open = new Map<string, { groups: number[]; priority: number }>();
  for (const { groups, priority, kind, alone } of [...bundles].sort(byPriority)) {
    const pack = alone ? undefined : open.get(kind);
    if (pack !== undefined && pack.groups.length + groups.length <= max)
      pack.groups.push(...groups);
    else {
      const next = { groups: [...groups], priority };
      if (!alone) open.set(kind, next);
      packs.push(next);
    }
  }
  return packs;
};

const storageItem = (shape: Shape, position: number): StorageItem => {
  const group = shape.groups[position] as Group;
  const preference = shape.preferences[position];
  const expectedLossMs = shape.expectedLosses[position];
  return {
    id: group.id,
    protected: group.protected.target,
    recovery: group.recovery.target,
    datastores: shape.datastores[position] ?? [],
    ...(expectedLossMs === undefined ? {} : { expectedLossMs }),
    ...(preference === undefined ? {} : { preference }),
    ...(shape.mode === 'planned' && isHandedOver(group) ? { handedOver: true } : {}),
    ...(shape.closed[position] === true ? { closedBefore: true } : {}),
    ...(shape.mode === 'disaster' && isOpenThere(group) ? { openBefore: true } : {}),
    ...(shape.mode === 'fence' && isUnpromoted(group) ? { neverPromoted: true } : {}),
  };
};

/** Plain plans freeze as they did before there were paths. */
const pathIn = (path: Path = 'cold') => (path === 'cold' ? {} : { path });

const storageWorkgroups = (shape: Shape): { all: FrozenWorkgroup[]; spots: [number, number][] } => {
  const { plan, groups } = shape;
  const nameOf = (i: number) => groups[i]?.id ?? '';
  const packs = packBundles(bundlesOf(shape), plan.options.storageWorkgroupMax, nameOf);
  const spots: [number, number][] = [];
  const all = packs.map((pack, storage): FrozenWorkgroup => {
    const first = pack.groups[0] as number;
    const group = groups[first] as Group;
    pack.groups.forEach((position, item) => {
      spots[position] = [storage, item];
    });
    return {
      id: `s${storage + 1}`,
      unit: 'storage',
      ...pathIn(shape.paths[first]),
      protectionGroupId: plan.protectionGroups[group.protectionGroup]?.id ?? '',
      storage,
      priority: pack.priority,
      items: pack.groups.map((position) => storageItem(shape, position)),
      dependsOn: [],
      protectedArrayId: group.protected.arrayId,
      recoveryArrayId: group.recovery.arrayId,
      protectedComputeId: shape.protectedComputes[first] ?? '',
      recoveryComputeId: shape.recoveryComputes[first] ?? '',
    };
  });
  return { all, spots };
};

interface Squad {
  readonly storage: number;
  readonly path: Path;
  readonly priority: number;
  readonly dependsOn: readonly string[];
  readonly members: Member[];
}

/** Members by storage workgroup, path, priority and what they wait for, cut at the plan's size. */
const squadsOf = (shape: Shape, spots: readonly [number, number][]): Squad[] => {
  const { plan, mode, paths } = shape;
  const max = plan.options.vmWorkgroupMax;
  const open = new Map<string, Squad>();
  const squads: Squad[] = [];
  for (const member of shape.members) {
    const [storage] = spots[member.groups[0] as number] as [number, number];
    const path = pathOfVm(plan, mode, paths[member.groups[0] as number] ?? 'cold', member);
    const waits = member.dependsOn.length === 0 ? '' : JSON.stringify(member.dependsOn);
    const key = `${storage} ${path} ${member.priority} ${waits}`;
    const squad = open.get(key);
    if (squad !== undefined && squad.members.length < max) squad.members.push(member);
    else {
      const { priority, dependsOn } = member;
      const next = { storage, path, priority, dependsOn, members: [member] };
      open.set(key, next);
      squads.push(next);
    }
  }
  return squads.sort((a, b) => a.priority - b.priority || a.storage - b.storage);
};

/** Where the VMs that others wait for came to stand: [workgroup, item], by id. */
const awaitedSpots = (squads: readonly Squad[], offset: number) => {
  const awaited = new Set(squads.flatMap(({ dependsOn }) => dependsOn));
  const spots = new Map<string, readonly [number, number]>();
  if (awaited.size === 0) return spots;
  squads.forEach(({ members }, i) => {
    members.forEach(({ id }, item) => {
      if (awaited.has(id)) spots.set(id, [offset + i, item]);
    });
  });
  return spots;
};

const vmItem = (
  member: Member,
  spots: readonly [number, number][],
  more: Omit<VmItem, 'id' | 'on' | 'datastoreIds'>,
): VmItem => ({
  id: member.id,
  on: member.groups.map((group) => (spots[group] as [number, number])[1]).sort((a, b) => a - b),
  datastoreIds: member.datastoreIds,
  ...more,
});

/** What the steps of its path have to know of a VM. */
const wayOf = (shape: Shape, path: Path, member: Member, toComputeId: string) => {
  const { mode, groups } = shape;
  const { known, there } = member;
  if (mode === 'fence') {
    const isFree = member.groups.every((position) => isUnpromoted(groups[position] as Group));
    return isFree ? { leftOn: true } : {};
  }
  if (path === 'live') return { toComputeId, ...(there ? { foundThere: true } : {}) };
  const isLeft = isLeftOff(mode, path, member, shape.wantedOn);
  // A test registers copies, whatever the site knows of the VM itself.
  const isKnown = known && (mode === 'planned' || mode === 'disaster');
  return { ...(isLeft ? { leftOff: true } : {}), ...(isKnown ? { knownThere: true } : {}) };
};

/** Storage workgroups first, then VM workgroups; each kind in order of priority. */
export const formWorkgroups = (shape: Shape): Workgroups => {
  const { all: storages, spots } = storageWorkgroups(shape);
  const squads = squadsOf(shape, spots);
  const awaited = awaitedSpots(squads, storages.length);
  const standingOn: number[][] = storages.map(() => []);
  const vms = squads.map(({ storage, path, priority, dependsOn, members }, i): FrozenWorkgroup => {
    standingOn[storage]?.push(storages.length + i);
    const below = storages[storage] as FrozenWorkgroup;
    const to = below.recoveryComputeId;
    return {
      ...below,
      id: `v${i + 1}`,
      unit: 'vm',
      ...pathIn(path),
      storage,
      priority,
      items: members.map((member) => vmItem(member, spots, wayOf(shape, path, member, to))),
      dependsOn: dependsOn.flatMap((id) => {
        const spot = awaited.get(id);
        return spot === undefined ? [] : [spot];
      }),
    };
  });
  return { all: [...storages, ...vms], standingOn };
};
