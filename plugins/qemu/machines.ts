/** Registrations: which VMs a compute knows, and what it knows of them. */
import type { VmStatus, VmTarget } from '@siteswap/sdk/plugin';
import { type Licence, ownLicence } from '@siteswap/sdk/plugin/kit';
import type { ComputeState, HeldCompute, Registered } from './compute.ts';
import { readDatastore } from './disks.ts';
import { failure } from './faults.ts';
import { datastoresMax } from './limits.ts';
import { isOn, lookAt, readSerial } from './machine.ts';
import { clearMarks } from './marks.ts';
import { listDatastores, mountedAt } from './mounts.ts';
import { atOf, placeOf } from './places.ts';
import type { ComputeSession } from './session.ts';

/** A change of a compute's records. */
export type Change<T> = (
  compute: ComputeSession,
  held: HeldCompute,
  target: T,
  licence: Licence,
) => Promise<ComputeState>;

const datastoresSeen = async (compute: ComputeSession, signal: AbortSignal) => {
  const call = { ...ownLicence(), session: compute, signal, attempt: 1 };
  return (await listDatastores({ ...call, page: { sizeMax: datastoresMax } })).items;
};

/** Throws `missing` when the compute sees none of the datastores that the VM is said to be on. */
const checkSeen = async (
  compute: ComputeSession,
  { id, datastoreIds = [] }: VmTarget,
  signal: AbortSignal,
): Promise<void> => {
  if (datastoreIds.length === 0) return;
  const seen = await datastoresSeen(compute, signal);
  if (seen.some((one) => datastoreIds.includes(one.id))) return;
  const names = datastoreIds.join(', ');
  throw failure('missing', `compute ${compute.id} sees no datastore ${names} of VM ${id}`);
};

/** A VM as the mounted datastores tell it. */
export const describe = async (
  compute: ComputeSession,
  { id, instance, datastoreIds }: VmTarget,
  signal: AbortSignal,
): Promise<Registered> => {
  const mounted = await mountedAt(compute, instance, signal);
  const absent = (datastoreIds ?? []).filter((wanted) => !mounted.some(({ id }) => id === wanted));
  const on: string[] = [];
  let name = id;
  const looked = datastoreIds ?? mounted.filter(({ waits }) => !waits).map(({ id }) => id);
  for (const datastoreId of absent.length > 0 ? [] : looked) {
    const { vms } = await readDatastore(compute, datastoreId, instance);
    const entry = vms.find((vm) => vm.id === id && vm.copyOf === undefined);
    if (entry === undefined) continue;
    name = entry.name;
    on[entry.disk] = datastoreId;
  }
  if (on.length > 0 && !on.includes(undefined as never)) {
    return { id, instance, name, datastoreIds: on };
  }
  if (absent.length === 0) throw failure('missing', `no mounted datastore holds VM ${id}`);
  throw failure('conflict', `VM ${id}: datastore ${absent.join(', ')} is not mounted`, {
    hint: 'Mount it first.',
  });
};

export const register: Change<VmTarget> = async (compute, { state }, target, { signal }) => {
  await checkSeen(compute, target, signal);
  const chosen = state.choices?.[placeOf(target)];
  const from = chosen === undefined ? target : { ...target, datastoreIds: chosen };
  const vm = await describe(compute, from, signal);
  return { ...state, vms: { ...state.vms, [placeOf(target)]: vm } };
};

/** Not registered is success. */
export const unregister: Change<VmTarget> = async (compute, { state }, target, { signal }) => {
  const at = atOf(compute, target);
  if (state.vms[placeOf(target)] === undefined) await checkSeen(compute, target, signal);
  const { status } = await lookAt(at, signal);
  if (status !== 'gone') {
    throw failure('conflict', `VM ${target.id} runs`, { hint: 'Shut it down first.' });
  }
  await clearMarks(at);
  const { [placeOf(target)]: _, ...vms } = state.vms;
  return { ...state, vms };
};

/** `heartbeat` is the last one that its present or last boot had acknowledged. */
export const statusOfVm = async (
  compute: ComputeSession,
  state: ComputeState,
  target: VmTarget,
  signal: AbortSignal,
): Promise<VmStatus> => {
  const at = atOf(compute, target);
  const registered = state.vms[placeOf(target)] !== undefined;
  const look = await lookAt(at, signal);
  const { machine } = look;
  if (!registered && machine === undefined) {
    throw failure('missing', `VM ${target.id} is not known here as ${target.instance}`);
  }
  const power = isOn(look) ? 'on' : 'off';
  const known = { id: target.id, registered, power } as const;
  if (machine === undefined) return known;
  return { ...known, bootId: machine.bootId, ...readSerial(at, machine) };
};
