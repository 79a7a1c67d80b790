/** Mounts and registrations: what a compute knows of its site, changed one by one. */
import type { DatastoreTarget, VmStatus, VmTarget } from '@siteswap/sdk/plugin';
import { standingVms } from './catalog.ts';
import {
  type ComputeState,
  type HeldCompute,
  mountOf,
  openMount,
  placeOf,
  type Registered,
  searchDatastore,
} from './compute.ts';
import { failure } from './faults.ts';
import { vmDirectory } from './layout.ts';
import { clearMarks } from './marks.ts';
import { licenceOf } from './seats.ts';
import type { ComputeSession } from './session.ts';
import { readBoot, readVmProcess, runningVm } from './vm-process.ts';

const noDatastore = (id: string): Error =>
  failure('missing', `no device of the site holds datastore ${id}`);

/** Mounts a datastore; its device must accept writers, or have a test copy. */
export const mount = async (
  compute: ComputeSession,
  { state }: HeldCompute,
  { id, instance, devices }: DatastoreTarget,
): Promise<ComputeState> => {
  const place = placeOf(instance, id);
  const mounted = state.mounts[place];
  if (mounted !== undefined) {
    licenceOf((await openMount(mounted)).group, instance);
    return state;
  }
  const wanted = (arrayId: string, deviceId: string): boolean =>
    devices?.some((one) => one.arrayId === arrayId && one.deviceId === deviceId) ?? true;
  const found = await searchDatastore(
    compute.arrays,
    ({ disk, catalog }) => catalog.datastoreId === id && wanted(disk.arrayId, disk.deviceId),
  );
  if (found === undefined) throw noDatastore(id);
  licenceOf(found.group, instance);
  return { ...state, mounts: { ...state.mounts, [place]: mountOf(found, instance) } };
};

/** VMs that stand on a datastore and run. */
const runningOn = (
  compute: ComputeSession,
  state: ComputeState,
  target: DatastoreTarget,
): string[] =>
  Object.values(state.vms)
    .filter(({ instance }) => instance === target.instance)
    .filter(({ datastoreIds }) => datastoreIds.includes(target.id))
    .filter(({ instance, id }) => runningVm(compute.directory, instance, id) !== undefined)
    .map(({ id }) => id);

/** Not mounted is success, as long as the site has such a datastore at all. */
export const unmount = async (
  compute: ComputeSession,
  { state }: HeldCompute,
  target: DatastoreTarget,
): Promise<ComputeState> => {
  const { [placeOf(target.instance, target.id)]: mounted, ...mounts } = state.mounts;
  if (mounted === undefined) {
    const found = await searchDatastore(
      compute.arrays,
      ({ catalog }) => catalog.datastoreId === target.id,
    );
    if (found === undefined) throw noDatastore(target.id);
    return state;
  }
  const members = runningOn(compute, state, target);
  if (members.length > 0) {
    throw failure('conflict', `datastore ${target.id} is in use by ${members.join(', ')}`, {
      code: 'FILES_IN_USE',
      hint: 'Shut these VMs down first.',
      members,
    });
  }
  return { ...state, mounts };
};

export const checkOnSite = async (compute: ComputeSession, vmId: string): Promise<void> => {
  const found = await searchDatastore(compute.arrays, ({ catalog }) =>
    catalog.vms.some(({ id }) => id === vmId),
  );
  if (found === undefined) throw failure('missing', `the site has no VM ${vmId}`);
};

/** Where a VM stands among what is mounted: of several copies, only the one that was chosen. */
const standsOn = async (
  state: ComputeState,
  { id, instance }: VmTarget,
  choice: readonly string[] | undefined,
): Promise<{ readonly on: readonly string[]; readonly name: string }> => {
  const on: string[] = [];
  const disks = new Set<number>();
  let name = id;
  for (const mounted of Object.values(state.mounts)) {
    if (mounted.instance !== instance || choice?.includes(mounted.id) === false) continue;
    const { catalog } = await openMount(mounted);
    const entry = standingVms(catalog).find((vm) => vm.id === id);
    if (entry === undefined) continue;
    if (disks.has(entry.disk)) {
      throw failure('conflict', `VM ${id} has copies in ${[...on, mounted.id].join(', ')}`, {
        code: 'FILES_COPIES',
        hint: 'Choose one of them.',
      });
    }
    disks.add(entry.disk);
    name = entry.name;
    on.push(mounted.id);
  }
  return { on, name };
};

/** Registers a VM from what the mounted datastores say of it. */
export const register = async (
  compute: ComputeSession,
  { state }: HeldCompute,
  { id, instance, datastoreIds }: VmTarget,
): Promise<ComputeState> => {
  const place = placeOf(instance, id);
  const choice = state.choices?.[place];
  const { on, name } = await standsOn(state, { id, instance }, choice);
  const absent = (choice ?? datastoreIds ?? []).filter((wanted) => !on.includes(wanted));
  if (on.length === 0 || absent.length > 0) {
    await checkOnSite(compute, id);
    const which = absent.length > 0 ? absent.join(', ') : 'its datastore';
    throw failure('conflict', `VM ${id}: ${which} is not mounted`, { hint: 'Mount it first.' });
  }
  const known = state.vms[place];
  const vm: Registered = { ...known, id, instance, name, datastoreIds: on };
  return { ...state, vms: { ...state.vms, [place]: vm } };
};

/** Not registered is success, as long as the site has such a VM at all. */
export const unregister = async (
  compute: ComputeSession,
  { state }: HeldCompute,
  { id, instance }: VmTarget,
): Promise<ComputeState> => {
  if (runningVm(compute.directory, instance, id) !== undefined) {
    throw failure('conflict', `VM ${id} runs`, { hint: 'Shut it down first.' });
  }
  const { [placeOf(instance, id)]: gone, ...vms } = state.vms;
  if (gone === undefined) await checkOnSite(compute, id);
  await clearMarks({ directory: compute.directory, instance, id });
  return { ...state, vms };
};

/**
 * What is known of a VM now; `heartbeat` is the last one that its present or last boot
 * acknowledged.
 */
export const statusOfVm = (
  { directory }: ComputeSession,
  state: ComputeState,
  { id, instance }: VmTarget,
): VmStatus => {
  const registered = state.vms[placeOf(instance, id)] !== undefined;
  const last = readVmProcess(directory, instance, id);
  if (!registered && last === undefined) {
    throw failure('missing', `VM ${id} is not known here as ${instance}`);
  }
  const power = runningVm(directory, instance, id) === undefined ? 'off' : 'on';
  if (last === undefined) return { id, registered, power };
  const { bootId, resumedAt } = last;
  const boot = readBoot(vmDirectory(directory, instance, id), last.acks ?? bootId);
  return {
    id,
    registered,
    power,
    bootId,
    ...(boot === undefined ? {} : { heartbeat: boot.last }),
    ...(resumedAt === undefined ? {} : { resumedAt }),
  };
};
