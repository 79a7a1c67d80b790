/** A remote, or all of a site, stops answering; and comes back. */
import { stop } from './computes.ts';
import type { LabCompute, LabStorage, World } from './model.ts';
import { cut } from './operations.ts';
import { startFlow, stopFlow } from './replication.ts';

const takeStorage = (world: World, storage: LabStorage, now: number): void => {
  for (const device of storage.order) {
    const operation = device.link?.operation;
    if (operation !== undefined) cut(world, operation, `${storage.id} was lost`);
    stopFlow(world, device, now);
  }
  storage.down = true;
};

const bringStorage = (storage: LabStorage, now: number): void => {
  storage.down = false;
  for (const device of storage.order) startFlow(device, now);
};

/** Sets whether one array or compute answers. Its VMs go on: only its management is away. */
export const setDown = (
  world: World,
  remote: LabStorage | LabCompute,
  down: boolean,
  now: number,
): void => {
  if (remote.down === down) return;
  if (remote.kind === 'compute') remote.down = down;
  else if (down) takeStorage(world, remote, now);
  else bringStorage(remote, now);
};

/** Every VM of the compute stops as if its power had failed. */
export const crashVms = (compute: LabCompute, now: number): void => {
  for (const vm of compute.vmOrder) if (vm.on) stop(compute, vm, now);
};

/** The arrays and computes of a site. */
export const remotesAt = (world: World, siteId: string): readonly (LabStorage | LabCompute)[] =>
  [...world.storages.values(), ...world.computes.values()].filter(
    (remote) => remote.siteId === siteId,
  );
