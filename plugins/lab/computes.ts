/** Datastores and VMs of a compute: what is mounted, registered and on, and what refuses. */
import type { DatastoreTarget, Evidence, Fault, VmStatus, VmTarget } from '@siteswap/sdk/plugin';
import { nameOf } from './chance.ts';
import { oldLineage } from './groups.ts';
import type { Outcome } from './ledger.ts';
import { markOf } from './marks.ts';
import {
  type Boot,
  heartbeatAt,
  type LabCompute,
  type LabDatastore,
  type LabDevice,
  type LabVm,
  type Medium,
  mediumOf,
  standsOn,
  type World,
  writable,
} from './model.ts';
import { already, done, no } from './outcome.ts';
import { setPace } from './stretched.ts';

export interface ComputeCall {
  readonly world: World;
  readonly now: number;
  readonly compute: LabCompute;
}

const unknownDatastore = (id: string, compute: LabCompute): Fault =>
  no('missing', 'UNKNOWN_DATASTORE', `no datastore ${id} can be seen from ${compute.id}`);

/** The devices that a datastore stands on at the compute's site. */
const devicesOf = (call: ComputeCall, target: DatastoreTarget): readonly LabDevice[] | Fault => {
  const { world, compute } = call;
  const seen = (world.catalogue.get(target.id) ?? []).filter(
    (device) => device.storage.siteId === compute.siteId,
  );
  if (seen.length === 0) return unknownDatastore(target.id, compute);
  for (const named of target.devices ?? []) {
    const isThere = seen.some(
      (device) => device.id === named.deviceId && device.storage.id === named.arrayId,
    );
    if (!isThere) {
      const what = `${named.deviceId} of ${named.arrayId} holds nothing of ${target.id}`;
      return no('refused', 'NOT_VISIBLE', `${what}, or is not seen from ${compute.id}`);
    }
  }
  return seen;
};

/** Why a VM, or a mount, cannot write to a device now. */
const notWritable = (device: LabDevice, instance: VmTarget['instance']): Fault | undefined => {
  if (device.storage.down) {
    return no('refused', 'STORAGE_DOWN', `${device.storage.id} does not answer`);
  }
  if (instance === 'test') {
    if (device.copy !== undefined) return undefined;
    return no('conflict', 'NO_TEST_COPY', `${device.id} has no test copy`);
  }
  if (device.fenced) {
    device.refusals += 1;
    return oldLineage(device);
  }
  if (writable(device)) return undefined;
  const hint = 'Promote it first.';
  return no('conflict', 'PASSIVE_DEVICE', `${device.id} refuses writers: ${device.role}`, hint);
};

const faultIn = <T>(
  list: readonly T[],
  check: (one: T) => Fault | undefined,
): Fault | undefined => {
  for (const one of list) {
    const fault = check(one);
    if (fault !== undefined) return fault;
  }
  return undefined;
};

export const mount = (call: ComputeCall, target: DatastoreTarget): Outcome => {
  const { compute } = call;
  const known = compute.datastores[target.instance].get(target.id);
  if (known?.mounted) return already();
  const devices = devicesOf(call, target);
  if ('kind' in devices) return { fault: devices };
  const fault = faultIn(devices, (device) => notWritable(device, target.instance));
  if (fault !== undefined) return { fault };
  const datastore = known ?? addDatastore(compute, target, devices);
  datastore.devices = devices;
  datastore.mounted = true;
  return done();
};

export const addDatastore = (
  compute: LabCompute,
  target: Pick<DatastoreTarget, 'id' | 'instance'>,
  devices: readonly LabDevice[],
): LabDatastore => {
  const { id, instance } = target;
  const datastore: LabDatastore = { id, instance, devices, mounted: false, users: new Set() };
  compute.datastores[instance].set(id, datastore);
  compute.datastoreOrder.push(datastore);
  return datastore;
};

export const unmount = (call: ComputeCall, target: DatastoreTarget): Outcome => {
  const { compute, world } = call;
  const datastore = compute.datastores[target.instance].get(target.id);
  if (datastore === undefined) {
    if (world.catalogue.has(target.id)) return already();
    return { fault: unknownDatastore(target.id, compute) };
  }
  if (!datastore.mounted) return already();
  const [user] = datastore.users;
  if (user !== undefined) {
    const what = `${target.id} is used by ${datastore.users.size} VMs, ${user} among them`;
    return { fault: no('conflict', 'DATASTORE_IN_USE', what, 'Power them off first.') };
  }
  datastore.mounted = false;
  return done();
};

const unknownVm = (target: VmTarget): Fault =>
  no('missing', 'UNKNOWN_VM', `no VM ${target.id} exists`);

const notRegistered = (call: ComputeCall, target: VmTarget): Fault =>
  call.world.images.has(target.id)
    ? no('missing', 'NOT_REGISTERED', `${target.id} is not registered at ${call.compute.id}`)
    : unknownVm(target);

const notMounted = (compute: LabCompute, vm: LabVm): Fault | undefined =>
  faultIn(standsOn(vm), (id) =>
    compute.datastores[vm.instance].get(id)?.mounted
      ? undefined
      : no('conflict', 'DATASTORE_NOT_MOUNTED', `${id} is not mounted at ${compute.id}`),
  );

export const addVm = (compute: LabCompute, image: LabVm['image'], instance: LabVm['instance']) => {
  const vm: LabVm = {
    image,
    instance,
    standsOn: undefined,
    registered: false,
    on: false,
    boots: 0,
    boot: undefined,
  };
  compute.vms[instance].set(image.id, vm);
  compute.vmOrder.push(vm);
  return vm;
};

const mediumUnder = (device: LabDevice, instance: LabVm['instance']): Medium | undefined =>
  instance === 'test' ? device.copy : mediumOf(device);

/** Of a VM whose disks went elsewhere: nothing can be registered from what is left of it. */
const notThere = ({ world, compute }: ComputeCall, vm: LabVm): Fault | undefined => {
  const { id } = vm.image;
  if (!world.movedTo.has(id)) return undefined;
  return faultIn(standsOn(vm), (datastoreId) => {
    const device = compute.datastores[vm.instance].get(datastoreId)?.devices[0];
    const medium = device && mediumUnder(device, vm.instance);
    if (medium === undefined || markOf(world, medium, id, datastoreId) !== 'gone') return undefined;
    return no('missing', 'NO_DISKS', `${datastoreId} at ${compute.id} holds nothing of ${id}`);
  });
};

export const register = (call: ComputeCall, target: VmTarget): Outcome => {
  const { compute, world } = call;
  const image = world.images.get(target.id);
  if (image === undefined) return { fault: unknownVm(target) };
  const vm = compute.vms[target.instance].get(target.id) ?? addVm(compute, image, target.instance);
  if (vm.registered) return already();
  const fault = notMounted(compute, vm) ?? notThere(call, vm);
  if (fault !== undefined) return { fault };
  vm.registered = true;
  return done();
};

export const unregister = (call: ComputeCall, target: VmTarget): Outcome => {
  const vm = call.compute.vms[target.instance].get(target.id);
  if (vm === undefined || !vm.registered) {
    return call.world.images.has(target.id) ? already() : { fault: unknownVm(target) };
  }
  if (vm.on) return { fault: no('conflict', 'POWERED_ON', `${target.id} is powered on`) };
  vm.registered = false;
  return done();
};

export const devicesUnder = (compute: LabCompute, vm: LabVm): readonly LabDevice[] => {
  const datastores = compute.datastores[vm.instance];
  const [first, ...others] = standsOn(vm).map((id) => datastores.get(id)?.devices ?? []);
  return others.length === 0 ? (first ?? []) : [...(first ?? []), ...others.flat()];
};

/** Powers on without asking: the rules are `start`'s. */
export const boot = (world: World, compute: LabCompute, vm: LabVm, now: number): Boot => {
  const devices = devicesUnder(compute, vm);
  const { id } = vm.image;
  const before = devices[0] && mediumUnder(devices[0], vm.instance)?.boots.get(id);
  vm.boots += 1;
  const started: Boot = {
    id: `boot-${nameOf(world.spec.seed, compute.id, vm.instance, id, vm.boots)}`,
    base: before === undefined ? 0 : heartbeatAt(before, now, world.spec.heartbeatMs),
    onAt: now,
    offAt: Number.POSITIVE_INFINITY,
    lineage: devices[0]?.lineage ?? 0,
    siteId: compute.siteId,
    pace: undefined,
  };
  for (const device of devices) {
    const medium = mediumUnder(device, vm.instance);
    medium?.boots.set(id, started);
    medium?.writers.add(id);
    if (vm.instance === 'production') setPace(world, device, started, { now, at: now });
  }
  for (const name of standsOn(vm)) compute.datastores[vm.instance].get(name)?.users.add(id);
  vm.on = true;
  vm.boot = started;
  return started;
};

/** The VM writes to its stretched devices from another site: its disks are locked there. */
const runsElsewhere = (call: ComputeCall, vm: LabVm): Fault | undefined => {
  const { id } = vm.image;
  if (vm.on || vm.instance === 'test') return undefined;
  return faultIn(devicesUnder(call.compute, vm), (device) => {
    const { writers, boots } = mediumOf(device);
    const siteId = writers.has(id) ? boots.get(id)?.siteId : undefined;
    if (siteId === undefined) return undefined;
    return no('conflict', 'RUNS_ELSEWHERE', `${id} runs at ${siteId}, on the same device`);
  });
};

export const evidenceOf = ({ id, base }: Boot): Evidence => ({ bootId: id, resumedAt: base });

/** What stands in the way of a VM that is to write here. */
export const mayNotStart = (call: ComputeCall, vm: LabVm): Fault | undefined =>
  notMounted(call.compute, vm) ??
  faultIn(devicesUnder(call.compute, vm), (device) => notWritable(device, vm.instance)) ??
  runsElsewhere(call, vm);

/** A VM that is on already stays as it is: never a second boot beside the first. */
export const start = (call: ComputeCall, target: VmTarget): Outcome => {
  const { compute, world, now } = call;
  const vm = compute.vms[target.instance].get(target.id);
  if (vm === undefined || !vm.registered) return { fault: notRegistered(call, target) };
  const fault = mayNotStart(call, vm);
  if (fault !== undefined) return { fault };
  if (vm.on && vm.boot !== undefined && vm.boot.offAt <= now) {
    const what = `${target.id} is on, but was cut off from its devices`;
    return { fault: no('conflict', 'CUT_OFF', what, 'Power it off first.') };
  }
  if (vm.on && vm.boot !== undefined) return already(evidenceOf(vm.boot));
  if (target.instance === 'production') {
    compute.arrivals.delete(target.id);
    compute.shells.delete(target.id);
  }
  return done(evidenceOf(boot(world, compute, vm, now)));
};

/** Ends a VM's running, whatever it was doing. */
export const stop = (compute: LabCompute, vm: LabVm, now: number): void => {
  const { id } = vm.image;
  for (const device of devicesUnder(compute, vm)) {
    const medium = mediumUnder(device, vm.instance);
    // On a stretched device a later boot of the VM may write from the other site: that one goes on.
    if (medium?.boots.get(id) !== vm.boot) continue;
    if (medium?.writers.delete(id)) medium.writtenAt = now;
  }
  for (const name of standsOn(vm)) {
    compute.datastores[vm.instance].get(name)?.users.delete(id);
  }
  if (vm.boot !== undefined && vm.boot.offAt > now) vm.boot.offAt = now;
  vm.on = false;
};

export const powerOff = (call: ComputeCall, target: VmTarget): Outcome => {
  const vm = call.compute.vms[target.instance].get(target.id);
  if (vm === undefined || !vm.registered) return { fault: notRegistered(call, target) };
  if (!vm.on) return already();
  stop(call.compute, vm, call.now);
  return done();
};

export const shutDown = (call: ComputeCall, target: VmTarget): Outcome => {
  const vm = call.compute.vms[target.instance].get(target.id);
  if (vm?.on && !vm.image.obeys) {
    const hint = 'Power it off.';
    return { fault: no('refused', 'GUEST_IGNORES', `the guest of ${target.id} goes on`, hint) };
  }
  return powerOff(call, target);
};

/** What the compute knows of a VM. The cheapest of all verbs: benches measure the engine by it. */
export const statusOf = (call: ComputeCall, target: VmTarget): VmStatus | Fault => {
  const { id } = target;
  const vm = call.compute.vms[target.instance].get(id);
  if (vm === undefined) {
    if (!call.world.images.has(id)) return unknownVm(target);
    return { id, registered: false, power: 'off' };
  }
  const power = vm.on ? 'on' : 'off';
  const { boot: last, registered } = vm;
  if (last === undefined) return { id, registered, power };
  const heartbeat = heartbeatAt(last, call.now, call.world.spec.heartbeatMs);
  return { id, registered, power, bootId: last.id, heartbeat, resumedAt: last.base };
};
