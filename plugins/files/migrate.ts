/** The verbs of live migration: they ask, withdraw and look; the VM's own processes do the rest. */
import { randomUUID } from 'node:crypto';
import type {
  Departure,
  Evidence,
  MigrationStatus,
  Settlement,
  VmTarget,
} from '@siteswap/sdk/plugin';
import {
  admit,
  checkDeadline,
  type Licence,
  recall,
  remember,
  unbound,
} from '@siteswap/sdk/plugin/kit';
import {
  type Boot,
  type ComputeState,
  computeOf,
  type DiskAt,
  type Mount,
  placeOf,
  readCompute,
  type VmDisk,
  withAdmitted,
  withCompute,
} from './compute.ts';
import { failure } from './faults.ts';
import { acceptsWriters, groupAt, readGroup } from './group.ts';
import { killMsMax, migrateCallMsMax } from './limits.ts';
import { clearMarks, isCompleted, readMarks, statusOfArrival } from './marks.ts';
import {
  conclude,
  evidenceOf,
  isOpen,
  type Migration,
  newestMigration,
  newMigration,
  readMigration,
  saveMigration,
  statusOfMigration,
  type VmAt,
  withdraw,
} from './migration.ts';
import { isAlive, signalProcess, waitUntil } from './processes.ts';
import type { ComputeSession } from './session.ts';
import { reachStorage } from './storage.ts';
import { readVmProcess, runningVm } from './vm-process.ts';

const whatOf = (verb: string, { instance, id }: VmTarget): string =>
  `${verb}/${placeOf(instance, id)}`;

const atOf = ({ directory }: { readonly directory: string }, target: VmTarget): VmAt => ({
  directory,
  instance: target.instance,
  id: target.id,
});

/** The other end of a device, at a compute that sees `arrays`; refuses what is not served there. */
const otherEnd = async (
  { directory, arrayId, groupId, deviceId }: DiskAt,
  arrays: Readonly<Record<string, string>>,
): Promise<DiskAt> => {
  const state = await readGroup(groupAt(await reachStorage(directory, arrayId), groupId));
  const peerId = state.devices.find(({ id }) => id === deviceId)?.peerId;
  const there = arrays[state.peerArrayId ?? ''];
  const { stretched } = state;
  if (stretched === undefined || there === undefined || peerId === undefined) {
    throw failure('refused', `device ${deviceId} is not served at the other compute too`, {
      code: 'FILES_NOT_STRETCHED',
      hint: 'Fail it over, or configure the array that the other compute sees.',
    });
  }
  if (stretched.isolated !== undefined || stretched.parted === true || !acceptsWriters(state)) {
    throw failure('conflict', `device ${deviceId} is served at one of its sites only`, {
      hint: 'Resync its group first.',
    });
  }
  return { arrayId: stretched.ends[1].arrayId, directory: there, groupId, deviceId: peerId };
};

const bootAt = async (boot: Boot, arrays: Readonly<Record<string, string>>): Promise<Boot> => {
  const disks: VmDisk[] = [];
  for (const disk of boot.disks) disks.push({ ...disk, ...(await otherEnd(disk, arrays)) });
  return { ...boot, disks };
};

const mountsAt = async (
  state: ComputeState,
  { instance }: VmTarget,
  datastoreIds: readonly string[],
  arrays: Readonly<Record<string, string>>,
): Promise<Mount[]> => {
  const mounts: Mount[] = [];
  for (const id of datastoreIds) {
    const mount = state.mounts[placeOf(instance, id)];
    if (mount === undefined) continue;
    mounts.push({ ...mount, disk: await otherEnd(mount.disk, arrays) });
  }
  return mounts;
};

/** The compute to go to, which answers. */
const targetOf = async (
  compute: ComputeSession,
  { signal }: Licence,
  toComputeId: string,
): Promise<ComputeSession> => {
  const to = compute.computes[toComputeId];
  if (to === undefined) {
    throw failure('missing', `compute ${compute.id} knows no compute ${toComputeId}`, {
      hint: 'Add it under `computes` of its configuration.',
    });
  }
  return computeOf({ ...compute, id: toComputeId, ...to }, signal);
};

/** Where the VM is already; undefined: not there. */
const alreadyAt = async (to: ComputeSession, target: VmTarget): Promise<Evidence | undefined> => {
  const alive = runningVm(to.directory, target.instance, target.id);
  if (alive === undefined) return undefined;
  const { interruptionMs = 0 } = (await newestMigration(atOf(to, target))) ?? {};
  return { bootId: alive.bootId, interruptionMs };
};

/** Puts the record down, for the VM's process to find. */
const ask = async (
  compute: ComputeSession,
  to: ComputeSession,
  call: Licence,
  target: VmTarget,
): Promise<Evidence | undefined> => {
  const { directory, id: computeId } = compute;
  await conclude(atOf(compute, target));
  return withCompute(directory, call, async (held) => {
    const { state } = held;
    const what = whatOf('migrateLive', target);
    const known = recall(state, call.key, what);
    if (known !== undefined) return known;
    const admitted = admit(state, call);
    const under = await readMigration(atOf(compute, target));
    if (under !== undefined && isOpen(under)) {
      if (under.key === call.key) return undefined;
      throw failure('busy', `VM ${target.id} is on its way to ${under.to.computeId} already`);
    }
    const vm = state.vms[placeOf(target.instance, target.id)];
    const alive = runningVm(directory, target.instance, target.id);
    const there = alive === undefined ? await alreadyAt(to, target) : undefined;
    if (there !== undefined) return there;
    if (vm === undefined) throw failure('missing', `VM ${target.id} is not registered here`);
    if (alive?.phase !== 'running' || vm.boot === undefined || target.instance === 'test') {
      throw failure('conflict', `VM ${target.id} does not run here`, { hint: 'Power it on.' });
    }
    const boot = await bootAt(vm.boot, to.arrays);
    const mounts = await mountsAt(state, target, vm.datastoreIds, to.arrays);
    await held.commit(admitted);
    checkDeadline(call);
    const from = { computeId, directory };
    const ends = { from, to: { computeId: to.id, directory: to.directory } };
    const made = { id: randomUUID(), key: call.key, what, ...ends, vm: { ...vm, boot }, mounts };
    await saveMigration(newMigration(made));
    return undefined;
  });
};

const faultOfEnded = (target: VmTarget, ended: Migration | undefined): Error => {
  if (ended?.state === 'cancelled') {
    return failure('interrupted', `the migration of VM ${target.id} was cancelled`);
  }
  return ended?.state === 'failed'
    ? failure('interrupted', `VM ${target.id} stays where it is: ${ended.reason ?? ''}`)
    : failure('timeout', `VM ${target.id} is still on its way`);
};

/** Asks, and waits until the VM goes on at the other compute, or stays. */
export const migrateLive = async (
  compute: ComputeSession,
  call: Licence,
  target: VmTarget,
  toComputeId: string,
): Promise<Evidence> => {
  const to = await targetOf(compute, call, toComputeId);
  const known = await ask(compute, to, call, target);
  if (known !== undefined) return known;
  const at = atOf(compute, target);
  let now: Migration | undefined;
  const over = async (): Promise<boolean> => {
    now = await conclude(at);
    return now === undefined || !isOpen(now);
  };
  await waitUntil(over, migrateCallMsMax, call.signal);
  if (now?.key === call.key && now.state === 'completed') return evidenceOf(now);
  throw faultOfEnded(target, now);
};

export const settleMigrate = async (
  compute: ComputeSession,
  call: Licence,
  target: VmTarget,
): Promise<Settlement> => {
  const { id } = target;
  await conclude(atOf(compute, target));
  return withCompute(compute.directory, call, async ({ state }): Promise<Settlement> => {
    const evidence = recall(state, call.key, whatOf('migrateLive', target));
    if (evidence !== undefined) return { id, verdict: 'done', evidence };
    const now = await readMigration(atOf(compute, target));
    const isRunning = now?.key === call.key && isOpen(now);
    return { id, verdict: isRunning ? 'running' : 'absent' };
  });
};

/** It came to here, or was about to, and nothing leads away again. */
const isShell = async (at: VmAt): Promise<boolean> =>
  (await readMarks(at)) !== undefined && (await readMigration(at).then((m) => !m || !isOpen(m)));

/** What came over is ended first; only then is it looked whether it had gone on here. */
const removeShell = async (
  compute: ComputeSession,
  call: Licence,
  target: VmTarget,
): Promise<Evidence> => {
  const at = atOf(compute, target);
  const found = readVmProcess(at.directory, at.instance, at.id);
  if (found?.phase === 'arriving') {
    checkDeadline(call);
    signalProcess(found, 'SIGKILL');
    if (!(await waitUntil(() => !isAlive(found), killMsMax, call.signal))) {
      throw failure('busy', `process ${found.pid} of VM ${target.id} does not end`);
    }
  }
  const marks = await readMarks(at);
  if (marks !== undefined && isCompleted(marks)) {
    throw failure('conflict', `VM ${target.id} has come over already: it is this compute's`);
  }
  return withCompute(compute.directory, unbound(call), async (held) => {
    await clearMarks(at);
    const what = whatOf('cancelMigration', target);
    await held.commit(remember(admit(held.state, call), { key: call.key, what, evidence: {} }));
    return {};
  });
};

/** Nothing to cancel: success. A VM that has moved stays where it is, and the answer says so. */
export const cancelMigration = async (
  compute: ComputeSession,
  call: Licence,
  target: VmTarget,
): Promise<Evidence> => {
  const what = whatOf('cancelMigration', target);
  await withAdmitted(compute.directory, call, async () => undefined);
  if (await isShell(atOf(compute, target))) return removeShell(compute, call, target);
  const newest = await newestMigration(atOf(compute, target));
  if (newest === undefined) await mustKnow(compute, target);
  const source = atOf(newest?.from ?? compute, target);
  const left = await withCompute(source.directory, call, async ({ state }) => {
    admit(state, call);
    checkDeadline(call);
    return withdraw(source);
  });
  if (left?.state === 'taken') {
    await waitUntil(async () => (await conclude(source))?.state !== 'taken', migrateCallMsMax);
  }
  const ended = await readMigration(source);
  if (
    ended?.state === 'completed' &&
    runningVm(source.directory, target.instance, target.id) === undefined
  ) {
    throw failure('conflict', `VM ${target.id} goes on at ${ended.to.computeId} already`);
  }
  await withCompute(compute.directory, unbound(call), async (held) => {
    await held.commit(remember(admit(held.state, call), { key: call.key, what, evidence: {} }));
  });
  return {};
};

export const settleCancel = (
  compute: ComputeSession,
  call: Licence,
  target: VmTarget,
): Promise<Settlement> =>
  withCompute(compute.directory, call, async ({ state }): Promise<Settlement> => {
    const known = recall(state, call.key, whatOf('cancelMigration', target));
    const now = await readMigration(atOf(compute, target));
    const done = known !== undefined || now?.state === 'cancelled';
    return { id: target.id, verdict: done ? 'done' : 'absent' };
  });

/** Refuses a VM that this compute has never had. */
const mustKnow = async ({ directory }: ComputeSession, target: VmTarget): Promise<void> => {
  const { vms } = await readCompute(directory);
  if (vms[placeOf(target.instance, target.id)] !== undefined) return;
  if (readVmProcess(directory, target.instance, target.id) !== undefined) return;
  throw failure('missing', `VM ${target.id} is not known here as ${target.instance}`);
};

/** Its guest as this compute, which it leaves or left, has it. */
const departureOf = (at: VmAt, left: Migration): Departure => {
  if (runningVm(at.directory, at.instance, at.id) === undefined) return 'gone';
  if (left.state === 'asked') return 'migrating';
  return isOpen(left) ? 'switching' : 'running';
};

/** Of a migration to here nothing but what stands here is read: its source may be lost. */
export const migrationStatus = async (
  compute: ComputeSession,
  target: VmTarget,
): Promise<MigrationStatus> => {
  const at = atOf(compute, target);
  const [left, marks] = [await conclude(at), await readMarks(at)];
  const came = marks === undefined ? undefined : statusOfArrival(at, marks);
  const isLeaving = left !== undefined && (isOpen(left) || marks === undefined);
  if (isLeaving || (left !== undefined && left.askedAtMs > (marks?.startedAtMs ?? 0))) {
    const { arrival } = came ?? {};
    const departure = departureOf(at, left);
    return { ...statusOfMigration(left), departure, ...(arrival && { arrival }) };
  }
  if (came !== undefined) return came;
  await mustKnow(compute, target);
  return { state: 'none' };
};
