/**
 * The record of a live migration: one durable file beside the VM at its source, changed only under
 * the source compute's lock, and the same truth for everybody who has a part in it.
 *
 *     asked → offered → taken → completed          failed or cancelled from each of the first two;
 *                                                  failed from the third, if the target died
 *
 * The process at the source starts the one at the target, goes on until that is ready, hands it its
 * seats between two writes (`offered`) and waits. The process at the target writes once it has made
 * the record `taken`. Whatever goes wrong, the source ends the other process first and goes on from
 * what the disks hold. Both need no daemon; what a dead process left, or one that was stopped and
 * stands still, is concluded by whoever asks.
 */
import { access } from 'node:fs/promises';
import type { Evidence, Instance, MigrationStatus } from '@siteswap/sdk/plugin';
import { remember } from '@siteswap/sdk/plugin/kit';
import {
  type Boot,
  type ComputeState,
  type HeldCompute,
  type Mount,
  placeOf,
  type Registered,
  withCompute,
  withComputes,
} from './compute.ts';
import { format, readJson, writeJson } from './durable.ts';
import { failure } from './faults.ts';
import { ownLicence } from './group.ts';
import { migrationFile, vmDirectory } from './layout.ts';
import { killMsMax, migrationStallMsMax } from './limits.ts';
import { clearMarks } from './marks.ts';
import { isAlive, signalProcess, waitUntil } from './processes.ts';
import { readBoot, readVmProcess, runningVm, type VmProcess } from './vm-process.ts';

/** A compute, for processes that have no configuration. */
export interface Party {
  readonly computeId: string;
  readonly directory: string;
}

export interface Migration {
  readonly format: number;
  /** Made for each try. */
  readonly id: string;
  /** Of the call that asked for it, with the verb and target as they are remembered. */
  readonly key: string;
  readonly what: string;
  readonly from: Party;
  readonly to: Party;
  readonly askedAtMs: number;
  /** As it is at the target: the same boot, on the other ends of its devices. */
  readonly vm: Registered & { readonly boot: Boot };
  readonly mounts: readonly Mount[];
  readonly state: 'asked' | 'offered' | 'taken' | 'completed' | 'failed' | 'cancelled';
  /** Last heartbeat at the source, as it was offered. */
  readonly lastAtMs?: number;
  /** Completed: from the last heartbeat at the source to the first one at the target. */
  readonly interruptionMs?: number;
  /** Failed: why. */
  readonly reason?: string;
}

/** A VM at the compute in `directory`. */
export interface VmAt {
  readonly directory: string;
  readonly instance: Instance;
  readonly id: string;
}

const fileOf = ({ directory, instance, id }: VmAt): string =>
  migrationFile(vmDirectory(directory, instance, id));

/** The newest one that has this compute as its source. */
export const readMigration = (vm: VmAt): Promise<Migration | undefined> =>
  readJson<Migration>(fileOf(vm));

const atSource = ({ from, vm: { instance, id } }: Migration): VmAt => ({
  directory: from.directory,
  instance,
  id,
});

/** The caller holds the source compute. */
export const saveMigration = (migration: Migration): Promise<void> =>
  writeJson(fileOf(atSource(migration)), migration);

export const isOpen = ({ state }: Migration): boolean =>
  state === 'asked' || state === 'offered' || state === 'taken';

/** The process of this very migration at the target. */
export const arrivalOf = ({ id, to, vm }: Migration): VmProcess | undefined => {
  const found = readVmProcess(to.directory, vm.instance, vm.id);
  return found?.arrival?.id === id ? found : undefined;
};

/** It has written at the target: from then on the VM is there, whatever happens to it. */
export const hasArrived = (migration: Migration): boolean =>
  arrivalOf(migration)?.resumedAt !== undefined;

/** Takes the record one step on; false when it is no longer in one of the states before. */
export const advance = (
  known: Migration,
  before: readonly Migration['state'][],
  more: Pick<Migration, 'state'> & Partial<Migration>,
): Promise<boolean> =>
  withCompute(known.from.directory, ownLicence(), async () => {
    const now = await readMigration(atSource(known));
    if (now?.id !== known.id || !before.includes(now.state)) return false;
    await saveMigration({ ...now, ...more });
    return true;
  });

export const evidenceOf = ({ vm, interruptionMs = 0 }: Migration): Evidence => ({
  bootId: vm.boot.bootId,
  interruptionMs,
});

const withVm = (state: ComputeState, { vm, mounts }: Migration): ComputeState => ({
  ...state,
  mounts: {
    ...Object.fromEntries(mounts.map((mount) => [placeOf(mount.instance, mount.id), mount])),
    ...state.mounts,
  },
  vms: { ...state.vms, [placeOf(vm.instance, vm.id)]: vm },
});

const withoutVm = (state: ComputeState, done: Migration): ComputeState => {
  const { [placeOf(done.vm.instance, done.vm.id)]: _, ...vms } = state.vms;
  const { key, what } = done;
  return remember({ ...state, vms }, { key, what, evidence: evidenceOf(done) });
};

const interruptionOf = (migration: Migration): number => {
  const { to, vm, lastAtMs } = migration;
  const there = vmDirectory(to.directory, vm.instance, vm.id);
  const first = readBoot(there, arrivalOf(migration)?.acks ?? '')?.firstAtMs;
  return first === undefined || lastAtMs === undefined ? 0 : Math.max(0, first - lastAtMs);
};

/** The VM is the target's from now on. Each part can be done again after a crash between them. */
const complete = async (
  migration: Migration,
  here: HeldCompute,
  there: HeldCompute,
): Promise<Migration> => {
  const done: Migration = {
    ...migration,
    state: 'completed',
    interruptionMs: interruptionOf(migration),
  };
  await there.commit(withVm(there.state, done));
  await here.commit(withoutVm(here.state, done));
  await clearMarks(atSource(done));
  await saveMigration(done);
  return done;
};

/** The process at the source is still there, and ends it: before its last word nobody else may. */
const ownProcess = (migration: Migration): VmProcess | undefined => {
  const { directory, instance, id } = atSource(migration);
  return runningVm(directory, instance, id);
};

const isItsOwn = (migration: Migration): boolean => ownProcess(migration) !== undefined;

/** It never arrived, and the process at the target cannot take it over any more. */
const isLost = (migration: Migration): boolean => {
  const arrival = arrivalOf(migration);
  return migration.state === 'asked' || arrival === undefined || !isAlive(arrival);
};

const standsStill = 'its process at the source stands still';

/** Of a process that may be stopped, so that it does not end by itself. */
const kill = async (process: VmProcess | undefined): Promise<void> => {
  if (process === undefined) return;
  signalProcess(process, 'SIGKILL');
  if (await waitUntil(() => !isAlive(process), killMsMax)) return;
  throw failure('busy', `process ${process.pid} of a VM on its way does not end`);
};

/**
 * A source that goes on ends its migration long before this: one that is stopped does not. Nobody
 * waits for it. What was not taken over stays its own; what was, and has not written at the target,
 * is ended there first; and where the target has written, the source has given up its seats and is
 * only in the way of what is so.
 */
const breakOff = async (stalled: Migration): Promise<void> => {
  const failed = { state: 'failed', reason: standsStill } as const;
  if (await advance(stalled, ['asked', 'offered'], failed)) return;
  if (!hasArrived(stalled)) await kill(arrivalOf(stalled));
  if (hasArrived(stalled)) await kill(ownProcess(stalled));
  else await advance(stalled, ['taken'], failed);
};

const isStalled = ({ askedAtMs }: Migration): boolean =>
  Date.now() - askedAtMs > migrationStallMsMax;

/** Ends a migration that has arrived, or that nobody is left to end. Answers the newest record. */
export const conclude = async (at: VmAt): Promise<Migration | undefined> => {
  const found = await readMigration(at);
  if (found === undefined || !isOpen(found)) return found;
  if (isItsOwn(found) && isStalled(found)) await breakOff(found);
  const known = await readMigration(at);
  if (known === undefined || !isOpen(known)) return known;
  if (isItsOwn(known) || (!hasArrived(known) && !isLost(known))) return known;
  const { from, to } = known;
  await access(to.directory).catch(() => {
    throw failure('unreachable', `compute ${to.computeId} does not answer for VM ${at.id}`);
  });
  return withComputes(from.directory, to.directory, ownLicence(), async (here, there) => {
    const now = await readMigration(at);
    if (now === undefined || !isOpen(now) || isItsOwn(now)) return now;
    if (hasArrived(now)) return complete(now, here, there);
    if (!isLost(now)) return now;
    const lost: Migration = { ...now, state: 'failed', reason: 'the VM ended on its way' };
    await saveMigration(lost);
    return lost;
  });
};

/**
 * Gives up a migration that has not been taken over yet; the source's lock is held. Answers what
 * is left of it: one that is `taken` can only end by itself.
 */
export const withdraw = async (at: VmAt): Promise<Migration | undefined> => {
  const now = await readMigration(at);
  if (now === undefined || (now.state !== 'asked' && now.state !== 'offered')) return now;
  const cancelled: Migration = { ...now, state: 'cancelled' };
  await saveMigration(cancelled);
  return cancelled;
};

/** The newest migration that a compute has a part in, as source or as target. */
export const newestMigration = async (at: VmAt): Promise<Migration | undefined> => {
  const source = readVmProcess(at.directory, at.instance, at.id)?.arrival?.directory;
  const left = await conclude(at);
  const came = source === undefined ? undefined : await conclude({ ...at, directory: source });
  if (left === undefined || came === undefined) return left ?? came;
  return left.askedAtMs > came.askedAtMs ? left : came;
};

/** Rough, but it only grows. */
const progressOf = { asked: 0.1, offered: 0.8, taken: 0.9 } as const;

export const statusOfMigration = ({ state, from, to }: Migration): MigrationStatus => {
  const ends = { fromComputeId: from.computeId, toComputeId: to.computeId };
  return state === 'asked' || state === 'offered' || state === 'taken'
    ? { state: 'running', progress: progressOf[state], ...ends }
    : { state, ...ends };
};

export const newMigration = (
  given: Omit<Migration, 'format' | 'askedAtMs' | 'state'>,
): Migration => ({
  ...given,
  format,
  askedAtMs: Date.now(),
  state: 'asked',
});
