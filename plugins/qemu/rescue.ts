/**
 * What becomes of a migration that did not end as it should: by what both ends say now, and by the
 * mark. The guest goes on at exactly one of them, or at none when both have lost it.
 */
import type { VmTarget } from '@siteswap/sdk/plugin';
import { ownLicence, remember } from '@siteswap/sdk/plugin/kit';
import { readCompute, withCompute } from './compute.ts';
import { failure } from './faults.ts';
import { letGoOn } from './journey.ts';
import { killMsMax } from './limits.ts';
import { waitFor } from './locks.ts';
import {
  isOn,
  kill,
  type Look,
  lookAt,
  pastEnding,
  readMachine,
  readSerial,
  saveMachine,
  withMonitor,
} from './machine.ts';
import { clearMarks, executionOf, isCompleted, markCompleted, readMarks } from './marks.ts';
import {
  departureOf,
  evidenceOf,
  type Migration,
  readMigration,
  saveMigration,
} from './migration.ts';
import { atOf, placeOf, type VmAt } from './places.ts';
import type { ComputeSession } from './session.ts';

/** The two computes of a migration. */
export interface Ends {
  readonly source: ComputeSession;
  readonly destination: ComputeSession;
}

const never = new AbortController().signal;

const endShell = async (at: VmAt, { machine }: Look): Promise<void> => {
  if (machine !== undefined) await kill(at, machine.token);
  await clearMarks(at);
};

const close = async (
  at: VmAt,
  migration: Migration,
  more: Partial<Migration>,
): Promise<Migration> => {
  const closed = { ...migration, ...more };
  await saveMigration(at, closed);
  return closed;
};

/** All of it is there and waits: it goes on, once that is durable. */
const finish = async (there: VmAt, migration: Migration, look: Look): Promise<void> => {
  const { machine } = look;
  if (machine === undefined || executionOf(look) !== 'paused-complete') return;
  if (!isCompleted(await readMarks(there))) await markCompleted(there, migration.id);
  await withMonitor(there, machine.token, 'change', never, letGoOn);
};

/** Nothing is under way any more when this throws. */
export const allDone = async (works: readonly (Promise<unknown> | undefined)[]): Promise<void> => {
  for (const ended of await Promise.allSettled(works)) {
    if (ended.status === 'rejected') throw ended.reason;
  }
};

/**
 * Hands the VM over in both computes' records, and ends what is left at its source. In any order: a
 * record that is still open has all of it done again; so it is closed last.
 */
export const settleArrival = async (
  { source, destination }: Ends,
  done: Migration,
): Promise<Migration> => {
  const { vm, key } = done;
  const [here, there] = [atOf(source, vm), atOf(destination, vm)];
  const own = ownLicence();
  const place = placeOf(vm);
  const [left, came] = await Promise.all([readMachine(here), readMachine(there)]);
  const tell = async (): Promise<void> => {
    if (left === undefined || came === undefined) return;
    await saveMachine(there, { ...came, came: await readSerial(here, left) });
  };
  const arrive = withCompute(destination, own, (held) =>
    held.commit({ ...held.state, vms: { ...held.state.vms, [place]: vm } }),
  );
  const depart = withCompute(source, own, async (held) => {
    const { [place]: _, ...vms } = held.state.vms;
    const success = { key, what: `migrateLive/${place}`, evidence: evidenceOf(done) };
    await held.commit(remember({ ...held.state, vms }, success));
  });
  const end = left === undefined ? undefined : kill(here, left.token);
  await allDone([tell(), arrive, depart, end, clearMarks(here)]);
  await saveMigration(here, done);
  return done;
};

/** The guest goes on at its source: what stands still there is let go. */
const stayAtSource = async (here: VmAt, look: Look): Promise<void> => {
  const { machine } = look;
  if (machine === undefined) return;
  const runs = async (): Promise<true | undefined> => {
    const now = await lookAt(here, never);
    return now.status === 'running' || now.status === 'gone' ? true : undefined;
  };
  const departure = departureOf(look);
  if (departure === 'migrating' || departure === 'switching') {
    await withMonitor(here, machine.token, 'change', never, (qmp) => qmp.must('migrate_cancel'));
  } else if (departure === 'handed-over') {
    await withMonitor(here, machine.token, 'change', never, (qmp) => qmp.must('cont'));
  }
  if (await waitFor(runs, killMsMax)) return;
  throw failure('busy', `VM ${here.id} does not go on at its source`);
};

/** A migration that nobody drives, or that its driver gave up. The VM's locks are held. */
export const conclude = async (
  ends: Ends,
  target: VmTarget,
  reason: string,
): Promise<Migration | undefined> => {
  const { source, destination } = ends;
  const [here, there] = [atOf(source, target), atOf(destination, target)];
  const known = await readMigration(here);
  if (known === undefined || known.state !== 'open') return known;
  await readCompute(destination);
  const marks = await readMarks(there);
  const ours = marks?.startedId === known.id;
  const marked = ours && isCompleted(marks);
  const left = await pastEnding(() => lookAt(here, never));
  const came = await lookAt(there, never);
  const execution = ours ? executionOf(came) : 'absent';
  const departure = departureOf(left);
  const isLetGo = departure === 'handed-over' || departure === 'gone';
  if (execution === 'running' || (execution === 'paused-complete' && (marked || isLetGo))) {
    if (isOn(left)) throw failure('conflict', `VM ${target.id} runs at both its computes`);
    await finish(there, known, came);
    return settleArrival(ends, { ...known, state: 'completed', interruptionMs: 0 });
  }
  if (ours) await endShell(there, came);
  const state = known.unwanted === true ? 'cancelled' : 'failed';
  if (departure === 'gone' || (departure === 'handed-over' && marked)) {
    if (left.machine !== undefined) await kill(here, left.machine.token);
    return close(here, known, { state, reason: `${reason}; it was lost on its way` });
  }
  await stayAtSource(here, left);
  return close(here, known, { state, reason });
};
