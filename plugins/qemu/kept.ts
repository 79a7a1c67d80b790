/**
 * Copies of a group that stand by themselves, each under a name, for people to look at: snapshots,
 * and what a resync overwrote. One is there when the group's state names it; a folder that it does
 * not name was left by whoever died before that, and goes with the next copy.
 */
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Snapshot } from '@siteswap/sdk/plugin';
import { checkId, encodeId } from './array.ts';
import { makeDirectory, namesIn, syncDirectory } from './durable.ts';
import { failure } from './faults.ts';
import {
  type GroupAt,
  type GroupState,
  type HeldGroup,
  readGroup,
  type StoredDevice,
} from './group.ts';
import { copyImage } from './images.ts';
import { snapshotsMax } from './limits.ts';
import { imageOf } from './names.ts';

const keptIn = ({ directory }: GroupAt): string => join(directory, 'kept');

/** Names come from outside: a folder's name is one segment whatever they are. */
const folderOf = (at: GroupAt, name: string): string => join(keptIn(at), encodeId(name));

const snapshotsOf = ({ snapshots = [] }: GroupState): readonly Snapshot[] => snapshots;

/** What was kept apart, oldest first. */
export const keptOf = async (at: GroupAt): Promise<readonly Snapshot[]> =>
  snapshotsOf(await readGroup(at));

export const isKept = (state: GroupState, name: string): boolean =>
  snapshotsOf(state).some((one) => one.name === name);

export const withKept = (state: GroupState, kept: Snapshot): GroupState => ({
  ...state,
  snapshots: [...snapshotsOf(state).filter(({ name }) => name !== kept.name), kept],
});

export const withoutKept = (state: GroupState, name: string): GroupState => ({
  ...state,
  snapshots: snapshotsOf(state).filter((one) => one.name !== name),
});

/** Refuses a name that none can have, and one copy too many; a copy made anew is none more. */
export const checkKeepable = (state: GroupState, name: string): void => {
  checkId(name);
  if (isKept(state, name) || snapshotsOf(state).length < snapshotsMax) return;
  throw failure('refused', `group ${state.id} already has ${snapshotsMax} snapshots`, {
    hint: 'Remove those that nobody needs any more.',
  });
};

/** Bytes of copies that the state does not name. */
export const dropUnnamed = async ({ at, state }: HeldGroup): Promise<void> => {
  const named = new Set(snapshotsOf(state).map(({ name }) => encodeId(name)));
  for (const folder of await namesIn(keptIn(at))) {
    if (!named.has(folder)) await rm(join(keptIn(at), folder), { recursive: true, force: true });
  }
};

/** A layer of a group with all below it, as this group's own array or its peer holds it. */
export interface Copied {
  readonly at: GroupAt;
  readonly layer: string;
  /** The device there of one here. */
  readonly deviceOf: (device: StoredDevice) => StoredDevice;
}

/** Copies it to where a name's bytes stand: there whole, or not at all. Then name it. */
export const copyApart = async (
  { at, state, signal }: HeldGroup,
  { at: from, layer, deviceOf }: Copied,
  name: string,
): Promise<void> => {
  const folder = folderOf(at, name);
  const making = join(keptIn(at), '.making');
  for (const old of [making, folder]) await rm(old, { recursive: true, force: true });
  await makeDirectory(making);
  for (const device of state.devices) {
    const to = join(making, `${encodeId(device.id)}.qcow2`);
    await copyImage(imageOf(from, deviceOf(device), layer), to, signal);
  }
  await syncDirectory(making);
  await rename(making, folder);
  await syncDirectory(keptIn(at));
};
