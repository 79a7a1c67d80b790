/** The verbs of live migration: they drive a journey, withdraw it, and tell how it went. */
import { randomBytes } from 'node:crypto';
import type { Evidence, MigrationStatus, Settlement, VmTarget } from '@siteswap/sdk/plugin';
import {
  admit,
  checkDeadline,
  type Licence,
  ownLicence,
  recall,
  remember,
} from '@siteswap/sdk/plugin/kit';
import type { Carried } from './carried.ts';
import { readCompute, vmLock, withAdmitted, withCompute } from './compute.ts';
import { format, type Replaced } from './durable.ts';
import { failure, faultOrUnknown } from './faults.ts';
import { makeReady, travel, type Watch } from './journey.ts';
import { allDone, tryLocks, whenAsked, withLocks } from './locks.ts';
import {
  type BlockDevice,
  isOn,
  kill,
  type Look,
  launch,
  lookAt,
  type Machine,
  pullPlug,
  reserve,
  withMonitor,
} from './machine.ts';
import {
  clearMarks,
  executionOf,
  markCompleted,
  markPlaceholder,
  markStarted,
  readMarks,
  statusOfArrival,
} from './marks.ts';
import {
  evidenceOf,
  type Migration,
  openMigration,
  readMigration,
  saveMigration,
  statusOfDeparture,
} from './migration.ts';
import { atOf, placeOf } from './places.ts';
import type { Qmp } from './qmp.ts';
import { checkAhead, conclude, type Ends, settleArrival, tellOf } from './rescue.ts';
import type { ComputeSession } from './session.ts';
import { disksThere, openSwaps, type Standing, standingOf } from './standing.ts';
import { swapRoles } from './swap.ts';

const whatOf = (verb: string, target: VmTarget): string => `${verb}/${placeOf(target)}`;

const sessionOf = (compute: ComputeSession, id: string): ComputeSession => {
  const found = compute.computes[id];
  if (found !== undefined) return { ...compute, id, ...found };
  throw failure('missing', `compute ${compute.id} knows no compute ${id}`, {
    hint: 'Add it under `computes` of its configuration.',
  });
};

const locksOf = async ({ source, destination }: Ends, target: VmTarget): Promise<string[]> => [
  vmLock(await readCompute(source), target),
  vmLock(await readCompute(destination), target),
];

/** A guest that runs here and may leave. */
const leavingFrom = (look: Look, target: VmTarget): Machine => {
  const { machine, status } = look;
  if (machine !== undefined && status === 'running' && target.instance !== 'test') return machine;
  throw failure('conflict', `VM ${target.id} does not run here: it is ${status}`, {
    hint: 'Power it on.',
  });
};

/** What a journey is led by. */
interface Lead {
  /** As the destination opens them. */
  readonly disks: readonly BlockDevice[];
  /** What goes along with the VM. */
  readonly carried: readonly Carried[];
  /** The record of the migration. */
  readonly opened: Replaced;
  readonly watch: Watch;
}

/** The process at the destination, which receives; what says so is durable when it is ready. */
const prepare = async (
  ends: Ends,
  call: Licence,
  migration: Migration,
  { disks, watch, opened }: Lead,
): Promise<{ readonly token: string; readonly monitor: Qmp }> => {
  const { destination } = ends;
  const there = atOf(destination, migration.vm);
  const { id, fromComputeId, toComputeId, bootId } = migration;
  const token = randomBytes(8).toString('hex');
  const host = destination.hosts[0] as string;
  const machine: Machine = { format, token, bootId, host, arrival: id };
  const started = markStarted(there, id, { fromComputeId, toComputeId });
  const noted = [started, reserve(there, machine)];
  await allDone(noted);
  await watch.at?.('started');
  // The placeholder is durable long before the process is ready to receive.
  const launched = launch(there, machine, disks, call.signal);
  const placed = async (): Promise<void> => {
    await allDone(noted.map(async (one) => (await one).kept));
    await markPlaceholder(there, id);
  };
  await allDone([launched, placed(), opened.kept]);
  await watch.at?.('launched');
  await watch.at?.('placed');
  return { token, monitor: await launched };
};

const drive = async (
  ends: Ends,
  call: Licence,
  migration: Migration,
  left: Machine,
  lead: Lead,
): Promise<Evidence> => {
  const { vm } = migration;
  const { watch } = lead;
  const [here, there] = [atOf(ends.source, vm), atOf(ends.destination, vm)];
  try {
    const prepared = prepare(ends, call, migration, lead);
    const journey = {
      destination: there,
      wanted: async () => (await readMigration(here))?.unwanted !== true,
      ahead: async () => {
        for (const { pair } of lead.carried) await swapRoles(pair, migration.id, tellOf(watch));
      },
      checkAhead: () =>
        checkAhead(
          lead.carried.map(({ pair }) => pair),
          migration.id,
        ),
      mark: () => markCompleted(there, migration.id),
      endSource: () => pullPlug(here, left.token),
      watch,
      signal: call.signal,
    };
    // The source is made ready while the process at the destination starts.
    const travelled = withMonitor(here, left.token, 'change', call.signal, async (from) => {
      await makeReady(from);
      const { token, monitor } = await prepared;
      return travel({ ...journey, token }, from, monitor).finally(() => monitor.close());
    });
    await allDone([prepared, travelled]);
    const interruptionMs = await travelled;
    const done = { ...migration, state: 'completed', interruptionMs } as const;
    await settleArrival(ends, done, watch);
    await watch.at?.('settled');
    return evidenceOf(done);
  } catch (error) {
    const { message, code } = faultOrUnknown(error);
    const ended = await conclude(ends, vm, message);
    if (ended?.state === 'completed') return evidenceOf(ended);
    const where = ended?.reason ?? message;
    throw failure('interrupted', `VM ${vm.id} did not go over: ${where}`, code ? { code } : {});
  }
};

/** Already there: success, and nothing is done. */
const alreadyThere = (look: Look, source: Look, known: Migration | undefined) =>
  isOn(look) && !isOn(source) && look.machine !== undefined
    ? { bootId: look.machine.bootId, interruptionMs: known?.interruptionMs ?? 0 }
    : undefined;

/** `watch` is for tests. */
export const migrateLive = async (
  compute: ComputeSession,
  call: Licence,
  target: VmTarget,
  toComputeId: string,
  watch: Watch = {},
): Promise<Evidence> => {
  const ends: Ends = { source: compute, destination: sessionOf(compute, toComputeId) };
  return withLocks(await locksOf(ends, target), call.signal, async () => {
    const known = await conclude(ends, target, 'who drove it died');
    const what = whatOf('migrateLive', target);
    const evidence = recall(await readCompute(compute), call.key, what);
    if (evidence !== undefined) return evidence;
    const state = await withAdmitted(compute, call, async (admitted) => admitted);
    const [here, there] = [atOf(compute, target), atOf(ends.destination, target)];
    const vm = state.vms[placeOf(target)];
    const [left, came, standing] = await Promise.all([
      lookAt(here, call.signal),
      lookAt(there, call.signal),
      whenAsked(standingOf(ends, vm)),
    ]);
    const arrived = alreadyThere(came, left, known);
    if (arrived !== undefined) return arrived;
    if (vm === undefined) throw failure('missing', `VM ${target.id} is not registered here`);
    const machine = leavingFrom(left, target);
    const { carried } = standing();
    const migration: Migration = {
      ...{ format, id: randomBytes(8).toString('hex'), key: call.key, vm },
      ...{ fromComputeId: compute.id, toComputeId, askedAtMs: Date.now() },
      ...{ bootId: machine.bootId, state: 'open' },
      ...(carried.length === 0 ? {} : { swaps: carried.map(({ record }) => record) }),
    };
    return begin(ends, call, migration, machine, { ...standing(), watch });
  });
};

/** What goes along is noted ahead of the first change: whoever comes next finds it. */
const begin = async (
  ends: Ends,
  call: Licence,
  migration: Migration,
  left: Machine,
  { carried, watch, disks: mounted }: Standing & Pick<Lead, 'watch'>,
): Promise<Evidence> => {
  const here = atOf(ends.source, migration.vm);
  const ahead = carried.length > 0 ? await openMigration(here, migration) : undefined;
  await ahead?.kept;
  try {
    await openSwaps(ends, call, migration, carried);
    const disks = mounted ?? (await disksThere(ends.destination, call, migration, carried));
    checkDeadline(call);
    const opened = ahead ?? (await openMigration(here, migration));
    await watch.at?.('asked');
    return await drive(ends, call, migration, left, { disks, carried, watch, opened });
  } catch (error) {
    if (carried.length > 0) await conclude(ends, migration.vm, faultOrUnknown(error).message);
    throw error;
  }
};

/** Undefined: somebody drives it right now. */
const concludeIfFree = async (
  compute: ComputeSession,
  target: VmTarget,
): Promise<{ readonly ended: Migration | undefined } | undefined> => {
  const known = await readMigration(atOf(compute, target));
  if (known === undefined || known.state !== 'open') return { ended: known };
  const ends: Ends = { source: compute, destination: sessionOf(compute, known.toComputeId) };
  return tryLocks(await locksOf(ends, target), async () => ({
    ended: await conclude(ends, target, 'who drove it died'),
  }));
};

export const settleMigrate = async (
  compute: ComputeSession,
  call: Licence,
  target: VmTarget,
): Promise<Settlement> => {
  const { id } = target;
  const free = await concludeIfFree(compute, target);
  const state = await readCompute(compute);
  const evidence = recall(state, call.key, whatOf('migrateLive', target));
  if (evidence !== undefined) return { id, verdict: 'done', evidence };
  const known = await readMigration(atOf(compute, target));
  const isDriven = free === undefined && known?.key === call.key;
  return { id, verdict: isDriven ? 'running' : 'absent' };
};

const rememberCancel = (compute: ComputeSession, call: Licence, target: VmTarget) =>
  withCompute(compute, ownLicence(), (held) => {
    const success = { key: call.key, what: whatOf('cancelMigration', target), evidence: {} };
    return held.commit(remember(admit(held.state, call), success));
  });

/** Of a VM that comes to here: without a word with its source, and never of one that could run. */
const removeShell = async (compute: ComputeSession, call: Licence, target: VmTarget) => {
  const at = atOf(compute, target);
  const look = await lookAt(at, call.signal);
  const execution = executionOf(look);
  if (execution === 'running' || execution === 'paused-complete') {
    throw failure('conflict', `VM ${target.id} has come over already: it is ${look.status} here`);
  }
  checkDeadline(call);
  if (look.machine !== undefined) await kill(at, look.machine.token);
  await clearMarks(at);
};

const withdraw = async (compute: ComputeSession, target: VmTarget): Promise<void> => {
  const at = atOf(compute, target);
  const open = await readMigration(at);
  if (open?.state !== 'open') return;
  await saveMigration(at, { ...open, unwanted: true });
  const ends: Ends = { source: compute, destination: sessionOf(compute, open.toComputeId) };
  await withLocks(await locksOf(ends, target), undefined, async () => {
    await conclude(ends, target, 'it was cancelled');
  });
};

/** Nothing to cancel: success. A VM that has moved stays where it is, and the answer says so. */
export const cancelMigration = async (
  compute: ComputeSession,
  call: Licence,
  target: VmTarget,
): Promise<Evidence> => {
  const what = whatOf('cancelMigration', target);
  const known = await withAdmitted(compute, call, async (state) => recall(state, call.key, what));
  if (known !== undefined) return {};
  await mustKnow(compute, target);
  const at = atOf(compute, target);
  if ((await readMarks(at)) !== undefined && (await readMigration(at))?.state !== 'open') {
    await removeShell(compute, call, target);
  } else {
    await withdraw(compute, target);
    const ended = await readMigration(at);
    if (ended?.state === 'completed' && !isOn(await lookAt(at, call.signal))) {
      throw failure('conflict', `VM ${target.id} goes on at ${ended.toComputeId} already`);
    }
  }
  await rememberCancel(compute, call, target);
  return {};
};

export const settleCancel = async (
  compute: ComputeSession,
  call: Licence,
  target: VmTarget,
): Promise<Settlement> => {
  const known = recall(await readCompute(compute), call.key, whatOf('cancelMigration', target));
  return { id: target.id, verdict: known === undefined ? 'absent' : 'done' };
};

/** Refuses a VM that this compute has never had. */
const mustKnow = async (compute: ComputeSession, target: VmTarget): Promise<void> => {
  const { vms } = await readCompute(compute);
  if (vms[placeOf(target)] !== undefined) return;
  const at = atOf(compute, target);
  if ((await readMarks(at)) !== undefined) return;
  if ((await lookAt(at, new AbortController().signal)).machine !== undefined) return;
  throw failure('missing', `VM ${target.id} is not known here as ${target.instance}`);
};

/** Of a migration to here nothing but what stands here is read: its source may be lost. */
export const migrationStatus = async (
  compute: ComputeSession,
  target: VmTarget,
  signal: AbortSignal,
): Promise<MigrationStatus> => {
  await mustKnow(compute, target);
  const at = atOf(compute, target);
  const [left, marks] = [await readMigration(at), await readMarks(at)];
  const look = await lookAt(at, signal);
  const came = marks === undefined ? undefined : statusOfArrival(marks, look);
  if (left !== undefined && left.askedAtMs > (marks?.startedAtMs ?? 0)) {
    const arrival = came?.arrival;
    return { ...statusOfDeparture(left, look), ...(arrival === undefined ? {} : { arrival }) };
  }
  return came ?? { state: 'none' };
};
