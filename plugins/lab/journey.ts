/**
 * The way of a live migration, stage by stage, and what each leaves at the destination: what a run
 * that lost the source judges by. The stages around the hand-over follow one another in one moment
 * of the world's time, and still a crash can fall between any two of them.
 * Source: US 9,336,039.
 */
import type { Evidence } from '@siteswap/sdk/plugin';
import { addDatastore, addVm, devicesUnder } from './computes.ts';
import {
  type ArrivalFacts,
  type Boot,
  heartbeatAt,
  type LabCompute,
  type LabDevice,
  type LabVm,
  type Migration,
  type MigrationStage,
  migrationStages,
  standsOn,
  type World,
} from './model.ts';
import { setPace } from './stretched.ts';

/** The end of a device at a compute's site; only of a stretched device that both sites serve. */
export const endAt = (compute: LabCompute, device: LabDevice): LabDevice | undefined =>
  device.role === 'stretched' && device.peer?.storage.siteId === compute.siteId
    ? device.peer
    : undefined;

export const hasReached = ({ stage }: Migration, other: MigrationStage): boolean =>
  migrationStages.indexOf(stage) >= migrationStages.indexOf(other);

const state = ({ to, vm }: Migration, facts: ArrivalFacts): void => {
  const { id } = vm.image;
  to.arrivals.set(id, { ...to.arrivals.get(id), ...facts });
};

const standStill = (world: World, migration: Migration, at: number): void => {
  const { heartbeatMs } = world.spec;
  const { boot } = migration;
  migration.acknowledged = heartbeatAt(boot, at, heartbeatMs);
  const everyMs = boot.pace?.everyMs ?? heartbeatMs;
  boot.pace = { from: migration.acknowledged, at: Number.POSITIVE_INFINITY, everyMs };
};

/** From `at` on a boot that stands still writes again. */
const goOn = (
  world: World,
  { boot, devices }: { readonly boot: Boot; readonly devices: readonly LabDevice[] },
  { now, at }: { readonly now: number; readonly at: number },
): void => {
  if (boot.pace !== undefined) boot.pace = { ...boot.pace, at: now };
  for (const device of devices) setPace(world, device, boot, { now, at });
};

/** The datastores of a VM, mounted at the target as hosts of its site see them. */
const showAt = ({ from, to, vm }: Migration): void => {
  for (const id of standsOn(vm)) {
    const devices = (from.datastores.production.get(id)?.devices ?? []).flatMap(
      (device) => endAt(to, device) ?? [],
    );
    const there =
      to.datastores.production.get(id) ?? addDatastore(to, { id, instance: 'production' }, devices);
    if (devices.length > 0) there.devices = devices;
    there.mounted = true;
    there.users.add(vm.image.id);
    from.datastores.production.get(id)?.users.delete(vm.image.id);
  }
};

/** The VM at the destination, as it comes out of its shell. */
const unfold = ({ to, vm }: Migration, boot: Boot): LabVm => {
  const { image } = vm;
  const there = to.vms.production.get(image.id) ?? addVm(to, image, 'production');
  there.standsOn = vm.standsOn;
  there.registered = true;
  there.on = true;
  there.boot = boot;
  boot.siteId = to.siteId;
  to.shells.delete(image.id);
  return there;
};

const resume = (world: World, migration: Migration, now: number): void => {
  const { vm, boot, to } = migration;
  const { interruptionMs } = world;
  showAt(migration);
  vm.on = false;
  vm.boot = undefined;
  const devices = devicesUnder(to, unfold(migration, boot));
  goOn(world, { boot, devices }, { now, at: now + interruptionMs });
  migration.interruptionMsMost = Math.max(migration.interruptionMsMost, interruptionMs);
};

const leave = ({ from, vm }: Migration): void => {
  vm.registered = false;
  from.arrivals.delete(vm.image.id);
};

const acts: Record<MigrationStage, (world: World, migration: Migration, at: number) => void> = {
  asked: () => {},
  started: (_world, migration) => {
    migration.to.arrivals.delete(migration.vm.image.id);
    state(migration, { startedId: migration.id });
  },
  placeholder: (_world, migration) => {
    const vmId = migration.vm.image.id;
    state(migration, { placeholder: { vmId, migrationId: migration.id } });
    migration.to.shells.set(vmId, 'incoming');
  },
  switching: standStill,
  received: (_world, { to, vm }) => void to.shells.set(vm.image.id, 'complete'),
  completed: (_world, migration) => state(migration, { completedId: migration.id }),
  resumed: resume,
  left: (_world, migration) => leave(migration),
};

export const isHalted = (world: World, { vm, stage }: Migration): boolean =>
  world.halts.get(vm.image.id) === stage;

const reach = (world: World, migration: Migration, stage: MigrationStage, at: number): void => {
  acts[stage](world, migration, at);
  migration.stage = stage;
  world.onStage?.(migration.vm.image.id, stage);
};

/** As far as it comes; false when it stands still, or an end of it is lost. */
export const advance = (
  world: World,
  migration: Migration,
  until: MigrationStage,
  at: number,
): boolean => {
  const next = migrationStages.indexOf(migration.stage) + 1;
  for (const stage of migrationStages.slice(next, migrationStages.indexOf(until) + 1)) {
    const { from, to } = migration;
    if (from.down || to.down || isHalted(world, migration)) return false;
    reach(world, migration, stage, at);
  }
  return true;
};

/** What a migration that handed over says of itself. */
export const toldOf = (world: World, { boot }: Migration): Evidence => ({
  bootId: boot.id,
  interruptionMs: world.interruptionMs,
});

/**
 * The guest goes on at its source, if that still has it. What came over is removed where the sites
 * see each other; else it is left to whoever is at the destination.
 */
export const giveUp = (world: World, migration: Migration, now: number): void => {
  if (hasReached(migration, 'completed')) return;
  const { from, to, vm, boot } = migration;
  const devices = devicesUnder(from, vm);
  if (hasReached(migration, 'switching') && vm.on && vm.boot === boot) {
    goOn(world, { boot, devices }, { now, at: now });
  }
  if (to.down || devices.some((device) => endAt(to, device) === undefined)) return;
  migration.acknowledged = -1;
  to.shells.delete(vm.image.id);
  to.arrivals.delete(vm.image.id);
};

/**
 * A VM that stands whole at its destination goes on there, as it was when it was handed over. What
 * the source, which nobody reaches, has of it is cut off: a boot of its own from here on.
 */
export const adopt = (world: World, migration: Migration, now: number): Boot => {
  const { to, vm, boot, acknowledged } = migration;
  state(migration, { completedId: migration.id });
  migration.stage = 'completed';
  world.onStage?.(vm.image.id, 'completed');
  const everyMs = boot.pace?.everyMs ?? world.spec.heartbeatMs;
  const taken: Boot = {
    ...boot,
    offAt: Number.POSITIVE_INFINITY,
    pace: { from: acknowledged, at: now, everyMs },
  };
  const there = unfold(migration, taken);
  for (const name of standsOn(there)) to.datastores.production.get(name)?.users.add(vm.image.id);
  for (const device of devicesUnder(to, there)) {
    const { boots, writers } = device.held ?? {};
    taken.lineage = device.lineage;
    boots?.set(vm.image.id, taken);
    writers?.add(vm.image.id);
    setPace(world, device, taken, { now, at: now });
  }
  migration.stage = 'resumed';
  world.onStage?.(vm.image.id, 'resumed');
  return taken;
};
