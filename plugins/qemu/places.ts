/** Where everything of a compute stands inside its directory. Nobody else builds these paths. */
import { join } from 'node:path';
import type { Instance, VmTarget } from '@siteswap/sdk/plugin';
import { encodeId } from './array.ts';

/** A VM at a compute. */
export interface VmAt {
  readonly directory: string;
  readonly instance: Instance;
  readonly id: string;
}

export const atOf = ({ directory }: { readonly directory: string }, vm: VmTarget): VmAt => ({
  directory,
  instance: vm.instance,
  id: vm.id,
});

/** Key of a VM or a datastore among those of a compute. */
export const placeOf = ({ instance, id }: { readonly instance: Instance; readonly id: string }) =>
  `${instance}/${id}`;

export const computeFile = (directory: string): string => join(directory, 'compute.json');

export const vmDirectory = ({ directory, instance, id }: VmAt): string =>
  join(directory, 'vms', instance, encodeId(id));

/** Sockets stand near the top: their paths are bounded. */
export const socketsIn = ({ directory }: Pick<VmAt, 'directory'>): string => join(directory, 'run');

export const socketOf = (
  at: Pick<VmAt, 'directory'>,
  token: string,
  use: 'change' | 'look' | 'arrive',
): string => join(socketsIn(at), `${token}.${use}`);

const inVm = (name: string) => (at: VmAt) => join(vmDirectory(at), name);

export const machineFile = inVm('machine.json');
export const marksFile = inVm('arrival.json');
export const migrationFile = inVm('migration.json');
export const logFile = inVm('qemu.log');

export const serialFile = (at: VmAt, token: string): string => inVm(`${token}.serial`)(at);
export const pidFile = (at: VmAt, token: string): string => inVm(`${token}.pid`)(at);
