/** Starting and ending VMs, and letting those go on that came over and wait for the word. */
import { randomBytes } from 'node:crypto';
import type { Evidence, Settlement, VmTarget } from '@siteswap/sdk/plugin';
import {
  admit,
  checkDeadline,
  type Licence,
  ownLicence,
  recall,
  remember,
} from '@siteswap/sdk/plugin/kit';
import { metroUnder, serveHere, writersLock } from './carried.ts';
import { type ComputeState, type Registered, readCompute, vmLock, withCompute } from './compute.ts';
import { disksOf } from './disks.ts';
import { format } from './durable.ts';
import { failure, isUnreachable, QmpLost } from './faults.ts';
import { guestMsMax, pressMsMin, settleOffMsMax } from './limits.ts';
import { waitFor, withLocks } from './locks.ts';
import {
  isOn,
  isPausedComplete,
  kill,
  type Look,
  launch,
  lookAt,
  type Machine,
  readSerial,
  reserve,
  withMonitor,
} from './machine.ts';
import { describe } from './machines.ts';
import { clearMarks, isCompleted, markCompleted, readMarks } from './marks.ts';
import { concludeCut } from './moves.ts';
import { atOf, placeOf, type VmAt } from './places.ts';
import type { Qmp } from './qmp.ts';
import type { ComputeSession } from './session.ts';

const whatOf = (verb: string, target: VmTarget): string => `${verb}/${placeOf(target)}`;

/** Runs `body` alone with the VM; a success of the same key is answered without it. */
const withVm = async (
  compute: ComputeSession,
  call: Licence,
  verb: string,
  target: VmTarget,
  body: (state: ComputeState) => Promise<Evidence>,
): Promise<Evidence> => {
  const what = whatOf(verb, target);
  const first = await readCompute(compute);
  return withLocks([vmLock(first, target)], call.signal, async () => {
    const state = await readCompute(compute);
    const known = recall(state, call.key, what);
    if (known !== undefined) return known;
    admit(state, call);
    checkDeadline(call);
    const evidence = await body(state);
    await withCompute(compute, ownLicence(), (held) =>
      held.commit(remember(admit(held.state, call), { key: call.key, what, evidence })),
    );
    return evidence;
  });
};

const registeredIn = ({ vms }: ComputeState, target: VmTarget): Registered => {
  const vm = vms[placeOf(target)];
  if (vm !== undefined) return vm;
  throw failure('missing', `VM ${target.id} is not registered here as ${target.instance}`, {
    hint: 'Register it first.',
  });
};

export const letGoOn = (at: VmAt, { token }: Machine, signal: AbortSignal): Promise<unknown> =>
  withMonitor(at, token, 'change', signal, (qmp) => qmp.must('cont'));

const evidenceOf = async (at: VmAt, machine: Machine): Promise<Evidence> => {
  const { resumedAt } = readSerial(at, machine);
  return { bootId: machine.bootId, ...(resumedAt === undefined ? {} : { resumedAt }) };
};

/**
 * All of it is here and waits: it is this compute's from now on. Who calls has seen to it that its
 * source cannot write any more.
 */
export const adopt = async (
  compute: ComputeSession,
  target: VmTarget,
  machine: Machine,
  signal: AbortSignal,
): Promise<void> => {
  const at = atOf(compute, target);
  const marks = await readMarks(at);
  if (machine.arrival !== undefined && marks !== undefined && !isCompleted(marks)) {
    await markCompleted(at, machine.arrival);
  }
  await letGoOn(at, machine, signal);
};

/** Its place among the compute's VMs, in case nobody was left to give it one. */
const ensureRegistered = (compute: ComputeSession, target: VmTarget): Promise<void> =>
  withCompute(compute, ownLicence(), async (held) => {
    if (held.state.vms[placeOf(target)] !== undefined) return;
    const vm = await describe(compute, target, ownLicence().signal);
    await held.commit({ ...held.state, vms: { ...held.state.vms, [placeOf(target)]: vm } });
  });

const boot = async (
  compute: ComputeSession,
  state: ComputeState,
  target: VmTarget,
  signal: AbortSignal,
): Promise<Evidence> => {
  const at = atOf(compute, target);
  const vm = registeredIn(state, target);
  const groups = await metroUnder(compute, vm);
  return withLocks(groups.map(writersLock), signal, async () => {
    for (const group of groups) await serveHere(compute, group, { ...ownLicence(), signal });
    const disks = await disksOf(compute, vm);
    const running = Object.keys(state.vms).indexOf(placeOf(target));
    const host = compute.hosts[running % compute.hosts.length] as string;
    const token = randomBytes(8).toString('hex');
    const machine = { format, token, bootId: randomBytes(8).toString('hex'), host };
    await clearMarks(at);
    await (await reserve(at, machine)).kept;
    const qmp = await launch(at, machine, disks, signal);
    try {
      await qmp.must('cont');
    } finally {
      await qmp.close();
    }
    return evidenceOf(at, machine);
  });
};

/** What is left of a process that can never run again makes room. */
const clearAway = async (at: VmAt, { status, machine }: Look): Promise<void> => {
  if (machine === undefined || status === 'gone') return;
  if (status === 'inmigrate') {
    throw failure('conflict', `a shell of VM ${at.id} is here: it has not come over`, {
      hint: 'Cancel its migration here, then power it on.',
    });
  }
  await kill(at, machine.token);
};

export const powerOn = (
  compute: ComputeSession,
  call: Licence,
  target: VmTarget,
): Promise<Evidence> =>
  withVm(compute, call, 'powerOn', target, async (state) => {
    const at = atOf(compute, target);
    await concludeCut(compute, target);
    const look = await lookAt(at, call.signal);
    const { machine } = look;
    if (machine !== undefined && (isOn(look) || isPausedComplete(look))) {
      if (isPausedComplete(look)) await adopt(compute, target, machine, call.signal);
      await ensureRegistered(compute, target);
      return evidenceOf(at, machine);
    }
    registeredIn(state, target);
    await clearAway(at, look);
    return boot(compute, await readCompute(compute), target, call.signal);
  });

/** A start that was cut short stands paused and never ran: it is ended, so it cannot come late. */
export const settlePowerOn = async (
  compute: ComputeSession,
  call: Licence,
  target: VmTarget,
): Promise<Settlement> => {
  const { id } = target;
  const first = await readCompute(compute);
  return withLocks([vmLock(first, target)], call.signal, async (): Promise<Settlement> => {
    const known = recall(await readCompute(compute), call.key, whatOf('powerOn', target));
    if (known !== undefined) return { id, verdict: 'done', evidence: known };
    const at = atOf(compute, target);
    const look = await lookAt(at, call.signal);
    const { machine, status } = look;
    if (machine === undefined) return { id, verdict: 'absent' };
    if (isOn(look)) return { id, verdict: 'done', evidence: await evidenceOf(at, machine) };
    if (status === 'prelaunch') await kill(at, machine.token);
    return { id, verdict: 'absent' };
  });
};

const isEnded = async (at: VmAt, signal: AbortSignal): Promise<true | undefined> =>
  (await lookAt(at, signal)).status === 'gone' ? true : undefined;

/** The VM ended while it was asked to. */
const ignoreEnd = (error: unknown): void => {
  if (!(error instanceof QmpLost) && !isUnreachable(error)) throw error;
};

/** Presses the power button; a guest that goes on is a fault, given before the deadline. */
export const shutDown = (
  compute: ComputeSession,
  call: Licence,
  target: VmTarget,
): Promise<Evidence> =>
  withVm(compute, call, 'shutDown', target, async (state) => {
    registeredIn(state, target);
    const at = atOf(compute, target);
    const { machine, status } = await lookAt(at, call.signal);
    if (machine === undefined || status === 'gone') return {};
    // A guest that still boots does not see the button: it is pressed until the guest is off.
    const pressed = async (): Promise<true | undefined> => {
      const press = (qmp: Qmp) => qmp.must('system_powerdown');
      await withMonitor(at, machine.token, 'change', call.signal, press).catch(ignoreEnd);
      return waitFor(() => isEnded(at, call.signal), pressMsMin, call.signal);
    };
    const waitMsMax = Math.min(guestMsMax, (call.deadlineMs - Date.now()) / 2);
    if (await waitFor(pressed, waitMsMax, call.signal)) return {};
    throw failure(call.signal.aborted ? 'timeout' : 'refused', `VM ${target.id} does not stop`, {
      code: 'QEMU_GUEST',
      hint: 'Power it off.',
    });
  });

/** Pulls the plug. */
export const powerOff = (
  compute: ComputeSession,
  call: Licence,
  target: VmTarget,
): Promise<Evidence> =>
  withVm(compute, call, 'powerOff', target, async (state) => {
    registeredIn(state, target);
    const at = atOf(compute, target);
    const { machine } = await lookAt(at, call.signal);
    if (machine !== undefined) await kill(at, machine.token);
    return {};
  });

/**
 * Done when the VM is off, however that came. The button works soon or never: a VM that is still on
 * after a while has not got an order that could yet end it.
 */
export const settleOff = async (
  compute: ComputeSession,
  call: Licence,
  target: VmTarget,
): Promise<Settlement> => {
  const { signal } = call;
  const off = () => isEnded(atOf(compute, target), signal);
  const done = await waitFor(off, settleOffMsMax, signal);
  return { id: target.id, verdict: done ? 'done' : 'absent' };
};
