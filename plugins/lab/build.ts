/** From a spec to a world: every record made once, in the order of the spec. */
import { addDatastore, addVm, boot } from './computes.ts';
import { newLedger } from './ledger.ts';
import {
  isStretched,
  type LabCompute,
  type LabDevice,
  type LabStorage,
  type Link,
  mediumOf,
  type Role,
  type World,
} from './model.ts';
import {
  datastoreIdOf,
  deviceIdOf,
  type GroupSpec,
  type LabSpec,
  type RemoteSpec,
  sharedIdOf,
  singleIdOf,
  vmIdOf,
} from './spec.ts';

const newStorage = ({ id, siteId }: RemoteSpec): LabStorage => ({
  kind: 'array',
  id,
  siteId,
  peerArrayIds: new Set(),
  down: false,
  cutFrom: new Set(),
  devices: new Map(),
  groups: new Map(),
  order: [],
});

const newCompute = ({ id, siteId }: RemoteSpec): LabCompute => ({
  kind: 'compute',
  id,
  siteId,
  down: false,
  arrivals: new Map(),
  shells: new Map(),
  vms: { production: new Map(), test: new Map() },
  datastores: { production: new Map(), test: new Map() },
  vmOrder: [],
  datastoreOrder: [],
});

const addDevice = (
  world: World,
  now: number,
  storage: LabStorage,
  more: { readonly id: string; readonly role: Role; readonly groupId?: string },
): LabDevice => {
  const { id, role, groupId } = more;
  const device: LabDevice = {
    id,
    name: id,
    storage,
    sizeBytes: world.spec.sizeBytes,
    groupId,
    hostIdentity: undefined,
    role,
    lineage: 1,
    lineageName: undefined,
    fenced: false,
    peer: undefined,
    link: undefined,
    held: undefined,
    points: [],
    snapshots: new Map(),
    copy: undefined,
    promotedAt: now,
    roleBefore: undefined,
    lineageBefore: 1,
    preferredSiteId: undefined,
    refusals: 0,
  };
  storage.devices.set(id, device);
  storage.order.push(device);
  if (groupId === undefined) return device;
  const members = storage.groups.get(groupId);
  if (members === undefined) storage.groups.set(groupId, [device]);
  else members.push(device);
  return device;
};

const addPair = (
  source: LabDevice,
  target: LabDevice,
  more: { readonly id: string; readonly group: GroupSpec; readonly now: number },
): void => {
  const { id, group, now } = more;
  const link: Link = {
    id,
    mode: group.mode,
    lagMs: group.lagMs,
    flowing: true,
    suspended: false,
    at: now,
    whole: true,
    operation: undefined,
  };
  source.peer = target;
  target.peer = source;
  source.link = link;
  target.link = link;
  source.storage.peerArrayIds.add(target.storage.id);
  target.storage.peerArrayIds.add(source.storage.id);
};

const addVms = (world: World, now: number, group: GroupSpec, number: number): void => {
  const compute = at(world.computes, world.spec.computes, group.source);
  for (let n = 0; n < group.vms; n++) {
    const id = vmIdOf(group.vmFrom + n);
    const datastoreIds = [datastoreIdOf(number, (n % group.devices) + 1)];
    const image = { id, name: id, datastoreIds, obeys: true };
    world.images.set(id, image);
    const vm = addVm(compute, image, 'production');
    vm.registered = true;
    if (world.spec.poweredOn) boot(world, compute, vm, now);
  }
};

const at = <T>(map: Map<string, T>, list: readonly RemoteSpec[], position: number): T =>
  map.get(list[position]?.id ?? '') as T;

/** Both ends accept writers, and hosts of both sites have the datastore mounted. */
const stretch = (source: LabDevice, target: LabDevice): void => {
  source.role = 'stretched';
  target.role = 'stretched';
  target.held = mediumOf(source);
  source.preferredSiteId = source.storage.siteId;
  target.preferredSiteId = source.storage.siteId;
};

const addMounted = (compute: LabCompute, id: string, device: LabDevice): void => {
  addDatastore(compute, { id, instance: 'production' }, [device]).mounted = true;
};

const addGroup = (world: World, now: number, group: GroupSpec, number: number): void => {
  const { spec } = world;
  const from = at(world.storages, spec.arrays, group.source);
  const to = at(world.storages, spec.arrays, group.target);
  const grouped = group.grouped ? { groupId: group.id } : {};
  for (let n = 1; n <= group.devices; n++) {
    const idAt = ({ siteId }: LabStorage): string =>
      group.shared ? sharedIdOf(number, n) : deviceIdOf(siteId, number, n);
    const source = addDevice(world, now, from, { id: idAt(from), role: 'source', ...grouped });
    const target = addDevice(world, now, to, { id: idAt(to), role: 'replica', ...grouped });
    addPair(source, target, { id: `${group.id}-${n}`, group, now });
    const datastoreId = datastoreIdOf(number, n);
    world.catalogue.set(datastoreId, [source, target]);
    addMounted(at(world.computes, spec.computes, group.source), datastoreId, source);
    if (!isStretched(source)) continue;
    stretch(source, target);
    addMounted(at(world.computes, spec.computes, group.target), datastoreId, target);
  }
  addVms(world, now, group, number);
};

/** The world of a spec, at the moment `now`. */
export const buildWorld = (spec: LabSpec, now: number): World => {
  const world: World = {
    spec,
    bornAt: now,
    changes: 0,
    storages: new Map(spec.arrays.map((remote) => [remote.id, newStorage(remote)])),
    computes: new Map(spec.computes.map((remote) => [remote.id, newCompute(remote)])),
    images: new Map(),
    catalogue: new Map(),
    operations: new Map(),
    running: new Set(),
    operationsMade: 0,
    speed: spec.speed,
    dueAt: Number.POSITIVE_INFINITY,
    ledger: newLedger(spec.latencies, spec.faults),
    operationMs: { ...spec.operationMs },
    interruptionMs: spec.interruptionMs,
    migrations: new Map(),
    migrationsMade: 0,
    halts: new Map(),
    onStage: undefined,
    moves: new Map(),
    movedTo: new Map(),
  };
  spec.groups.forEach((group, position) => {
    addGroup(world, now, group, position + 1);
  });
  const first = at(world.storages, spec.arrays, 0);
  for (let n = 1; n <= spec.singles; n++) {
    addDevice(world, now, first, { id: singleIdOf(first.siteId, n), role: 'single' });
  }
  return world;
};
