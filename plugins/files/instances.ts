/** The copies of VMs among what is mounted, by the ids inside, and which of them was chosen. */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import {
  type FoundInstance,
  recordAmong,
  type ValueAnswer,
  type VmTarget,
} from '@siteswap/sdk/plugin';
import { standingVms } from './catalog.ts';
import { type ComputeState, type Found, openMount, placeOf } from './compute.ts';
import { failure, faultOrUnknown } from './faults.ts';
import type { Extent } from './heartbeat.ts';
import { imageFile } from './layout.ts';
import { chunkBytes } from './limits.ts';
import { checkOnSite } from './machines.ts';
import type { ComputeSession } from './session.ts';
import { runningVm } from './vm-process.ts';

/** Of a part of an image: what a record names its disks' bytes by. */
export const digestOfExtent = async (image: string, extent: Extent): Promise<string> => {
  const hash = createHash('sha256');
  const handle = await open(image, 'r');
  try {
    const chunk = Buffer.alloc(Math.min(chunkBytes, extent.length));
    for (let at = 0; at < extent.length; ) {
      const want = Math.min(chunk.length, extent.length - at);
      const { bytesRead } = await handle.read(chunk, 0, want, extent.offset + at);
      if (bytesRead === 0) throw failure('corrupt', `${image} ends inside a VM's disk`);
      hash.update(chunk.subarray(0, bytesRead));
      at += bytesRead;
    }
  } finally {
    await handle.close();
  }
  return hash.digest('hex');
};

interface Opened extends Found {
  readonly image: string;
}

/** Every mounted datastore of an instance, read once for all that is asked. */
const openAll = async (
  { mounts }: ComputeState,
  instance: VmTarget['instance'],
): Promise<readonly Opened[]> => {
  const opened: Opened[] = [];
  for (const mount of Object.values(mounts)) {
    if (mount.instance !== instance) continue;
    const found = await openMount(mount);
    const image = imageFile(found.at.directory, found.disk.deviceId, instance);
    opened.push({ ...found, image });
  }
  return opened;
};

const copyIn = async (
  { catalog, image }: Opened,
  vmId: string,
  digests: boolean,
): Promise<FoundInstance | undefined> => {
  const entry = catalog.vms.find(({ id }) => id === vmId);
  const record = recordAmong(catalog.files, vmId);
  if (entry === undefined && record === undefined) return undefined;
  const digest = digests && entry !== undefined ? await digestOfExtent(image, entry.extent) : '';
  return {
    datastoreId: catalog.datastoreId,
    disks: entry === undefined ? [] : [`disk-${entry.disk}`],
    ...(record === undefined ? {} : { record }),
    ...(digest === '' ? {} : { digest }),
  };
};

/** What each mounted datastore holds of each VM. */
export const findInstances = async (
  compute: ComputeSession,
  state: ComputeState,
  targets: readonly VmTarget[],
  digests: boolean,
): Promise<readonly ValueAnswer<readonly FoundInstance[]>[]> => {
  const instance = targets[0]?.instance ?? 'production';
  const opened = await openAll(state, instance);
  const answers: ValueAnswer<readonly FoundInstance[]>[] = [];
  for (const { id } of targets) {
    const choice = state.choices?.[placeOf(instance, id)];
    try {
      const value: FoundInstance[] = [];
      for (const one of opened) {
        const copy = await copyIn(one, id, digests);
        if (copy === undefined) continue;
        value.push(choice ? { ...copy, chosen: choice.includes(copy.datastoreId) } : copy);
      }
      if (value.length === 0) await checkOnSite(compute, id);
      answers.push({ id, value });
    } catch (error) {
      answers.push({ id, fault: faultOrUnknown(error) });
    }
  }
  return answers;
};

/** Notes which copy is the VM; every other is kept, and neither registered nor started. */
export const chooseInstance = async (
  compute: ComputeSession,
  state: ComputeState,
  { id, instance, datastoreIds = [] }: VmTarget,
): Promise<ComputeState> => {
  const place = placeOf(instance, id);
  await checkOnSite(compute, id);
  for (const datastoreId of datastoreIds) {
    const mount = state.mounts[placeOf(instance, datastoreId)];
    if (mount === undefined) {
      throw failure('conflict', `datastore ${datastoreId} of VM ${id} is not mounted`);
    }
    const { catalog } = await openMount(mount);
    if (standingVms(catalog).some((vm) => vm.id === id)) continue;
    throw failure('conflict', `datastore ${datastoreId} holds no whole copy of VM ${id}`);
  }
  if (datastoreIds.length === 0) throw failure('refused', `no datastore is named for VM ${id}`);
  const vm = state.vms[place];
  const isSame = vm?.datastoreIds.join() === datastoreIds.join();
  if (!isSame && runningVm(compute.directory, instance, id) !== undefined) {
    throw failure('conflict', `VM ${id} runs from another copy`, { hint: 'Power it off first.' });
  }
  const vms = vm === undefined ? state.vms : { ...state.vms, [place]: { ...vm, datastoreIds } };
  return { ...state, vms, choices: { ...state.choices, [place]: datastoreIds } };
};
