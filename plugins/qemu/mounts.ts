/**
 * Datastores as a compute sees them: one for each device. To mount one is to give the hosts of the
 * compute an export of it, and that is all that lets a writer write.
 */
import type {
  ChangingVerb,
  Datastore,
  DatastoreTarget,
  Instance,
  ListingCall,
  Page,
  VerbCall,
} from '@siteswap/sdk/plugin';
import { admitDurably, pageOf } from '@siteswap/sdk/plugin/kit';
import { type Address, nbdUri, reachArray, type Storage } from './array.ts';
import { answerEach } from './calls.ts';
import { serveHere } from './carried.ts';
import { takeMonitor } from './daemon.ts';
import { exportNameOf, hostExportOf, removeExports } from './exports.ts';
import { failure, isUnreachable } from './faults.ts';
import {
  acceptsWriters,
  allGroups,
  type GroupAt,
  type GroupState,
  groupAt,
  type HeldGroup,
  type Seat,
  type StoredDevice,
  withGroup,
} from './group.ts';
import { live } from './layers.ts';
import { lockWaitMsMax } from './limits.ts';
import { isPreferred } from './metro.ts';
import { checkStays } from './roles.ts';
import { asCompute, type ComputeSession, type Session } from './session.ts';
import { checkNotIsolated } from './shared.ts';

/** A device that a datastore stands on, at an array that the compute sees. */
interface Found {
  readonly at: GroupAt;
  readonly state: GroupState;
  readonly device: StoredDevice;
}

/** The daemon's run; undefined: it exports nothing. It is not started for being looked at. */
const runOf = async (storage: Storage, signal: AbortSignal): Promise<string | undefined> => {
  try {
    const { run, release } = await takeMonitor({ ...storage, start: false }, signal);
    await release();
    return run;
  } catch (error) {
    if (isUnreachable(error)) return undefined;
    throw error;
  }
};

const storagesOf = (session: ComputeSession): Promise<Storage[]> =>
  Promise.all(
    Object.entries(session.arrays).map(([id, directory]) =>
      reachArray(directory, id, session.start),
    ),
  );

const devicesOf = async (storage: Storage): Promise<readonly Found[]> => {
  const found: Found[] = [];
  for (const state of await allGroups(storage)) {
    const at = groupAt(storage, state.id);
    for (const device of state.devices) found.push({ at, state, device });
  }
  return found;
};

/** Throws `missing` when the compute sees no device of the datastore. */
const findDatastore = async (
  session: ComputeSession,
  { id, devices = [] }: Pick<DatastoreTarget, 'id' | 'devices'>,
): Promise<Found> => {
  const wanted = new Set(devices.map(({ arrayId, deviceId }) => `${arrayId}\n${deviceId}`));
  for (const storage of await storagesOf(session)) {
    const found = (await devicesOf(storage)).find(({ at, device }) =>
      wanted.size > 0
        ? wanted.has(`${at.storage.id}\n${device.id}`) && device.datastoreId === id
        : device.datastoreId === id,
    );
    if (found !== undefined) return found;
  }
  throw failure('missing', `compute ${session.id} sees no datastore ${id}`);
};

const seatsOf = (state: GroupState, instance: Instance): readonly Seat[] =>
  instance === 'production' ? state.hosts : (state.test?.hosts ?? []);

const withSeats = (state: GroupState, instance: Instance, hosts: readonly Seat[]): GroupState => {
  if (instance === 'production') return { ...state, hosts };
  return state.test === undefined ? state : { ...state, test: { ...state.test, hosts } };
};

const isSeat = (compute: string, device: string) => (seat: Seat) =>
  seat.computeId === compute && seat.deviceId === device;

/** A seat of a run that is over is none: its export went with the daemon. */
const isMounted = (
  { id }: ComputeSession,
  { state, device, run }: Pick<Found, 'state' | 'device'> & { readonly run: string | undefined },
  instance: Instance,
): boolean => state.run === run && seatsOf(state, instance).some(isSeat(id, device.id));

const checkMountable = (state: GroupState, instance: Instance): void => {
  if (instance === 'test' && state.test === undefined) {
    throw failure('conflict', `group ${state.id} has no test copy`, {
      hint: 'Start the test failover first.',
    });
  }
  // Of a pair that serves both its sites the exports come with the role.
  const waits = state.role === 'replica' && state.metro !== undefined;
  if (instance === 'test' || waits || acceptsWriters(state)) return;
  throw failure('conflict', `group ${state.id} accepts no writers: it is ${state.role} here`, {
    hint: 'Promote it first.',
  });
};

const mountAt =
  ({ id: computeId, siteId }: ComputeSession, deviceId: string, instance: Instance) =>
  async (held: HeldGroup): Promise<void> => {
    await live(held);
    checkMountable(held.state, instance);
    checkNotIsolated(held.state, siteId);
    const seats = seatsOf(held.state, instance);
    if (!seats.some(isSeat(computeId, deviceId))) {
      if (instance === 'production') checkStays(held.state);
      const seat = { computeId, deviceId, siteId, lineage: held.state.lineage };
      await held.commit(withSeats(held.state, instance, [...seats, seat]));
    }
    await live(held);
  };

/** The export goes before the seat: a crash in between leaves it mounted, and says so. */
const unmountAt =
  ({ id: computeId }: ComputeSession, deviceId: string, instance: Instance) =>
  async (held: HeldGroup): Promise<void> => {
    const seats = seatsOf(held.state, instance);
    const left = seats.filter((seat) => !isSeat(computeId, deviceId)(seat));
    if (left.length === seats.length) return;
    const { qmp } = await live(held);
    if (instance === 'production') {
      await removeExports(held, qmp, 'host', { force: false, deviceId, computeId });
    } else if (!left.some((seat) => seat.deviceId === deviceId)) {
      await removeExports(held, qmp, 'test', { force: false, deviceId });
    }
    await held.commit(withSeats(held.state, instance, left));
  };

type MountVerb = 'mount' | 'unmount';

const mounting = <V extends MountVerb>(verb: V): ChangingVerb<Session, V> => {
  const run = (call: VerbCall<Session, V>) =>
    answerEach<DatastoreTarget>(call.targets, async (target) => {
      const session = asCompute(call.session);
      const { at, device } = await findDatastore(session, target);
      const work = verb === 'mount' ? mountAt : unmountAt;
      const change = work(session, device.id, target.instance);
      const state = await withGroup(at, call, async (held) => {
        await admitDurably(held, call);
        await change(held);
        return held.state;
      });
      if (verb === 'mount' && target.instance === 'production' && isPreferred(state)) {
        await serveHere(session, at, call);
      }
      return { evidence: {} };
    });
  return { run, repeatable: true } as ChangingVerb<Session, V>;
};

export const mountVerbs = { mount: mounting('mount'), unmount: mounting('unmount') };

/** A datastore is listed for each instance: the test one while there is a copy. */
export const listDatastores = async (call: ListingCall<Session>): Promise<Page<Datastore>> => {
  const session = asCompute(call.session);
  const all: Datastore[] = [];
  for (const storage of await storagesOf(session)) {
    const run = await runOf(storage, call.signal);
    for (const { state, device } of await devicesOf(storage)) {
      const instances: Instance[] =
        state.test === undefined ? ['production'] : ['production', 'test'];
      for (const instance of instances) {
        all.push({
          id: device.datastoreId,
          name: device.datastoreId,
          devices: [{ arrayId: storage.id, deviceId: device.id }],
          mounted: isMounted(session, { state, device, run }, instance),
          instance,
        });
      }
    }
  }
  return pageOf(all, call.page, ({ id, instance }) => `${id}\n${instance}`);
};

/** A datastore that is mounted here. */
export interface Mounted {
  readonly id: string;
  /** A seat that waits for the role of its group has its bytes at the other end. */
  readonly waits: boolean;
}

export const mountedAt = async (
  session: ComputeSession,
  instance: Instance,
  signal: AbortSignal,
): Promise<readonly Mounted[]> => {
  const mounted: Mounted[] = [];
  for (const storage of await storagesOf(session)) {
    const run = await runOf(storage, signal);
    for (const { state, device } of await devicesOf(storage)) {
      if (!isMounted(session, { state, device, run }, instance)) continue;
      const waits = instance === 'production' && !acceptsWriters(state);
      mounted.push({ id: device.datastoreId, waits });
    }
  }
  return mounted.sort((one, other) => (one.id < other.id ? -1 : 1));
};

/** What a guest's disk is opened by. */
export interface Disk {
  readonly address: Address;
  readonly exportName: string;
  readonly uri: string;
  readonly sizeBytes: number;
  /** The licence under which it writes. */
  readonly lineage: string;
}

/** Who may open a production disk now: of a group whose role goes over, that migration alone. */
const checkOpen = (state: GroupState, migrationId: string | undefined): void => {
  if (migrationId !== undefined && state.swap?.migrationId === migrationId) return;
  checkStays(state);
  if (acceptsWriters(state)) return;
  throw failure('conflict', `group ${state.id} accepts no writers: it is ${state.role} here`, {
    hint: 'Its other end serves it: migrate its VM live, or stop what writes there first.',
  });
};

interface Seated {
  readonly at: GroupAt;
  readonly state: GroupState;
  readonly disk: Disk;
}

const seatedDisk = async (
  session: ComputeSession,
  datastoreId: string,
  instance: Instance,
  migrationId?: string,
): Promise<Seated> => {
  const { at, state, device } = await findDatastore(session, { id: datastoreId });
  const seat = seatsOf(state, instance).find(isSeat(session.id, device.id));
  if (seat === undefined) throw notMounted(session, datastoreId);
  if (instance === 'production') checkOpen(state, migrationId);
  const exportName =
    instance === 'production' ? hostExportOf(device, seat) : exportNameOf('test', device, state);
  const { address } = at.storage;
  const uri = nbdUri(address, exportName);
  const { sizeBytes } = device;
  return { at, state, disk: { address, exportName, uri, sizeBytes, lineage: state.lineage } };
};

const notMounted = ({ id }: ComputeSession, datastoreId: string) =>
  failure('conflict', `datastore ${datastoreId} is not mounted at ${id}`);

/**
 * The disk of a datastore that was mounted here, for those who open it: they see whether its export
 * is still there, and no monitor has to be asked. Throws `missing`, or `conflict`.
 * `migrationId`: of the migration whose destination opens it.
 */
export const diskToOpen = async (
  session: ComputeSession,
  datastoreId: string,
  instance: Instance,
  migrationId?: string,
): Promise<Disk> => (await seatedDisk(session, datastoreId, instance, migrationId)).disk;

/** The disk of a datastore that is mounted here now. Throws `missing`, or `conflict`. */
export const diskOf = async (
  session: ComputeSession,
  datastoreId: string,
  instance: Instance,
): Promise<Disk> => {
  const { at, state, disk } = await seatedDisk(session, datastoreId, instance);
  const run = await runOf(at.storage, AbortSignal.timeout(lockWaitMsMax));
  if (run === state.run) return disk;
  throw notMounted(session, datastoreId);
};
