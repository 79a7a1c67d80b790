/**
 * Seats: who writes to a group now. A writer takes a seat under the group's lock, which is when its
 * role and lineage are checked; looks at the state again before each write; and gives the seat back
 * after its last one. A seat whose process is dead is nobody's.
 *
 * A freeze holds all writers still for a copy of one moment. The freezer puts the freeze down, then
 * waits until every seated writer has said, between two writes, that it has seen it. A writer that
 * sits down later sees it before its first write. A freeze ends with its file, its freezer's
 * process, or its time, whichever is first: nothing left behind by a crash holds a writer up.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Instance } from '@siteswap/sdk/plugin';
import { format, makeDirectory, namesIn, readJson, writeWhole } from './durable.ts';
import { asSeenBy, isPreferred, standsStill } from './ends.ts';
import { failure, isMissingFile } from './faults.ts';
import {
  acceptsWriters,
  type GroupAt,
  type GroupState,
  type HeldGroup,
  ordinalOf,
} from './group.ts';
import { freezeFile, nameOf, seatsIn, stateFile } from './layout.ts';
import { drainMsMax, freezeMsMax, killMsMax } from './limits.ts';
import { isAlive, type ProcessRef, signalProcess, thisProcess, waitUntil } from './processes.ts';

export interface Seat extends ProcessRef {
  readonly format: number;
  readonly vmId: string;
  readonly bootId: string;
  /** Array through which it writes. */
  readonly arrayId: string;
  /** The licence under which it sat down. */
  readonly lineage: string;
}

interface Freeze extends ProcessRef {
  readonly format: number;
  readonly id: string;
  readonly untilMs: number;
}

const seatFile = (group: string, instance: Instance, vmId: string): string =>
  join(seatsIn(group, instance), `${nameOf(vmId)}.json`);

const pausedFile = (group: string, vmId: string): string =>
  join(seatsIn(group, 'production'), `${nameOf(vmId)}.paused`);

/** The lineage of a test copy: nothing that is written there ever counts. */
export const testLineage = '0-test';

/** The licence that a new writer gets; throws when none is accepted. */
export const licenceOf = (state: GroupState, instance: Instance): string => {
  if (instance === 'test') {
    if (state.test !== undefined) return testLineage;
    throw failure('conflict', `group ${state.id} has no test copy`, { code: 'FILES_NO_COPY' });
  }
  if (state.fenced) {
    throw failure('fenced', `group ${state.id}: lineage ${state.lineage} is fenced here`);
  }
  if (standsStill(state)) {
    throw failure('conflict', `group ${state.id} does not serve: the preferred site does`, {
      code: 'FILES_PARTED',
      hint: 'Fence the other site, or wait until the sites see each other again.',
    });
  }
  if (acceptsWriters(state)) return state.lineage;
  throw failure('conflict', `group ${state.id} refuses writers: it is ${state.role}`, {
    code: 'FILES_READ_ONLY',
  });
};

/** Seats of living writers. */
export const liveSeats = async (group: string, instance: Instance): Promise<Seat[]> => {
  const seats: Seat[] = [];
  for (const name of await namesIn(seatsIn(group, instance))) {
    if (!name.endsWith('.json')) continue;
    const seat = await readJson<Seat>(join(seatsIn(group, instance), name));
    if (seat !== undefined && isAlive(seat)) seats.push(seat);
  }
  return seats;
};

/** Takes a seat for this process; the caller holds the group. Answers the writer's lineage. */
export const sitDown = async (
  { at, state }: HeldGroup,
  instance: Instance,
  writer: { readonly vmId: string; readonly bootId: string },
): Promise<string> => {
  const lineage = licenceOf(state, instance);
  const seats = await liveSeats(at.directory, instance);
  const taken = seats.find(({ vmId, pid }) => vmId === writer.vmId && pid !== process.pid);
  if (taken !== undefined) {
    throw failure('conflict', `VM ${writer.vmId} already writes, as process ${taken.pid}`);
  }
  await makeDirectory(seatsIn(at.directory, instance));
  const seat: Seat = { format, ...thisProcess(), ...writer, arrayId: at.storage.id, lineage };
  await writeWhole(seatFile(at.directory, instance, writer.vmId), JSON.stringify(seat));
  return lineage;
};

/** The VM goes on in another process, at the other end; the caller writes no more. */
export const handSeat = async (
  { at, state }: HeldGroup,
  instance: Instance,
  writer: Pick<Seat, 'vmId' | 'bootId'> & ProcessRef,
): Promise<void> => {
  const lineage = licenceOf(state, instance);
  const arrayId = state.peerArrayId ?? at.storage.id;
  const seat: Seat = { format, ...writer, arrayId, lineage };
  await writeWhole(seatFile(at.directory, instance, writer.vmId), JSON.stringify(seat));
};

const isOwn = (file: string): boolean => {
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as Seat).pid === process.pid;
  } catch {
    return false;
  }
};

/** Gives this process's seat back; one that was handed on is another's. */
export const standUp = (group: string, instance: Instance, vmId: string): void => {
  if (!isOwn(seatFile(group, instance, vmId))) return;
  rmSync(seatFile(group, instance, vmId), { force: true });
  rmSync(pausedFile(group, vmId), { force: true });
};

/** Refuses when a living writer holds the group. */
export const checkNoWriter = async (at: GroupAt, instance: Instance): Promise<void> => {
  const seats = await liveSeats(at.directory, instance);
  if (seats.length === 0) return;
  const members = seats.map(({ vmId }) => vmId);
  throw failure('conflict', `group ${at.id} is written by ${members.join(', ')}`, {
    code: 'FILES_WRITER',
    hint: 'Shut these VMs down first.',
    members,
  });
};

/**
 * After the state has been changed against them: waits for writers to end, then ends them. Only
 * those of one end of a stretched group, where `arrayId` is given.
 */
export const drainWriters = async (at: GroupAt, arrayId?: string): Promise<number> => {
  const all = await liveSeats(at.directory, 'production');
  const seats = all.filter((seat) => arrayId === undefined || seat.arrayId === arrayId);
  const gone = (): boolean => !seats.some(isAlive);
  if (!(await waitUntil(gone, drainMsMax))) {
    for (const seat of seats) signalProcess(seat, 'SIGKILL');
    if (!(await waitUntil(gone, killMsMax))) {
      throw failure('busy', `writers of group ${at.id} do not end`);
    }
  }
  return seats.length;
};

const readFreeze = (group: string): Freeze | undefined => {
  try {
    return JSON.parse(readFileSync(freezeFile(group), 'utf8')) as Freeze;
  } catch (error) {
    if (isMissingFile(error)) return undefined;
    throw error;
  }
};

/** Runs `body` while no writer writes; the caller holds the group. Throws when a writer did. */
export const whileFrozen = async <T>(at: GroupAt, body: () => Promise<T>): Promise<T> => {
  const id = randomUUID();
  const untilMs = Date.now() + freezeMsMax;
  const freeze: Freeze = { format, ...thisProcess(), id, untilMs };
  await writeWhole(freezeFile(at.directory), JSON.stringify(freeze));
  const paused = ({ vmId }: Seat): boolean => {
    try {
      return readFileSync(pausedFile(at.directory, vmId), 'utf8') === id;
    } catch {
      return false;
    }
  };
  try {
    const still = async (): Promise<boolean> =>
      (await liveSeats(at.directory, 'production')).every(paused);
    if (!(await waitUntil(still, freezeMsMax / 2))) {
      throw failure('busy', `writers of group ${at.id} did not hold still`);
    }
    const result = await body();
    if (Date.now() >= untilMs) {
      throw failure('busy', `the copy of group ${at.id} took longer than ${freezeMsMax} ms`, {
        hint: 'Use a file system with reflinks, or smaller groups.',
      });
    }
    return result;
  } finally {
    await rm(freezeFile(at.directory), { force: true });
  }
};

/** What a writer may do now. */
export type Go = 'write' | 'wait' | 'stop';

/** What a writer saw when it last looked. */
export interface Sight {
  readonly go: Go;
  /** Under which it writes now. */
  readonly lineage: string;
  /** What a write takes longer, because the other site is the preferred one. */
  readonly extraMs: number;
}

/** Goes on: a fence at a stretched group opens a lineage that the end which fenced is in, too. */
const mayGoOn = (state: GroupState, instance: Instance, lineage: string): boolean => {
  if (licenceOf(state, instance) === lineage) return true;
  const [own] = state.stretched?.ends ?? [];
  return own !== undefined && instance !== 'test' && ordinalOf(lineage) >= own.acceptsFrom;
};

const sightOf = (state: GroupState, instance: Instance, lineage: string): Sight => {
  const { stretched } = state;
  const extraMs = stretched === undefined || isPreferred(stretched) ? 0 : stretched.crossSiteMs;
  if (standsStill(state) && instance !== 'test') return { go: 'wait', lineage, extraMs };
  try {
    const go = mayGoOn(state, instance, lineage) ? 'write' : 'stop';
    return { go, lineage: instance === 'test' ? lineage : state.lineage, extraMs };
  } catch {
    return { go: 'stop', lineage, extraMs };
  }
};

/** A writer's look before each write: cheap, because the state is read only when it has changed. */
export const makeLookout = (
  { directory, storage }: GroupAt,
  instance: Instance,
  writer: { readonly vmId: string; readonly lineage: string },
): (() => Sight) => {
  let seen = '';
  let sight: Sight = { go: 'stop', lineage: writer.lineage, extraMs: 0 };
  const look = (): void => {
    const { ino, mtimeMs } = statSync(stateFile(directory));
    if (seen === `${ino}/${mtimeMs}`) return;
    const state = JSON.parse(readFileSync(stateFile(directory), 'utf8')) as GroupState;
    sight = sightOf(asSeenBy(state, storage.id), instance, sight.lineage);
    seen = `${ino}/${mtimeMs}`;
  };
  return () => {
    look();
    if (sight.go === 'stop' || instance === 'test') return sight;
    const freeze = readFreeze(directory);
    if (freeze === undefined || !isAlive(freeze) || Date.now() >= freeze.untilMs) return sight;
    writeFileSync(pausedFile(directory, writer.vmId), freeze.id);
    return { ...sight, go: 'wait' };
  };
};
