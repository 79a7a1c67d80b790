/**
 * Live migration: a VM goes on at the other compute, on the same stretched devices, in the same
 * boot. Its disks stay where they are; what passes is the licence to write, at one moment, between
 * two heartbeats. What stands at the target before that moment is a shell and facts about it.
 */
import type { Evidence, Fault, MigrationStatus, VmTarget } from '@siteswap/sdk/plugin';
import {
  addVm,
  type ComputeCall,
  devicesUnder,
  evidenceOf,
  mayNotStart,
  start as startVm,
} from './computes.ts';
import { adopt, advance, endAt, giveUp, hasReached, isHalted, toldOf } from './journey.ts';
import type { Outcome } from './ledger.ts';
import type { Boot, LabCompute, LabVm, Migration, Operation, World } from './model.ts';
import { cut, progressOf, start } from './operations.ts';
import { already, done, no } from './outcome.ts';

/** Why a VM cannot go on at the other compute now. */
const hindrance = (from: LabCompute, to: LabCompute, vm: LabVm): Fault | undefined => {
  const { id } = vm.image;
  if (!vm.on || vm.boot === undefined) {
    return no('conflict', 'NOT_RUNNING', `${id} does not run at ${from.id}`);
  }
  if (from.down) return no('interrupted', 'MIGRATION_LOST', `${from.id} was lost`);
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

/** All of it has come over, or can no longer be stopped from it: nothing takes it back. */
const isOver = (migration: Migration): boolean => hasReached(migration, 'completed');

const isLost = ({ from, vm, boot }: Migration): Fault | undefined =>
  from.down || vm.boot !== boot
    ? no('interrupted', 'MIGRATION_LOST', `${vm.image.id} no longer runs at ${from.id}`)
    : undefined;

/** Its time is up: hands over. Nothing is answered while it stands still. */
const handOver = (world: World, migration: Migration, at: number): Evidence | Fault | undefined => {
  const { from, to, vm } = migration;
  const why = isLost(migration) ?? hindrance(from, to, vm);
  const isThere = why === undefined && advance(world, migration, 'left', at);
  if (isThere || hasReached(migration, 'resumed')) return toldOf(world, migration);
  if (why === undefined && isHalted(world, migration)) return undefined;
  giveUp(world, migration, at);
  return why ?? isLost(migration) ?? no('refused', 'TARGET_DOWN', `${to.id} does not answer`);
};

const begin = (call: ComputeCall, to: LabCompute, vm: LabVm, boot: Boot): Outcome => {
  const { world, now, compute: from } = call;
  const { id } = vm.image;
  world.migrationsMade += 1;
  const migration: Migration = {
    id: `migration-${world.migrationsMade}`,
    from,
    to,
    vm,
    boot,
    stage: 'asked',
    operation: undefined,
    cancelled: false,
    acknowledged: -1,
    interruptionMsMost: world.migrations.get(id)?.interruptionMsMost ?? 0,
  };
  world.migrations.set(id, migration);
  advance(world, migration, 'placeholder', now);
  const job = {
    finish: (at: number) => handOver(world, migration, at),
    release: () => {},
    cutShort: (at: number) => giveUp(world, migration, at),
  };
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
  if (running !== undefined && isOver(running) && running.boot === vm.boot && running.to === to)
    return conclude(call, running);
  const fault = hindrance(compute, to, vm);
  if (fault !== undefined) return { fault };
  return begin(call, to, vm, vm.boot as Boot);
};

/** It was cut short after it was marked as completed: it goes on where it belongs. */
const conclude = ({ world, now }: ComputeCall, migration: Migration): Outcome =>
  advance(world, migration, 'left', now)
    ? done(toldOf(world, migration))
    : { fault: no('busy', 'MIGRATION_RUNS', `${migration.vm.image.id} is being handed over`) };

/** The newest migration of a VM that this compute has a part in. */
const newestAt = ({ world, compute }: ComputeCall, vmId: string): Migration | undefined => {
  const migration = world.migrations.get(vmId);
  return migration?.from === compute || migration?.to === compute ? migration : undefined;
};

/**
 * Nothing to cancel: success. A VM that has moved stays where it is, and the answer says so; so
 * does one that stands whole at this compute: it could go on.
 */
export const cancelMigration = (call: ComputeCall, { id }: VmTarget): Outcome => {
  const { world, now, compute } = call;
  if (!world.images.has(id)) return { fault: no('missing', 'UNKNOWN_VM', `no VM ${id}`) };
  const migration = newestAt(call, id);
  const operation = migration?.operation;
  if (migration === undefined || operation === undefined) return already();
  if (isOver(migration)) {
    return { fault: no('conflict', 'MIGRATED', `${id} goes on at ${migration.to.id} already`) };
  }
  const isHere = migration.to === compute && compute.arrivals.has(id);
  if (isHere && compute.shells.get(id) === 'complete') {
    const hint = 'Power it on, once its source is cut off.';
    return { fault: no('conflict', 'WHOLE', `${id} stands whole at ${compute.id}`, hint) };
  }
  if (operation.state !== 'running' && !isHere) return already();
  migration.cancelled ||= operation.state === 'running';
  cut(world, operation, 'it was cancelled', now);
  if (migration.to === compute) {
    compute.shells.delete(id);
    compute.arrivals.delete(id);
  }
  return done();
};

/** A VM that has come over whole goes on in its boot; any other is started. */
export const powerOn = (call: ComputeCall, target: VmTarget): Outcome => {
  const { world, now, compute } = call;
  const { id, instance } = target;
  const migration = instance === 'test' ? undefined : newestAt(call, id);
  if (migration?.to !== compute || compute.shells.get(id) !== 'complete') {
    return startVm(call, target);
  }
  const { vm, from } = migration;
  const isCutOff = from.down || migration.boot.offAt <= now;
  if (isOver(migration) && !isCutOff) return conclude(call, migration);
  const there = compute.vms.production.get(id) ?? addVm(compute, vm.image, 'production');
  there.standsOn = vm.standsOn;
  const fault = mayNotStart(call, there);
  return fault === undefined ? done(evidenceOf(adopt(world, migration, now))) : { fault };
};

const states = { running: 'running', done: 'completed', failed: 'failed' } as const;

const stateOf = (migration: Migration, operation: Operation): MigrationStatus['state'] => {
  if (operation.state !== 'running' && hasReached(migration, 'left')) return 'completed';
  return migration.cancelled ? 'cancelled' : states[operation.state];
};

const executionAt = (compute: LabCompute, vmId: string) => {
  if (compute.vms.production.get(vmId)?.on === true) return 'running' as const;
  const shell = compute.shells.get(vmId);
  if (shell === undefined) return 'absent' as const;
  return shell === 'complete' ? ('paused-complete' as const) : ('paused-incoming' as const);
};

const departureAt = ({ vm, boot, operation, stage, from }: Migration) => {
  const here = from.vms.production.get(vm.image.id);
  if (stage === 'resumed' && operation?.state === 'running') return 'handed-over' as const;
  if (here?.on !== true) return 'gone' as const;
  if (here.boot !== boot) return 'running' as const;
  if (stage === 'completed') return 'handed-over' as const;
  if (operation?.state !== 'running') return 'running' as const;
  if (stage === 'received') return 'handed-over' as const;
  return stage === 'switching' ? ('switching' as const) : ('migrating' as const);
};

export const migrationStatus = (call: ComputeCall, { id }: VmTarget): MigrationStatus | Fault => {
  if (!call.world.images.has(id)) return no('missing', 'UNKNOWN_VM', `no VM ${id} exists`);
  const { compute } = call;
  const migration = newestAt(call, id);
  const operation = migration?.operation;
  if (migration === undefined || operation === undefined) return { state: 'none' };
  const facts = migration.to === compute ? compute.arrivals.get(id) : undefined;
  const arrival = facts && { ...facts, execution: executionAt(compute, id) };
  return {
    state: stateOf(migration, operation),
    fromComputeId: migration.from.id,
    toComputeId: migration.to.id,
    progress: progressOf(call.world, operation, call.now),
    ...(arrival && { arrival }),
    ...(migration.from === compute ? { departure: departureAt(migration) } : {}),
  };
};
