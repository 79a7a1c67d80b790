/**
 * What becomes of a migration that did not end as it should: by what both ends say now, and by the
 * mark. The guest goes on at exactly one of them, or at none when both have lost it.
 */
import type { VmTarget } from '@siteswap/sdk/plugin';
import { ownLicence, remember } from '@siteswap/sdk/plugin/kit';
import { pairOf } from './carried.ts';
import { readCompute, withCompute } from './compute.ts';
import { failure } from './faults.ts';
import { letGoOn, type Watch } from './journey.ts';
import { killMsMax } from './limits.ts';
import { allDone, waitFor } from './locks.ts';
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
import { finishSwap, flowAgain, type MetroPair, type SwapStep, serves, swapBack } from './swap.ts';

/** The two computes of a migration. */
export interface Ends {
  readonly source: ComputeSession;
  readonly destination: ComputeSession;
}

const never = new AbortController().signal;

export const tellOf =
  (watch: Watch | undefined) =>
  async (step: SwapStep): Promise<void> =>
    watch?.at?.(step);

/** The groups whose role goes along, at both ends. */
const pairsOf = ({ source, destination }: Ends, { swaps = [] }: Migration): Promise<MetroPair[]> =>
  Promise.all(swaps.map((one) => pairOf(source, destination, one)));

/** The first that is not where the guest goes, of what went ahead of it. */
const unserved = async (
  pairs: readonly MetroPair[],
  id: string,
): Promise<MetroPair | undefined> => {
  for (const pair of pairs) if (!(await serves(pair, id))) return pair;
  return undefined;
};

/** Throws when what went ahead of the guest is not there for it any more. */
export const checkAhead = async (pairs: readonly MetroPair[], id: string): Promise<void> => {
  const pair = await unserved(pairs, id);
  if (pair === undefined) return;
  throw failure('interrupted', `group ${pair.to.id} is not served at ${pair.to.storage.id}`);
};

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

/**
 * Hands the VM over in both computes' records, and ends what is left at its source. In any order: a
 * record that is still open has all of it done again; so it is closed last.
 */
export const settleArrival = async (
  ends: Ends,
  done: Migration,
  watch?: Watch,
): Promise<Migration> => {
  const { source, destination } = ends;
  const { vm, key } = done;
  const [here, there] = [atOf(source, vm), atOf(destination, vm)];
  const own = ownLicence();
  const place = placeOf(vm);
  const [left, came] = await Promise.all([readMachine(here), readMachine(there)]);
  const tell = async (): Promise<void> => {
    if (left === undefined || came === undefined) return;
    await saveMachine(there, { ...came, came: readSerial(here, left) });
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
  for (const pair of await pairsOf(ends, done)) await finishSwap(pair, tellOf(watch));
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
  const pairs = await pairsOf(ends, known);
  const isWhole = departure === 'handed-over' || departure === 'gone';
  const isLetGo = marked || (isWhole && (await unserved(pairs, known.id)) === undefined);
  if (execution === 'running' || (execution === 'paused-complete' && isLetGo)) {
    if (isOn(left)) throw failure('conflict', `VM ${target.id} runs at both its computes`);
    await finish(there, known, came);
    return settleArrival(ends, { ...known, state: 'completed', interruptionMs: 0 });
  }
  if (ours) await endShell(there, came);
  const state = known.unwanted === true ? 'cancelled' : 'failed';
  const isLost = departure === 'gone' || (departure === 'handed-over' && marked);
  if (isLost && left.machine !== undefined) await kill(here, left.machine.token);
  if (isLost && marked) {
    // It may have gone on there: its newest bytes are at that end.
    for (const pair of pairs) await finishSwap(pair, tellOf(undefined));
    return close(here, known, { state, reason: `${reason}; it was lost on its way` });
  }
  const turned: MetroPair[] = [];
  for (const pair of pairs) if (await swapBack(pair, known.id)) turned.push(pair);
  if (!isLost) await stayAtSource(here, left);
  for (const { from, to } of turned) await flowAgain(from, to);
  const why = isLost ? `${reason}; it was lost on its way` : reason;
  return close(here, known, { state, reason: why });
};
