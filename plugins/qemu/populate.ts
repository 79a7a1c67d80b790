/** Making computes and what lives on their datastores: what an administrator does ahead of time. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { emptyMemory, ownLicence } from '@siteswap/sdk/plugin/kit';
import { type CatalogVm, catalogEnd, writeCatalog } from './catalog.ts';
import { type ComputeState, readCompute, withCompute } from './compute.ts';
import { format, makeDirectory, namesIn, writeJson } from './durable.ts';
import { failure } from './faults.ts';
import { extentBytes } from './limits.ts';
import { kill, readMachine } from './machine.ts';
import { diskOf, mountVerbs } from './mounts.ts';
import { withExport } from './nbd.ts';
import { computeFile } from './places.ts';
import { powerOn } from './power.ts';
import type { ComputeSession } from './session.ts';

export type { ComputeSession } from './session.ts';

/** A compute in a directory, which knows no VM yet. */
export const provisionCompute = async (directory: string): Promise<void> => {
  await makeDirectory(directory);
  const state: ComputeState = { format, uuid: randomUUID(), vms: {}, ...emptyMemory };
  await writeJson(computeFile(directory), state);
};

export interface VmSpec {
  readonly id: string;
  /** Position of this disk among the VM's. Default: 0. */
  readonly disk?: number;
  /** What its disk begins with: a boot sector. */
  readonly image?: Buffer;
}

/** Again: it is cheap, and gives back what an array's daemon that died had exported. */
const mountAll = async (session: ComputeSession, ids: readonly string[]): Promise<void> => {
  const targets = ids.map((id) => ({ id, instance: 'production' as const }));
  const call = { ...ownLicence(), session, targets, args: {}, attempt: 1 };
  for (const answer of await mountVerbs.mount.run(call)) {
    if ('fault' in answer) throw failure(answer.fault.kind, answer.fault.message);
  }
};

/** Mounts a datastore and puts VMs on it, each on its own part of the device. */
export const populate = async (
  session: ComputeSession,
  datastoreId: string,
  vms: readonly VmSpec[],
): Promise<void> => {
  await mountAll(session, [datastoreId]);
  const { address, exportName } = await diskOf(session, datastoreId, 'production');
  await withExport(address, exportName, async (opened) => {
    const entries: CatalogVm[] = [];
    for (const [index, { id, disk = 0, image }] of vms.entries()) {
      const extent = { offset: catalogEnd + index * extentBytes, length: extentBytes };
      if (image !== undefined) await opened.write(extent.offset, image);
      entries.push({ id, name: id, disk, extent });
    }
    const catalog = { datastoreId, name: datastoreId, vms: entries, files: {} };
    await writeCatalog(opened, catalog);
  });
};

/** Registers a VM without asking its datastores: they were populated by the same hand. */
export const enrol = (
  session: ComputeSession,
  id: string,
  datastoreIds: readonly string[],
): Promise<void> =>
  withCompute(session, ownLicence(), ({ state, commit }) => {
    const vm = { id, instance: 'production' as const, name: id, datastoreIds };
    return commit({ ...state, vms: { ...state.vms, [`production/${id}`]: vm } });
  });

/** Pulls the plug of every VM at a compute, whoever runs it. */
export const endVms = async (directory: string): Promise<void> => {
  for (const instance of ['production', 'test'] as const) {
    for (const name of await namesIn(join(directory, 'vms', instance))) {
      const at = { directory, instance, id: decodeURIComponent(name) };
      const machine = await readMachine(at);
      if (machine !== undefined) await kill(at, machine.token);
    }
  }
};

/**
 * Starts VMs that were enrolled, one after the other: anew each time, whatever ended them. What
 * they stand on is mounted again first.
 */
export const startVms = async (session: ComputeSession, ids: readonly string[]): Promise<void> => {
  const { vms } = await readCompute(session);
  const datastores = ids.flatMap((id) => vms[`production/${id}`]?.datastoreIds ?? []);
  await mountAll(session, [...new Set(datastores)]);
  for (const id of ids) {
    const licence = { ...ownLicence(), key: `start/${randomUUID()}` };
    await powerOn(session, licence, { id, instance: 'production' });
  }
};
