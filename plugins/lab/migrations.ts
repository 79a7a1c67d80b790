/**
 * Live migration: a VM goes on at the other compute, on the same stretched devices, in the same
 * boot. Its disks stay where they are; what passes is the licence to write, at one moment, between
 * two heartbeats. Nothing of it is seen at the target before that moment.
 */
import type { Evidence, Fault, MigrationStatus, VmTarget } from '@siteswap/sdk/plugin';
import { addDatastore, addVm, type ComputeCall, devicesUnder } from './computes.ts';
import type { Outcome } from './ledger.ts';
import {
  heartbeatAt,
  type LabCompute,
  type LabDevice,
  type LabVm,
  type Migration,
  standsOn,
  type World,
} from './model.ts';
import { cut, progressOf, start } from './operations.ts';
import { already, done, no } from './outcome.ts';
import { setPace } from './stretched.ts';

/** The end of a device at a compute's site; only of a stretched device that both sites serve. */
const endAt = (compute: LabCompute, device: LabDevice): LabDevice | undefined =>
  device.role === 'stretched' && device.peer?.storage.siteId === compute.siteId
    ? device.peer
    : undefined;

/** Why a VM cannot go on at the other compute now. */
const hindrance = (from: LabCompute, to: LabCompute, vm: LabVm): Fault | undefined => {
  const { id } = vm.image;
  if (!vm.on || vm.boot === undefined) {
    return no('conflict', 'NOT_RUNNING', `${id} does not run at ${from.id}`);
  }
  if (vm.boot.offAt !== Number.POSITIVE_INFINITY) {
    const what = `${id} is on, but was cut off from its devices`;
    return no('conflict', 'CUT_OFF', what, 'Power it off first.');
  }
  if (to.vms.production.get(id)?.on) {
    const what = `${to.id} has a VM ${id} on that was cut off`;
    return no('conflict', 'CUT_OFF', what, 'Power it off there first.');
  }
  if (to.down) return no('refused', 'TARGET_DOWN', `${to.id} does not answer`);
  for (const device of devicesUnder(from, vm)) {
    if (endAt(to, device) !== undefined) continue;
    return no('refused', 'NOT_STRETCHED', `${device.id} is not served at ${to.siteId} too`);
  }
  return undefined;
};

/** The datastores of a VM, mounted at the target as hosts of its site see them. */
const showAt = (from: LabCompute, to: LabCompute, vm: LabVm): void => {
  for (const id of standsOn(vm)) {
    const devices = (from.datastores.production.get(id)?.devices ?? []).flatMap(
      (device) => endAt(to, device) ?? [],
    );
    const there =
      to.datastores.production.get(id) ?? addDatastore(to, { id, instance: 'production' }, devices);
    there.devices = devices;
    there.mounted = true;
    there.users.add(vm.image.id);
    from.datastores.production.get(id)?.users.delete(vm.image.id);
  }
};

/** One moment: until `at` the source writes, and `interruptionMs` after it the target does. */
const handOver = (world: World, migration: Migration, vm: LabVm, at: number): Evidence => {
  const { from, to } = migration;
  const { boot, image } = vm;
  const { interruptionMs } = world;
  if (boot === undefined) return {};
  migration.acknowledged = heartbeatAt(boot, at, world.spec.heartbeatMs);
  showAt(from, to, vm);
  vm.on = false;
  vm.registered = false;
  vm.boot = undefined;
  const there = to.vms.production.get(image.id) ?? addVm(to, image, 'production');
  there.standsOn = vm.standsOn;
  there.registered = true;
  there.on = true;
  there.boot = boot;
  boot.siteId = to.siteId;
  for (const device of devicesUnder(to, there)) {
    setPace(world, device, boot, { now: at, at: at + interruptionMs });
  }
  migration.interruptionMsMost = Math.max(migration.interruptionMsMost, interruptionMs);
  return { bootId: boot.id, interruptionMs };
};

const begin = (call: ComputeCall, to: LabCompute, vm: LabVm): Outcome => {
  const { world, now, compute: from } = call;
  const { id } = vm.image;
  const { boot } = vm;
  const finish = (at: number): Evidence | Fault => {
    const lost = from.down || vm.boot !== boot ? `${id} no longer runs at ${from.id}` : undefined;
    if (lost !== undefined) return no('interrupted', 'MIGRATION_LOST', lost);
    return hindrance(from, to, vm) ?? handOver(world, migration, vm, at);
  };
  const interruptionMsMost = world.migrations.get(id)?.interruptionMsMost ?? 0;
  world.migrationsMade += 1;
  const migration: Migration = {
    id: `migration-${world.migrationsMade}`,
    from,
    to,
    operation: undefined,
    cancelled: false,
    removed: false,
    acknowledged: -1,
    interruptionMsMost,
  };
  world.migrations.set(id, migration);
  const job = { finish, release: () => {} };
  migration.operation = start(world, now, 'migrateLive', { remoteId: from.id, targetId: id, job });
  return { operation: migration.operation };
};

const isRunning = (migration: Migration | undefined): boolean =>
  migration?.operation?.state === 'running';

export const migrateLive = (
  call: ComputeCall,
  target: VmTarget,
  { toComputeId }: { readonly toComputeId: string },
): Outcome => {
  const { world, compute } = call;
  const { id } = target;
  const to = world.computes.get(toComputeId);
  if (to === undefined) {
    return { fault: no('missing', 'UNKNOWN_REMOTE', `the world has no compute ${toComputeId}`) };
  }
  const there = to.vms.production.get(id);
  if (there?.on && there.boot !== undefined && there.boot.offAt > call.now) {
    const { interruptionMs = 0 } = world.migrations.get(id)?.operation?.evidence ?? {};
    return already({ bootId: there.boot.id, interruptionMs });
  }
  const vm = target.instance === 'test' ? undefined : compute.vms.production.get(id);
  if (vm === undefined || !vm.registered) {
    const kind = world.images.has(id) ? 'NOT_REGISTERED' : 'UNKNOWN_VM';
    return { fault: no('missing', kind, `${id} is not registered at ${compute.id}`) };
  }
  const running = world.migrations.get(id);
  if (isRunning(running)) {
    const what = `${id} is on its way to ${running?.to.id} already`;
    return { fault: no('busy', 'MIGRATION_RUNS', what) };
  }
  const fault = hindrance(compute, to, vm);
  return fault === undefined ? begin(call, to, vm) : { fault };
};

/** The newest migration of a VM that this compute has a part in. */
const newestAt = ({ world, compute }: ComputeCall, vmId: string): Migration | undefined => {
  const migration = world.migrations.get(vmId);
  return migration?.from === compute || migration?.to === compute ? migration : undefined;
};

/** Nothing to cancel: success. A VM that has moved stays where it is, and the answer says so. */
export const cancelMigration = (call: ComputeCall, { id }: VmTarget): Outcome => {
  if (!call.world.images.has(id)) return { fault: no('missing', 'UNKNOWN_VM', `no VM ${id}`) };
  const migration = newestAt(call, id);
  const operation = migration?.operation;
  if (migration === undefined || operation === undefined) return already();
  if (operation.state === 'done') {
    return { fault: no('conflict', 'MIGRATED', `${id} goes on at ${migration.to.id} already`) };
  }
  if (operation.state === 'failed' && migration.to === call.compute && !migration.removed) {
    migration.removed = true;
    return done();
  }
  if (operation.state === 'failed') return already();
  migration.cancelled = true;
  cut(call.world, operation, 'it was cancelled');
  return done();
};

const states = { running: 'running', done: 'completed', failed: 'failed' } as const;

/** What the destination has of it: it comes over in one moment, so never whole and paused. */
const arrivalAt = (compute: LabCompute, vmId: string, { id, operation }: Migration) => {
  const vm = compute.vms.production.get(vmId);
  const isOver = operation?.state === 'done';
  const arrived = vm?.on === true ? ('running' as const) : ('absent' as const);
  return {
    startedId: id,
    placeholder: { vmId, migrationId: id },
    ...(isOver ? { completedId: id } : {}),
    execution: isOver ? arrived : ('paused-incoming' as const),
  };
};

const departureAt = (compute: LabCompute, vmId: string, { operation }: Migration) => {
  if (compute.vms.production.get(vmId)?.on !== true) return 'gone' as const;
  return operation?.state === 'running' ? ('migrating' as const) : ('running' as const);
};

export const migrationStatus = (call: ComputeCall, { id }: VmTarget): MigrationStatus | Fault => {
  if (!call.world.images.has(id)) return no('missing', 'UNKNOWN_VM', `no VM ${id} exists`);
  const { compute } = call;
  const migration = newestAt(call, id);
  const operation = migration?.operation;
  if (migration === undefined || operation === undefined) return { state: 'none' };
  const isLeft = migration.removed || (operation.state === 'failed' && !migration.from.down);
  return {
    state: migration.cancelled ? 'cancelled' : states[operation.state],
    fromComputeId: migration.from.id,
    toComputeId: migration.to.id,
    progress: progressOf(call.world, operation, call.now),
    ...(migration.to === compute && !isLeft ? { arrival: arrivalAt(compute, id, migration) } : {}),
    ...(migration.from === compute ? { departure: departureAt(compute, id, migration) } : {}),
  };
};
