/**
 * Starting and ending VMs. A boot is named in the compute's state before its process is started,
 * and the process goes on only while its boot is still named: a start that was cut short anywhere
 * can be given up for good, which is what lets `settle` say `absent`.
 */
import { randomBytes } from 'node:crypto';
import type { Evidence, Settlement, VmTarget } from '@siteswap/sdk/plugin';
import { admit, type Licence, recall, remember, unbound } from '@siteswap/sdk/plugin/kit';
import { standingVms } from './catalog.ts';
import {
  type Boot,
  type HeldCompute,
  openMount,
  placeOf,
  type Registered,
  type VmDisk,
  withCompute,
} from './compute.ts';
import { makeDirectory } from './durable.ts';
import { failure } from './faults.ts';
import { vmDirectory, vmLog } from './layout.ts';
import { bootMsMax, drainMsMax, guestMsMax, killMsMax } from './limits.ts';
import { register } from './machines.ts';
import { readMarks, statusOfArrival } from './marks.ts';
import { type VmAt, withdraw } from './migration.ts';
import { concludeMove } from './move.ts';
import { isAlive, type ProcessRef, signalProcess, startDetached, waitUntil } from './processes.ts';
import { licenceOf } from './seats.ts';
import type { ComputeSession } from './session.ts';
import { readVmProcess, runningVm, type VmProcess } from './vm-process.ts';

const whatOf = (verb: string, { instance, id }: VmTarget): string =>
  `${verb}/${placeOf(instance, id)}`;

const registeredOf = ({ state }: HeldCompute, { instance, id }: VmTarget): Registered => {
  const vm = state.vms[placeOf(instance, id)];
  if (vm !== undefined) return vm;
  throw failure('missing', `VM ${id} is not registered here as ${instance}`, {
    hint: 'Register it first.',
  });
};

/** Where the VM's disks are now; refuses unless each can be written. */
const disksOf = async (
  { state }: HeldCompute,
  vm: Registered,
): Promise<Pick<Boot, 'disks' | 'ignoresShutDown'>> => {
  const disks: VmDisk[] = [];
  let ignoresShutDown = false;
  for (const datastoreId of vm.datastoreIds) {
    const mount = state.mounts[placeOf(vm.instance, datastoreId)];
    if (mount === undefined) {
      throw failure('conflict', `datastore ${datastoreId} of VM ${vm.id} is not mounted`);
    }
    const { disk, group, catalog } = await openMount(mount);
    licenceOf(group, vm.instance);
    const entry = standingVms(catalog).find(({ id }) => id === vm.id);
    if (entry === undefined) {
      throw failure('missing', `VM ${vm.id} is not on datastore ${datastoreId}`);
    }
    disks[entry.disk] = { ...disk, datastoreId, extent: entry.extent };
    ignoresShutDown ||= entry.ignoresShutDown === true;
  }
  return { disks, ignoresShutDown };
};

const withBoot = (held: HeldCompute, vm: Registered, boot: Boot | undefined) => {
  const { boot: old, ...rest } = vm;
  const next = boot === undefined ? rest : { ...rest, boot };
  return { ...held.state, vms: { ...held.state.vms, [placeOf(vm.instance, vm.id)]: next } };
};

const running = ({ directory }: { readonly directory: string }, { instance, id }: VmTarget) =>
  runningVm(directory, instance, id);

/** Names a new boot, unless one is under way already; answers its id. */
const nameBoot = (compute: ComputeSession, call: Licence, target: VmTarget): Promise<string> =>
  withCompute(compute.directory, call, async (held) => {
    const vm = registeredOf(held, target);
    admit(held.state, call);
    const alive = running(compute, target);
    if (alive !== undefined) return alive.bootId;
    const bootId = randomBytes(16).toString('hex');
    const boot = { bootId, heartbeatMs: compute.heartbeatMs, ...(await disksOf(held, vm)) };
    const next = withBoot(held, vm, boot);
    await held.commit(admit(next, call));
    return bootId;
  });

const bootOf = ({ bootId, resumedAt }: VmProcess): Evidence => ({
  bootId,
  resumedAt: resumedAt ?? 0,
});

/** A VM that ended before its first heartbeat says why in its own words. */
const refusalOf = (target: VmTarget, found: VmProcess | undefined, bootId: string): Error => {
  const reason = found?.bootId === bootId ? found.reason : undefined;
  if (reason === undefined) return failure('busy', `VM ${target.id} did not start in time`);
  const conflict = /^(conflict|fenced): /.exec(reason);
  return failure(conflict === null ? 'refused' : 'conflict', `VM ${target.id} ended: ${reason}`);
};

const launch = async (
  compute: ComputeSession,
  target: VmTarget,
  bootId: string,
): Promise<ProcessRef> => {
  const { directory } = compute;
  const vm = vmDirectory(directory, target.instance, target.id);
  await makeDirectory(vm);
  return startDetached('vm', [directory, target.instance, target.id, bootId], vmLog(vm));
};

/** What came over whole goes on by itself in a moment; then it is on, and registered here. */
const letArrive = async (
  compute: ComputeSession,
  call: Licence,
  target: VmTarget,
): Promise<void> => {
  const at: VmAt = { directory: compute.directory, instance: target.instance, id: target.id };
  const marks = await readMarks(at);
  const arrival = marks && statusOfArrival(at, marks).arrival;
  if (arrival === undefined || arrival.execution === 'absent') return;
  const arrives = () => readVmProcess(at.directory, at.instance, at.id)?.phase === 'arriving';
  if (arrival.execution === 'paused-incoming') {
    throw failure('conflict', `a shell of VM ${target.id} is here: it has not come over`, {
      hint: 'Cancel its migration here, then power it on.',
    });
  }
  await waitUntil(() => !arrives(), bootMsMax, call.signal);
  await withCompute(compute.directory, call, async (held) => {
    if (held.state.vms[placeOf(target.instance, target.id)] !== undefined) return;
    admit(held.state, call);
    await held.commit(await register(compute, held, target));
  });
};

/** Starts the VM and waits for its first heartbeat. */
export const powerOn = async (
  compute: ComputeSession,
  call: Licence,
  target: VmTarget,
): Promise<Evidence> => {
  const what = whatOf('powerOn', target);
  const known = await withCompute(compute.directory, call, async ({ state }) =>
    recall(state, call.key, what),
  );
  if (known !== undefined) return known;
  // What was sealed when the VM ended decides where it starts.
  await concludeMove({ directory: compute.directory, instance: target.instance, id: target.id });
  await letArrive(compute, call, target);
  const bootId = await nameBoot(compute, call, target);
  const read = () => readVmProcess(compute.directory, target.instance, target.id);
  const launched = read()?.bootId === bootId ? undefined : await launch(compute, target, bootId);
  const over = (): boolean => {
    const found = read();
    if (found?.bootId === bootId) return found.phase !== 'starting' || !isAlive(found);
    return launched !== undefined && !isAlive(launched);
  };
  await waitUntil(over, bootMsMax, call.signal);
  return withCompute(compute.directory, unbound(call), async (held) => {
    const alive = running(compute, target);
    if (alive?.phase !== 'running') {
      const found = read();
      if (launched !== undefined) await giveUp(held, target, bootId, launched);
      throw refusalOf(target, found, bootId);
    }
    // Another call's boot may have come first: the VM is on all the same.
    const evidence = bootOf(alive);
    await held.commit(remember(admit(held.state, call), { key: call.key, what, evidence }));
    return evidence;
  });
};

/** The boot is no longer named: its process ends itself, or is ended here. */
const giveUp = async (
  held: HeldCompute,
  target: VmTarget,
  bootId: string,
  process: ProcessRef | undefined,
): Promise<void> => {
  const vm = held.state.vms[placeOf(target.instance, target.id)];
  if (vm?.boot?.bootId === bootId) await held.commit(withBoot(held, vm, undefined));
  if (process !== undefined) signalProcess(process, 'SIGKILL');
};

/** What became of a start: a boot that got nowhere is given up, so that it cannot come late. */
export const settlePowerOn = (
  compute: ComputeSession,
  call: Licence,
  target: VmTarget,
): Promise<Settlement> =>
  withCompute(compute.directory, call, async (held) => {
    const { id } = target;
    const known = recall(held.state, call.key, whatOf('powerOn', target));
    if (known !== undefined) return { id, verdict: 'done', evidence: known };
    const alive = running(compute, target);
    if (alive?.phase === 'running') {
      return { id, verdict: 'done', evidence: bootOf(alive) };
    }
    if (alive !== undefined) return { id, verdict: 'running' };
    const boot = held.state.vms[placeOf(target.instance, id)]?.boot;
    if (boot !== undefined) await giveUp(held, target, boot.bootId, undefined);
    return { id, verdict: 'absent' };
  });

/** A VM that is to end goes nowhere; one that was handed over ends at the other compute. */
const stay = async ({ directory }: ComputeSession, target: VmTarget): Promise<void> => {
  const left = await withdraw({ directory, instance: target.instance, id: target.id });
  if (left?.state !== 'taken') return;
  throw failure('busy', `VM ${target.id} goes over to ${left.to.computeId} right now`);
};

interface Ending {
  readonly verb: 'shutDown' | 'powerOff';
  readonly signal: NodeJS.Signals;
  readonly waitMsMax: number;
}

/** Ends the VM by a signal and waits until it is gone. */
const end = async (
  compute: ComputeSession,
  call: Licence,
  target: VmTarget,
  { verb, signal, waitMsMax }: Ending,
): Promise<Evidence> => {
  const what = whatOf(verb, target);
  const alive = await withCompute(compute.directory, call, async (held) => {
    if (recall(held.state, call.key, what) !== undefined) return 'remembered';
    admit(held.state, call);
    registeredOf(held, target);
    const found = running(compute, target);
    await stay(compute, target);
    if (found !== undefined) signalProcess(found, signal);
    return found;
  });
  if (alive === 'remembered') return {};
  if (alive !== undefined && !(await waitUntil(() => !isAlive(alive), waitMsMax, call.signal))) {
    throw failure(call.signal.aborted ? 'timeout' : 'refused', `VM ${target.id} does not stop`, {
      code: 'FILES_GUEST',
      hint: 'Power it off.',
    });
  }
  await withCompute(compute.directory, unbound(call), async (held) => {
    const off = withBoot(held, registeredOf(held, target), undefined);
    await held.commit(remember(admit(off, call), { key: call.key, what, evidence: {} }));
  });
  return {};
};

/** Asks the guest to stop; a guest that does not is a fault, given before the deadline. */
export const shutDown = (
  compute: ComputeSession,
  call: Licence,
  target: VmTarget,
): Promise<Evidence> => {
  const waitMsMax = Math.min(guestMsMax, (call.deadlineMs - Date.now()) / 2);
  return end(compute, call, target, { verb: 'shutDown', signal: 'SIGTERM', waitMsMax });
};

/** Pulls the plug. */
export const powerOff = (
  compute: ComputeSession,
  call: Licence,
  target: VmTarget,
): Promise<Evidence> =>
  end(compute, call, target, { verb: 'powerOff', signal: 'SIGKILL', waitMsMax: killMsMax });

/**
 * Done when the VM is off, however that came. A signal works at once or, with a guest that will
 * not, never: a VM that is still on after a while has not got one that could yet end it.
 */
export const settleOff = async (
  compute: ComputeSession,
  call: Licence,
  target: VmTarget,
): Promise<Settlement> => {
  const off = (): boolean => running(compute, target) === undefined;
  const done = await waitUntil(off, drainMsMax, call.signal);
  return { id: target.id, verdict: done ? 'done' : 'absent' };
};
