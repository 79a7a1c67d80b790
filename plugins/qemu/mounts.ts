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
import { type Address, nbdUri, reachArray, type Storage } from './array.ts';
import { answerEach } from './calls.ts';
import { exportNameOf, removeExports } from './exports.ts';
import { failure } from './faults.ts';
import {
  acceptsWriters,
  allGroups,
  type GroupAt,
  type GroupState,
  groupAt,
  type HeldGroup,
  readGroup,
  type Seat,
  type StoredDevice,
  withGroup,
} from './group.ts';
import { live } from './layers.ts';
import { asCompute, type ComputeSession, type Session } from './session.ts';
import { pageOf } from './views.ts';

/** A device that a datastore stands on, at an array that the compute sees. */
interface Found {
  readonly at: GroupAt;
  readonly state: GroupState;
  readonly device: StoredDevice;
}

const storagesOf = (session: ComputeSession): Promise<Storage[]> =>
  Promise.all(
    Object.entries(session.arrays).map(([id, directory]) =>
      reachArray(directory, id, session.start),
    ),
  );

/** Every device that the compute sees. */
const devicesSeen = async (session: ComputeSession): Promise<readonly Found[]> => {
  const found: Found[] = [];
  for (const storage of await storagesOf(session)) {
    for (const state of await allGroups(storage)) {
      const at = groupAt(storage, state.id);
      for (const device of state.devices) found.push({ at, state, device });
    }
  }
  return found;
};

/** Throws `missing` when the compute sees no device of the datastore. */
const findDatastore = async (
  session: ComputeSession,
  { id, devices = [] }: Pick<DatastoreTarget, 'id' | 'devices'>,
): Promise<Found> => {
  const wanted = new Set(devices.map(({ arrayId, deviceId }) => `${arrayId}\n${deviceId}`));
  const found = (await devicesSeen(session)).find(({ at, device }) =>
    wanted.size > 0
      ? wanted.has(`${at.storage.id}\n${device.id}`) && device.datastoreId === id
      : device.datastoreId === id,
  );
  if (found !== undefined) return found;
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

const checkMountable = (state: GroupState, instance: Instance): void => {
  if (instance === 'test' && state.test === undefined) {
    throw failure('conflict', `group ${state.id} has no test copy`, {
      hint: 'Start the test failover first.',
    });
  }
  if (instance === 'test' || acceptsWriters(state)) return;
  throw failure('conflict', `group ${state.id} accepts no writers: it is ${state.role} here`, {
    hint: 'Promote it first.',
  });
};

const mountAt =
  (computeId: string, deviceId: string, instance: Instance) =>
  async (held: HeldGroup): Promise<void> => {
    await live(held);
    checkMountable(held.state, instance);
    const seats = seatsOf(held.state, instance);
    if (!seats.some(isSeat(computeId, deviceId))) {
      await held.commit(withSeats(held.state, instance, [...seats, { computeId, deviceId }]));
    }
    await live(held);
  };

/** The export goes before the seat: a crash in between leaves it mounted, and says so. */
const unmountAt =
  (computeId: string, deviceId: string, instance: Instance) =>
  async (held: HeldGroup): Promise<void> => {
    const seats = seatsOf(held.state, instance);
    const left = seats.filter((seat) => !isSeat(computeId, deviceId)(seat));
    if (left.length === seats.length) return;
    const { qmp } = await live(held);
    if (!left.some((seat) => seat.deviceId === deviceId)) {
      const use = instance === 'production' ? 'host' : 'test';
      await removeExports(held, qmp, use, { force: false, deviceId });
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
      await withGroup(at, call, work(session.id, device.id, target.instance));
      return { evidence: {} };
    });
  return { run, repeatable: true } as ChangingVerb<Session, V>;
};

export const mountVerbs = { mount: mounting('mount'), unmount: mounting('unmount') };

/** A datastore is listed for each instance: the test one while there is a copy. */
export const listDatastores = async (call: ListingCall<Session>): Promise<Page<Datastore>> => {
  const session = asCompute(call.session);
  const all = (await devicesSeen(session)).flatMap(({ at, state, device }) => {
    const instances: Instance[] =
      state.test === undefined ? ['production'] : ['production', 'test'];
    return instances.map((instance) => ({
      id: device.datastoreId,
      name: device.datastoreId,
      devices: [{ arrayId: at.storage.id, deviceId: device.id }],
      mounted: seatsOf(state, instance).some(isSeat(session.id, device.id)),
      instance,
    }));
  });
  return pageOf(all, call.page, ({ id, instance }) => `${id}\n${instance}`);
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

/** The disk of a mounted datastore. Throws `missing`, or `conflict` when it is not mounted here. */
export const diskOf = async (
  session: ComputeSession,
  datastoreId: string,
  instance: Instance,
): Promise<Disk> => {
  const { at, device } = await findDatastore(session, { id: datastoreId });
  const state = await readGroup(at);
  if (!seatsOf(state, instance).some(isSeat(session.id, device.id))) {
    throw failure('conflict', `datastore ${datastoreId} is not mounted at ${session.id}`);
  }
  const exportName = exportNameOf(instance === 'production' ? 'host' : 'test', device, state);
  const { address } = at.storage;
  const uri = nbdUri(address, exportName);
  return { address, exportName, uri, sizeBytes: device.sizeBytes, lineage: state.lineage };
};
