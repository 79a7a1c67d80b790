/** The copies of VMs among what is mounted, by the ids inside, and which of them was chosen. */
import { createHash } from 'node:crypto';
import { type FoundInstance, recordAmong, type VmTarget } from '@siteswap/sdk/plugin';
import type { Extent } from './catalog.ts';
import type { ComputeState } from './compute.ts';
import { readDatastore, withDatastore } from './disks.ts';
import { failure } from './faults.ts';
import { digestBytes } from './limits.ts';
import { lookAt } from './machine.ts';
import type { Change } from './machines.ts';
import { type Mounted, mountedAt } from './mounts.ts';
import type { Export } from './nbd.ts';
import { atOf, placeOf } from './places.ts';
import type { ComputeSession } from './session.ts';

/** Of a part of a device: what a record names its disks' bytes by. */
export const digestOf = async (opened: Export, { offset, length }: Extent): Promise<string> => {
  const hash = createHash('sha256');
  for (let at = 0; at < length; at += digestBytes) {
    hash.update(await opened.read(offset + at, Math.min(digestBytes, length - at)));
  }
  return hash.digest('hex');
};

const copyOn = (
  compute: ComputeSession,
  datastoreId: string,
  { id, instance }: VmTarget,
  digests: boolean,
): Promise<FoundInstance | undefined> =>
  withDatastore(compute, datastoreId, instance, async (catalog, opened) => {
    const entry = catalog.vms.find((vm) => vm.id === id);
    const record = recordAmong(catalog.files, id);
    if (entry === undefined && record === undefined) return undefined;
    const isRead = digests && entry !== undefined;
    return {
      datastoreId,
      disks: entry === undefined ? [] : [`disk-${entry.disk}`],
      ...(record === undefined ? {} : { record }),
      ...(isRead ? { digest: await digestOf(opened, entry.extent) } : {}),
    };
  });

/** What each mounted datastore that can be opened, or that the VM is said to be on, holds of it. */
export const findInstances = async (
  compute: ComputeSession,
  state: ComputeState,
  target: VmTarget,
  { digests, signal }: { readonly digests: boolean; readonly signal: AbortSignal },
): Promise<readonly FoundInstance[]> => {
  const choice = state.choices?.[placeOf(target)];
  const found: FoundInstance[] = [];
  const { instance, datastoreIds = [] } = target;
  for (const { id: datastoreId, waits } of await mountedAt(compute, instance, signal)) {
    if (waits && !datastoreIds.includes(datastoreId)) continue;
    const copy = await copyOn(compute, datastoreId, target, digests);
    if (copy === undefined) continue;
    found.push(choice === undefined ? copy : { ...copy, chosen: choice.includes(datastoreId) });
  }
  if (found.length > 0 || state.vms[placeOf(target)] !== undefined) return found;
  throw failure('missing', `no mounted datastore holds anything of VM ${target.id}`);
};

/** Refuses a VM that is neither registered here nor anywhere on what is mounted. */
const expectKnown = async (
  compute: ComputeSession,
  state: ComputeState,
  target: VmTarget,
  mounted: readonly Mounted[],
): Promise<void> => {
  if (state.vms[placeOf(target)] !== undefined) return;
  for (const { id: datastoreId, waits } of mounted) {
    if (waits) continue;
    const { vms } = await readDatastore(compute, datastoreId, target.instance);
    if (vms.some(({ id }) => id === target.id)) return;
  }
  throw failure('missing', `no mounted datastore holds anything of VM ${target.id}`);
};

/** Notes which copy is the VM; every other is kept, and neither registered nor started. */
export const chooseInstance: Change<VmTarget> = async (compute, { state }, target, { signal }) => {
  const { id, instance, datastoreIds = [] } = target;
  const place = placeOf(target);
  if (datastoreIds.length === 0) throw failure('refused', `no datastore is named for VM ${id}`);
  const mounted = await mountedAt(compute, instance, signal);
  const absent = datastoreIds.find((one) => !mounted.some(({ id }) => id === one));
  if (absent !== undefined) {
    await expectKnown(compute, state, target, mounted);
    throw failure('conflict', `datastore ${absent} of VM ${id} is not mounted`);
  }
  for (const datastoreId of datastoreIds) {
    const { vms } = await readDatastore(compute, datastoreId, instance);
    const isWhole = vms.some((vm) => vm.id === id && vm.copyOf === undefined);
    if (!isWhole)
      throw failure('conflict', `datastore ${datastoreId} holds no whole copy of ${id}`);
  }
  const vm = state.vms[place];
  const isSame = vm?.datastoreIds.join() === datastoreIds.join();
  if (!isSame && (await lookAt(atOf(compute, target), signal)).status !== 'gone') {
    throw failure('conflict', `VM ${id} runs from another copy`, { hint: 'Power it off first.' });
  }
  const vms = vm === undefined ? state.vms : { ...state.vms, [place]: { ...vm, datastoreIds } };
  return { ...state, vms, choices: { ...state.choices, [place]: datastoreIds } };
};
