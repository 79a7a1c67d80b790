/** A remote, or all of a site, stops answering; and comes back. */
import { stop } from './computes.ts';
import type { LabCompute, LabDevice, LabStorage, World } from './model.ts';
import { cut } from './operations.ts';
import { startFlow, stopFlow } from './replication.ts';
import { findContact, loseContact } from './stretched.ts';

/** A device can no longer see its peer. */
const lose = (world: World, device: LabDevice, why: string, now: number): void => {
  const operation = device.link?.operation;
  if (operation !== undefined) cut(world, operation, why, now);
  stopFlow(world, device, now);
  loseContact(world, device, now);
};

/** A device may see its peer again. */
const find = (world: World, device: LabDevice, now: number): void => {
  startFlow(device, now);
  findContact(world, device, now);
};

const takeStorage = (world: World, storage: LabStorage, now: number): void => {
  for (const device of storage.order) lose(world, device, `${storage.id} was lost`, now);
  storage.down = true;
};

const bringStorage = (world: World, storage: LabStorage, now: number): void => {
  storage.down = false;
  for (const device of storage.order) find(world, device, now);
};

/** Sets whether two sites see each other; both go on answering. */
export const setLink = (
  world: World,
  sites: readonly [string, string],
  up: boolean,
  now: number,
): void => {
  world.changes += 1;
  for (const storage of world.storages.values()) {
    const other = sites[sites.indexOf(storage.siteId) === 0 ? 1 : 0];
    if (!sites.includes(storage.siteId) || storage.cutFrom.has(other) === !up) continue;
    const devices = storage.order.filter(({ peer }) => peer?.storage.siteId === other);
    if (!up) for (const device of devices) lose(world, device, 'the link was cut', now);
    if (up) storage.cutFrom.delete(other);
    else storage.cutFrom.add(other);
    if (up) for (const device of devices) find(world, device, now);
  }
};

/** Migrations that stand still: those that go on see for themselves that an end is gone. */
const breakHalted = (world: World, compute: LabCompute, now: number): void => {
  for (const [vmId, { from, to, operation }] of world.migrations) {
    if (operation === undefined || !world.halts.has(vmId)) continue;
    if (from === compute || to === compute) cut(world, operation, `${compute.id} was lost`, now);
  }
};

/** Sets whether one array or compute answers. Its VMs go on: only its management is away. */
export const setDown = (
  world: World,
  remote: LabStorage | LabCompute,
  down: boolean,
  now: number,
): void => {
  if (remote.down === down) return;
  world.changes += 1;
  if (remote.kind === 'compute') {
    remote.down = down;
    if (down) breakHalted(world, remote, now);
  } else if (down) takeStorage(world, remote, now);
  else bringStorage(world, remote, now);
};

/** Every VM of the compute stops as if its power had failed, and so do the shells of others. */
export const crashVms = (world: World, compute: LabCompute, now: number): void => {
  world.changes += 1;
  compute.shells.clear();
  for (const vm of compute.vmOrder) if (vm.on) stop(compute, vm, now);
};

/** The arrays and computes of a site. */
export const remotesAt = (world: World, siteId: string): readonly (LabStorage | LabCompute)[] =>
  [...world.storages.values(), ...world.computes.values()].filter(
    (remote) => remote.siteId === siteId,
  );
