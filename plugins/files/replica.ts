/**
 * How changed blocks get into a replica, so that it is whole at any moment.
 *
 * They are collected in a log first. Only when all of them are there, synced, does the state name
 * the new recovery point (`applying`); from then on the log is replayed by whoever opens the group
 * next, as often as needed. A crash before that moment leaves the previous point, a crash after it
 * the new one, and neither leaves a mixture.
 */
import { constants } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { failure } from './faults.ts';
import type { GroupAt, GroupState, HeldGroup, Point } from './group.ts';
import { digestOf, readSums, type Sums, sumOf, sumsOf, writeSums } from './image.ts';
import { imageFile, incomingLog, sumsFile } from './layout.ts';
import { blockBytes, sumBytes } from './limits.ts';

const headerBytes = 8;
const recordBytes = headerBytes + sumBytes + blockBytes;

/** A changed block on its way: which device (by position), which block, its checksum and bytes. */
export const encodeRecord = (device: number, block: number, sum: Buffer, bytes: Buffer): Buffer => {
  const record = Buffer.alloc(recordBytes);
  record.writeUInt32LE(device, 0);
  record.writeUInt32LE(block, 4);
  sum.copy(record, headerBytes);
  bytes.copy(record, headerBytes + sumBytes);
  return record;
};

/** What puts a damaged replica right. */
const copyAnew = ({ id, peerArrayId }: GroupState): string =>
  `Copy it anew: siteswap device resync ${id} --array ${peerArrayId}.`;

/** Checksums as stored, which hold; throws when they are damaged or gone. */
export const storedSums = async (at: GroupAt, state: GroupState): Promise<Sums[]> => {
  const all: Sums[] = [];
  for (const { id, sizeBytes } of state.devices) {
    const sums = await readSums(sumsFile(at.directory, id));
    if (sums?.length !== (sizeBytes / blockBytes) * sumBytes) {
      throw failure('corrupt', `the checksums of device ${id} are gone or damaged`, {
        hint: copyAnew(state),
        members: [id],
      });
    }
    all.push(sums);
  }
  return all;
};

/** Checksums of the bytes that are really there. */
export const actualSums = async (at: GroupAt, { devices }: GroupState): Promise<Sums[]> => {
  const all: Sums[] = [];
  for (const { id } of devices) {
    all.push(await sumsOf(imageFile(at.directory, id, 'production')));
  }
  return all;
};

/** Digest of the bytes that are really there. */
export const actualDigest = async (at: GroupAt, state: GroupState): Promise<string> =>
  digestOf(await actualSums(at, state));

/** Makes the stored checksums those of the bytes that are there. */
export const refreshSums = async (held: HeldGroup): Promise<void> => {
  const { at, state, commit } = held;
  const all = await actualSums(at, state);
  for (const [position, { id }] of state.devices.entries()) {
    await writeSums(sumsFile(at.directory, id), all[position] as Sums);
  }
  await commit({ ...state, sumsHold: true });
};

const replay = async (
  state: GroupState,
  log: FileHandle,
  blocks: number,
  images: readonly FileHandle[],
  all: readonly Sums[],
): Promise<void> => {
  const record = Buffer.alloc(recordBytes);
  for (let at = 0; at < blocks; at++) {
    const { bytesRead } = await log.read(record, 0, recordBytes, at * recordBytes);
    const bytes = record.subarray(headerBytes + sumBytes);
    const sum = record.subarray(headerBytes, headerBytes + sumBytes);
    const device = record.readUInt32LE(0);
    const block = record.readUInt32LE(4);
    const image = images[device];
    if (bytesRead !== recordBytes || image === undefined || !sumOf(bytes).equals(sum)) {
      throw failure('corrupt', `block ${at} of ${blocks} on its way does not match its checksum`, {
        hint: copyAnew(state),
      });
    }
    await image.write(bytes, 0, blockBytes, block * blockBytes);
    sum.copy(all[device] as Sums, block * sumBytes);
  }
};

const replayInto = async (
  { at, state }: HeldGroup,
  blocks: number,
  all: readonly Sums[],
): Promise<void> => {
  const handles: FileHandle[] = [];
  try {
    const log = await open(incomingLog(at.directory), 'r');
    handles.push(log);
    const images: FileHandle[] = [];
    for (const { id } of state.devices) {
      const image = await open(imageFile(at.directory, id, 'production'), constants.O_RDWR);
      handles.push(image);
      images.push(image);
    }
    await replay(state, log, blocks, images, all);
    for (const image of images) await image.datasync();
  } finally {
    for (const handle of handles) await handle.close();
  }
};

/** Brings the replica to the point that its state names, if that was interrupted. */
export const finishApplying = async (held: HeldGroup): Promise<void> => {
  const { at, state, commit } = held;
  if (state.applying === undefined) return;
  const { applying, ...rest } = state;
  const { blocks, ...point } = applying;
  const all = await storedSums(at, state);
  await replayInto(held, blocks, all);
  if (digestOf(all) !== point.digest) {
    throw failure('corrupt', `group ${state.id} does not add up to recovery point ${point.id}`, {
      hint: copyAnew(state),
    });
  }
  for (const [position, { id }] of state.devices.entries()) {
    await writeSums(sumsFile(at.directory, id), all[position] as Sums);
  }
  await commit({ ...rest, point, sumsHold: true });
  await rm(incomingLog(at.directory), { force: true });
};

/** All blocks of `point` are in the log: makes it the replica's. */
export const landPoint = async (held: HeldGroup, point: Point, blocks: number): Promise<void> => {
  await held.commit({ ...held.state, applying: { ...point, blocks } });
  await finishApplying(held);
};

/** Throws `corrupt` when bytes of the replica are not those of its recovery point. */
export const verifyReplica = async (at: GroupAt, state: GroupState): Promise<void> => {
  const stored = await storedSums(at, state);
  const actual = await actualSums(at, state);
  const members = state.devices
    .filter((_, position) => !stored[position]?.equals(actual[position] as Sums))
    .map(({ id }) => id);
  if (members.length === 0) return;
  throw failure('corrupt', `bytes of ${members.join(', ')} do not match their checksums`, {
    hint: copyAnew(state),
    members,
  });
};
