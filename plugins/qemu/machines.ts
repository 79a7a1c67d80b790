/** Registrations: which VMs a compute knows, and what it knows of them. */
import type { Instance, VmStatus, VmTarget } from '@siteswap/sdk/plugin';
import type { ComputeState, HeldCompute, Registered } from './compute.ts';
import { readDatastore } from './disks.ts';
import { failure } from './faults.ts';
import { datastoresMax } from './limits.ts';
import { isOn, lookAt, readSerial } from './machine.ts';
import { clearMarks } from './marks.ts';
import { type Licence, ownLicence } from './memory.ts';
import { listDatastores } from './mounts.ts';
import { atOf, placeOf } from './places.ts';
import type { ComputeSession } from './session.ts';

/** A change of a compute's records. */
export type Change<T> = (
  compute: ComputeSession,
  held: HeldCompute,
  target: T,
  licence: Licence,
) => Promise<ComputeState>;

const mountedIn = async (compute: ComputeSession, instance: Instance, signal: AbortSignal) => {
  const call = { ...ownLicence(), session: compute, signal, attempt: 1 };
  const { items } = await listDatastores({ ...call, page: { sizeMax: datastoresMax } });
  return items.filter((one) => one.mounted && one.instance === instance).map(({ id }) => id);
};

/** A VM as the mounted datastores tell it. */
export const describe = async (
  compute: ComputeSession,
  { id, instance, datastoreIds }: VmTarget,
  signal: AbortSignal,
): Promise<Registered> => {
  const mounted = await mountedIn(compute, instance, signal);
  const absent = (datastoreIds ?? []).filter((wanted) => !mounted.includes(wanted));
  const on: string[] = [];
  let name = id;
  for (const datastoreId of absent.length > 0 ? [] : (datastoreIds ?? mounted)) {
    const { vms } = await readDatastore(compute, datastoreId, instance);
    const entry = vms.find((vm) => vm.id === id);
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
  const vm = await describe(compute, target, signal);
  return { ...state, vms: { ...state.vms, [placeOf(target)]: vm } };
};

/** Not registered is success. */
export const unregister: Change<VmTarget> = async (compute, { state }, target, { signal }) => {
  const at = atOf(compute, target);
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
  return { ...known, bootId: machine.bootId, ...(await readSerial(at, machine)) };
};
