/**
 * What a VM's process leaves behind for others to read: who it is, how far it got, why it ended.
 */
import {
  closeSync,
  fdatasyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import type { Instance } from '@siteswap/sdk/plugin';
import { isMissingFile } from './faults.ts';
import { bootFile, bootsIn, processFile, vmDirectory } from './layout.ts';
import { isAlive, type ProcessRef } from './processes.ts';

export interface VmProcess extends ProcessRef {
  readonly bootId: string;
  /** `arriving`: ready to take over from the process that still runs at another compute. */
  readonly phase: 'starting' | 'arriving' | 'running' | 'ended';
  /** The migration that it came by, and the directory of the compute that it came from. */
  readonly arrival?: { readonly id: string; readonly directory: string };
  /** Name of its acknowledgements; default: the boot's id. */
  readonly acks?: string;
  /** Last heartbeat that its disks held when it started. */
  readonly resumedAt?: number;
  /** The storage migration whose copy it writes to as well. */
  readonly mirroring?: string | undefined;
  /** Why it ended by itself. */
  readonly reason?: string;
}

/** What one process of a VM acknowledged: heartbeats `first` to `last`, without a gap. */
export interface Acknowledged {
  readonly bootId: string;
  readonly lineage: string;
  readonly resumedAt: number;
  readonly first: number;
  readonly last: number;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
}

const readIfThere = (file: string): string | undefined => {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (isMissingFile(error)) return undefined;
    throw error;
  }
};

/** The last process of a VM, alive or not. */
export const readVmProcess = (
  directory: string,
  instance: Instance,
  vmId: string,
): VmProcess | undefined => {
  const text = readIfThere(processFile(vmDirectory(directory, instance, vmId)));
  return text === undefined ? undefined : (JSON.parse(text) as VmProcess);
};

/** The VM's process, unless it has ended or said its last word. */
export const runningVm = (
  directory: string,
  instance: Instance,
  vmId: string,
): VmProcess | undefined => {
  const found = readVmProcess(directory, instance, vmId);
  const counts = found?.phase === 'starting' || found?.phase === 'running';
  return counts && isAlive(found) ? found : undefined;
};

/** Whole for readers at any time; durable enough: what it says dies with the machine anyway. */
export const writeVmProcess = (vm: string, found: VmProcess): void => {
  const temporary = `${processFile(vm)}.${found.pid}.tmp`;
  writeFileSync(temporary, JSON.stringify(found), { mode: 0o600 });
  renameSync(temporary, processFile(vm));
};

/** Width of an acknowledgement file: overwritten in place, so always of one length. */
const acknowledgedBytes = 512;

/** The acknowledgements of one boot, kept outside the devices: they survive what the disks lose. */
export interface AckLog {
  readonly note: (sequence: number, atMs: number) => void;
}

export const openAckLog = (
  vm: string,
  name: string,
  boot: Pick<Acknowledged, 'bootId' | 'lineage' | 'resumedAt'>,
): AckLog => {
  mkdirSync(bootsIn(vm), { recursive: true, mode: 0o700 });
  const fd = openSync(bootFile(vm, name), 'w', 0o600);
  let first: Pick<Acknowledged, 'first' | 'firstAtMs'> | undefined;
  return {
    note: (sequence, atMs) => {
      first ??= { first: sequence, firstAtMs: atMs };
      const noted: Acknowledged = { ...boot, ...first, last: sequence, lastAtMs: atMs };
      writeSync(fd, JSON.stringify(noted).padEnd(acknowledgedBytes), 0, 'utf8');
    },
  };
};

/** `name`: the boot's id, or what the process says. */
export const readBoot = (vm: string, name: string): Acknowledged | undefined => {
  const text = readIfThere(bootFile(vm, name))?.trim() ?? '';
  return text === '' ? undefined : (JSON.parse(text) as Acknowledged);
};

/** What every boot of a VM at one compute acknowledged, oldest first. */
export const readBoots = (vm: string): Acknowledged[] => {
  let names: string[];
  try {
    names = readdirSync(bootsIn(vm));
  } catch (error) {
    if (isMissingFile(error)) return [];
    throw error;
  }
  return names
    .flatMap((name) => readBoot(vm, name) ?? [])
    .sort((a, b) => a.firstAtMs - b.firstAtMs);
};

/** Writes a record and returns when it is on the disk. */
export const writeThrough = (fd: number, record: Buffer, offset: number): void => {
  writeSync(fd, record, 0, record.length, offset);
  fdatasyncSync(fd);
};

export const closeAll = (fds: readonly number[]): void => {
  for (const fd of fds) closeSync(fd);
};
