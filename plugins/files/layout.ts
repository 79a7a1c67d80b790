/**
 * Where everything stands inside the directory of an array or a compute. Nobody else builds paths.
 *
 *     <array>/array.json                      who it is
 *     <array>/operations/<operation>.json     long jobs, done by the mover
 *     <array>/groups/<group>/state.json       roles, lineage, recovery point, remembered keys
 *     <array>/groups/<group>/devices/         images, and checksums of their blocks
 *     <array>/groups/<group>/seats/           who writes now
 *     <array>/groups/<group>/incoming.log     blocks on their way into the replica
 *     <array>/groups/<group>/outgoing/        a frozen copy, while it is being replicated
 *     <array>/groups/<group>/test/            the test copy
 *     <array>/groups/<group>/snapshots/
 *     <array or compute>/slow.json            every call takes at least this long: for tests
 *     <compute>/compute.json                  mounts, registrations, boots
 *     <compute>/vms/<instance>/<vm>/          the VM's process, and what it acknowledged
 *     <compute>/vms/…/<vm>/migration.json     its newest live migration away from here
 *     <compute>/vms/…/<vm>/arrival.json       marks of its newest live migration to here
 *     <compute>/vms/…/<vm>/move.json          its disk, on its way to another datastore
 */
import { join } from 'node:path';
import type { Instance } from '@siteswap/sdk/plugin';

/** An id as a file name: ids are opaque and may hold anything. */
export const nameOf = (id: string): string =>
  encodeURIComponent(id).replaceAll('.', '%2E').replaceAll('*', '%2A');

export const arrayFile = (directory: string): string => join(directory, 'array.json');
export const slowFile = (directory: string): string => join(directory, 'slow.json');
export const operationsIn = (directory: string): string => join(directory, 'operations');
export const operationFile = (directory: string, operation: string): string =>
  join(operationsIn(directory), `${nameOf(operation)}.json`);
export const moverLog = (directory: string): string => join(directory, 'mover.log');
export const groupsIn = (directory: string): string => join(directory, 'groups');

export const groupDirectory = (directory: string, groupId: string): string =>
  join(groupsIn(directory), nameOf(groupId));
export const stateFile = (group: string): string => join(group, 'state.json');
export const devicesIn = (group: string): string => join(group, 'devices');
export const sumsFile = (group: string, deviceId: string): string =>
  join(devicesIn(group), `${nameOf(deviceId)}.sums`);
export const incomingLog = (group: string): string => join(group, 'incoming.log');
export const outgoingIn = (group: string): string => join(group, 'outgoing');
export const testIn = (group: string): string => join(group, 'test');
export const snapshotsIn = (group: string): string => join(group, 'snapshots');
export const snapshotIn = (group: string, name: string): string =>
  join(snapshotsIn(group), nameOf(name));
export const imageIn = (folder: string, deviceId: string): string =>
  join(folder, `${nameOf(deviceId)}.img`);

/** The bytes that an instance runs on: the device's own, or its test copy's. */
export const imageFile = (group: string, deviceId: string, instance: Instance): string =>
  imageIn(instance === 'test' ? testIn(group) : devicesIn(group), deviceId);

export const seatsIn = (group: string, instance: Instance): string =>
  join(group, 'seats', instance);
export const freezeFile = (group: string): string => join(group, 'freeze.json');

export const computeFile = (directory: string): string => join(directory, 'compute.json');
export const vmDirectory = (directory: string, instance: Instance, vmId: string): string =>
  join(directory, 'vms', instance, nameOf(vmId));
export const processFile = (vm: string): string => join(vm, 'process.json');
export const migrationFile = (vm: string): string => join(vm, 'migration.json');
export const marksFile = (vm: string): string => join(vm, 'arrival.json');
export const moveFile = (vm: string): string => join(vm, 'move.json');
export const bootsIn = (vm: string): string => join(vm, 'boots');
export const bootFile = (vm: string, bootId: string): string => join(bootsIn(vm), bootId);
export const vmLog = (vm: string): string => join(vm, 'vm.log');
