/**
 * Storage migration in the lab: a VM's disk goes to another datastore of its site while it runs.
 */
import {
  type Evidence,
  type Fault,
  type FoundInstance,
  type MoveTarget,
  recordPathOf,
  sealRecord,
  type VmTarget,
} from '@siteswap/sdk/plugin';
import { addVm, type ComputeCall } from './computes.ts';
import type { Outcome } from './ledger.ts';
import { lastOf, type Mark, markOf, writeMark } from './marks.ts';
import {
  heartbeatAt,
  type LabCompute,
  type LabDevice,
  type LabVm,
  type Medium,
  type Move,
  mediumOf,
  standsOn,
  type World,
  writable,
} from './model.ts';
import { cut, start } from './operations.ts';
import { already, done, no } from './outcome.ts';

/** What a copy holds, as a text that is the same for the same bytes. */
const digestOf = (
  { world, now }: ComputeCall,
  medium: Medium,
  vmId: string,
  mark: Mark,
): string => {
  const boot = medium.boots.get(vmId);
  const beats = boot === undefined ? 0 : heartbeatAt(boot, now, world.spec.heartbeatMs);
  return `${mark} ${beats}`;
};

const mountedAt = (
  compute: LabCompute,
  id: string,
  instance: VmTarget['instance'],
): { readonly device: LabDevice; readonly medium: Medium } | undefined => {
  const datastore = compute.datastores[instance].get(id);
  const device = datastore?.mounted ? datastore.devices[0] : undefined;
  const medium = device && (instance === 'test' ? device.copy : mediumOf(device));
  return device === undefined || medium === undefined ? undefined : { device, medium };
};

/** Datastores that ever held something of a VM. */
const placesOf = (world: World, vmId: string): ReadonlySet<string> =>
  new Set([...(world.images.get(vmId)?.datastoreIds ?? []), ...(world.movedTo.get(vmId) ?? [])]);

const unknownVm = (id: string): Fault => no('missing', 'UNKNOWN_VM', `no VM ${id} exists`);

export const findInstances = (
  call: ComputeCall,
  { id, instance }: VmTarget,
  args: { readonly digests?: boolean } = {},
): readonly FoundInstance[] | Fault => {
  const { world, compute } = call;
  const image = world.images.get(id);
  if (image === undefined) return unknownVm(id);
  const found: FoundInstance[] = [];
  const vm = compute.vms[instance].get(id);
  const choice = vm === undefined ? image.datastoreIds : standsOn(vm);
  for (const datastoreId of placesOf(world, id)) {
    const medium = mountedAt(compute, datastoreId, instance)?.medium;
    if (medium === undefined) continue;
    const mark = markOf(world, medium, id, datastoreId);
    const record = lastOf(medium, recordPathOf(id));
    if (mark === 'gone' && record === undefined) continue;
    found.push({
      datastoreId,
      disks: mark === 'gone' ? [] : ['disk-0'],
      ...(record === undefined ? {} : { record }),
      chosen: choice.includes(datastoreId),
      ...(args.digests === true ? { digest: digestOf(call, medium, id, mark) } : {}),
    });
  }
  return found;
};

export const chooseInstance = (call: ComputeCall, target: VmTarget): Outcome => {
  const { compute, world } = call;
  const image = world.images.get(target.id);
  if (image === undefined) return { fault: unknownVm(target.id) };
  const wanted = target.datastoreIds ?? [];
  const missing = wanted.find((id) => mountedAt(compute, id, target.instance) === undefined);
  if (wanted.length === 0 || missing !== undefined) {
    const what = `${missing ?? 'no datastore'} is not mounted at ${compute.id}`;
    return { fault: no('conflict', 'DATASTORE_NOT_MOUNTED', what) };
  }
  const vm = compute.vms[target.instance].get(target.id) ?? addVm(compute, image, target.instance);
  if (standsOn(vm).join() === wanted.join()) return already();
  if (vm.on) return { fault: no('conflict', 'POWERED_ON', `${target.id} is powered on`) };
  vm.standsOn = [...wanted];
  return done();
};

/** The VM that a move is about, on, and writing. */
const runningVm = ({ compute, world }: ComputeCall, { id }: VmTarget): LabVm | Fault => {
  const vm = compute.vms.production.get(id);
  if (vm === undefined || !vm.registered) {
    const kind = world.images.has(id) ? 'NOT_REGISTERED' : 'UNKNOWN_VM';
    return no('missing', kind, `${id} is not registered at ${compute.id}`);
  }
  if (vm.on && vm.boot?.offAt === Number.POSITIVE_INFINITY) return vm;
  return no('conflict', 'NOT_RUNNING', `${id} does not run at ${compute.id}`, 'Power it on.');
};

interface Ends {
  readonly from: LabDevice;
  readonly to: LabDevice;
}

const endsOf = ({ compute }: ComputeCall, target: MoveTarget): Ends | Fault => {
  const ends = [target.fromDatastoreId, target.toDatastoreId].map((id) => ({
    id,
    device: mountedAt(compute, id, 'production')?.device,
  }));
  for (const { id, device } of ends) {
    if (device === undefined) {
      return no('conflict', 'DATASTORE_NOT_MOUNTED', `${id} is not mounted at ${compute.id}`);
    }
    if (!writable(device) || device.storage.down) {
      return no('conflict', 'PASSIVE_DEVICE', `${device.id} refuses writers: ${device.role}`);
    }
  }
  return { from: ends[0]?.device as LabDevice, to: ends[1]?.device as LabDevice };
};

const isFault = (found: object): found is Fault => 'kind' in found && 'owner' in found;

const begin = (call: ComputeCall, target: MoveTarget, vm: LabVm, to: LabDevice): Outcome => {
  const { world, now, compute } = call;
  const { id, migrationId, toDatastoreId } = target;
  const move: Move = { migrationId, boot: vm.boot, operation: undefined, whole: false };
  world.moves.set(id, move);
  world.movedTo.set(id, new Set([...(world.movedTo.get(id) ?? []), toDatastoreId]));
  writeMark(to, id, 'partial', now);
  const finish = (): Evidence | Fault => {
    const lost = vm.boot !== move.boot || !vm.on || !writable(to) || compute.down;
    if (lost) return no('interrupted', 'MIGRATION_LOST', `the copy of ${id} was cut short`);
    move.whole = true;
    return {};
  };
  const job = { finish, release: () => {} };
  move.operation = start(world, now, 'mirrorDisks', { remoteId: compute.id, targetId: id, job });
  return { operation: move.operation };
};

export const mirrorDisks = (call: ComputeCall, target: MoveTarget): Outcome => {
  const { world } = call;
  const vm = runningVm(call, target);
  if (isFault(vm)) return { fault: vm };
  if (standsOn(vm).includes(target.toDatastoreId)) return already();
  const ends = endsOf(call, target);
  if (isFault(ends)) return { fault: ends };
  const known = world.moves.get(target.id);
  if (known?.operation?.state === 'running') {
    if (known.migrationId === target.migrationId) return { operation: known.operation };
    const what = `the disks of ${target.id} are being moved already`;
    return { fault: no('busy', 'OPERATION_RUNS', what) };
  }
  const isHeld = known?.whole && known.migrationId === target.migrationId;
  return isHeld && known.boot === vm.boot ? already() : begin(call, target, vm, ends.to);
};

/** One moment: until now the boot writes to the source, from now on to the destination. */
const goOver = (
  { world, now, compute }: ComputeCall,
  vm: LabVm,
  ends: Ends,
  target: MoveTarget,
) => {
  const { boot } = vm;
  const { id, fromDatastoreId, toDatastoreId } = target;
  const left = mediumOf(ends.from);
  const here = mediumOf(ends.to);
  if (boot === undefined) return;
  left.boots.set(id, { ...boot, offAt: now });
  left.writers.delete(id);
  left.writtenAt = now;
  boot.lineage = ends.to.lineage;
  here.boots.set(id, boot);
  here.writers.add(id);
  here.arrivals ??= new Map();
  here.arrivals.set(id, now);
  writeMark(ends.to, id, 'whole', now);
  writeMark(ends.from, id, 'whole', now);
  vm.standsOn = standsOn(vm).map((one) => (one === fromDatastoreId ? toDatastoreId : one));
  compute.datastores.production.get(fromDatastoreId)?.users.delete(id);
  compute.datastores.production.get(toDatastoreId)?.users.add(id);
  world.moves.delete(id);
};

export const cutOver = (call: ComputeCall, target: MoveTarget): Outcome => {
  const { world, now } = call;
  const { id, record = '' } = target;
  const known = call.compute.vms.production.get(id);
  if (known?.registered && standsOn(known).includes(target.toDatastoreId)) return already();
  const vm = runningVm(call, target);
  if (isFault(vm)) return { fault: vm };
  const ends = endsOf(call, target);
  if (isFault(ends)) return { fault: ends };
  const move = world.moves.get(id);
  if (!move?.whole || move.migrationId !== target.migrationId || move.boot !== vm.boot) {
    const what = `the disks of ${id} are not mirrored`;
    return { fault: no('conflict', 'NOT_SYNCED', what, 'Mirror them again.') };
  }
  const digest = digestOf(call, mediumOf(ends.from), id, 'whole');
  const content = sealRecord(record, digest);
  mediumOf(ends.to).files.push({ path: recordPathOf(id), content, at: now });
  goOver(call, vm, ends, target);
  return done({ digest, interruptionMs: 0 });
};

export const removeDisks = (
  call: ComputeCall,
  target: MoveTarget,
  { end }: { readonly end: 'from' | 'to' },
): Outcome => {
  const { compute, world, now } = call;
  const { id } = target;
  const datastoreId = end === 'from' ? target.fromDatastoreId : target.toDatastoreId;
  const vm = compute.vms.production.get(id);
  if (vm === undefined) return { fault: unknownVm(id) };
  if (standsOn(vm).includes(datastoreId)) {
    const what = `${id} stands on ${datastoreId}`;
    return { fault: no('conflict', 'DATASTORE_IN_USE', what) };
  }
  const device = mountedAt(compute, datastoreId, 'production')?.device;
  if (device === undefined || !writable(device)) {
    const what = `${datastoreId} is not mounted at ${compute.id}, or refuses writers`;
    return { fault: no('conflict', 'DATASTORE_NOT_MOUNTED', what) };
  }
  const move = end === 'to' ? world.moves.get(id) : undefined;
  if (move?.operation !== undefined) cut(world, move.operation, 'it was given up', now);
  if (move !== undefined) world.moves.delete(id);
  if (markOf(world, mediumOf(device), id, datastoreId) === 'gone') return already();
  writeMark(device, id, 'gone', now);
  return done();
};
