/** Copies of a group beside the group: the writable test copy, and named snapshots. */
import { randomUUID } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import type { RecoveryPoint } from '@siteswap/sdk/plugin';
import { makeDirectory, syncDirectory } from './durable.ts';
import { failure } from './faults.ts';
import {
  acceptsWriters,
  type GroupAt,
  type GroupState,
  type HeldGroup,
  ownLicence,
  withGroup,
} from './group.ts';
import { cloneImages } from './image.ts';
import { devicesIn, snapshotIn, snapshotsIn, testIn } from './layout.ts';
import { snapshotsMax } from './limits.ts';
import { finishApplying, verifyReplica } from './replica.ts';
import type { Changed } from './roles.ts';
import { checkNoWriter, whileFrozen } from './seats.ts';

/** Copies a group's images to a folder that is there whole or not at all. */
const copyGroup = async ({ at, state }: HeldGroup, folder: string): Promise<void> => {
  const making = `${folder}.making`;
  await rm(making, { recursive: true, force: true });
  await rm(folder, { recursive: true, force: true });
  const clone = (): Promise<void> => cloneImages(state.devices, devicesIn(at.directory), making);
  await (acceptsWriters(state) ? whileFrozen(at, clone) : clone());
  await rename(making, folder);
};

/** Both ends of a stretched group stand at the present moment: a copy is of no older one. */
const pointOfNow = (): Pick<RecoveryPoint, 'id' | 'atMs'> => ({
  id: randomUUID(),
  atMs: Date.now(),
});

/** A writable copy of the replica; replication into the replica goes on. */
export const startTest = async (held: HeldGroup): Promise<Changed> => {
  if (held.state.role !== 'replica' && held.state.role !== 'stretched') {
    throw failure('conflict', `group ${held.state.id} is ${held.state.role} here, not the replica`);
  }
  if (held.state.test !== undefined) {
    throw failure('conflict', `group ${held.state.id} already has a test copy`, {
      code: 'FILES_COPY_EXISTS',
      hint: 'Run the cleanup of the test first.',
    });
  }
  await finishApplying(held);
  const point = held.state.role === 'stretched' ? pointOfNow() : held.state.point;
  if (point === undefined) {
    throw failure('conflict', `group ${held.state.id} has no complete recovery point here`, {
      hint: 'Sync it from its source first.',
    });
  }
  // What could not be promoted is to be found by a test, not in a fire.
  if (held.state.role === 'replica') await verifyReplica(held.at, held.state);
  await copyGroup(held, testIn(held.at.directory));
  return {
    next: { ...held.state, test: { pointId: point.id } },
    evidence: { recoveryPoint: point.id, recoveryPointAtMs: point.atMs },
  };
};

/** Forgets the test copy; its bytes go once that is durable. */
export const stopTest = async ({ at, state }: HeldGroup): Promise<Changed> => {
  await checkNoWriter(at, 'test');
  const { test, ...next } = state;
  return { next, evidence: {} };
};

export const dropTestBytes = ({ directory }: GroupAt): Promise<void> =>
  rm(testIn(directory), { recursive: true, force: true });

/**
 * What the end holds that a resync is about to overwrite, under a name. Its writers have ended. A
 * resync that was begun again finds the first one's.
 */
export const keepApart = (at: GroupAt, name: string): Promise<void> =>
  withGroup(at, ownLicence(), async (held) => {
    if (held.state.snapshots.some((snapshot) => snapshot.name === name)) return;
    const { next } = await takeSnapshot(held, name);
    await held.commit(next);
  });

/** Forgotten first: a snapshot's bytes go once that is durable. */
export const withoutSnapshot = (state: GroupState, name: string): GroupState => ({
  ...state,
  snapshots: state.snapshots.filter((one) => one.name !== name),
});

export const dropSnapshotBytes = ({ directory }: GroupAt, name: string): Promise<void> =>
  rm(snapshotIn(directory, name), { recursive: true, force: true });

export const dropSnapshot = async (at: GroupAt, name: string): Promise<void> => {
  await withGroup(at, ownLicence(), ({ state, commit }) => commit(withoutSnapshot(state, name)));
  await dropSnapshotBytes(at, name);
};

/** Refuses where there are as many snapshots as there may be. */
export const checkRoom = ({ storage: { id: arrayId } }: GroupAt, state: GroupState): void => {
  const { id, snapshots } = state;
  if (snapshots.length < snapshotsMax) return;
  const which = `${id} --array ${arrayId}`;
  throw failure('refused', `group ${id} already has ${snapshotsMax} snapshots at ${arrayId}`, {
    hint: `Remove some: siteswap snapshots list ${which}; siteswap snapshots remove ${which} …`,
  });
};

/** A named copy of the group's bytes of this moment. */
export const takeSnapshot = async (held: HeldGroup, name: string): Promise<Changed> => {
  const { at, state } = held;
  if (name === '') throw failure('refused', 'a snapshot needs a name');
  if (state.snapshots.some((snapshot) => snapshot.name === name)) {
    throw failure('conflict', `group ${state.id} already has a snapshot ${name}`);
  }
  checkRoom(at, state);
  await finishApplying(held);
  await makeDirectory(snapshotsIn(at.directory));
  const atMs = Date.now();
  await copyGroup(held, snapshotIn(at.directory, name));
  await syncDirectory(snapshotsIn(at.directory));
  const snapshots = [...held.state.snapshots, { name, atMs }];
  return { next: { ...held.state, snapshots }, evidence: { snapshotAtMs: atMs } };
};
