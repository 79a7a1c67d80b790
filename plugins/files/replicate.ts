/**
 * Replication of one group, once: a copy of one moment at the sender, the blocks in which the
 * receiver differs, and a recovery point at the receiver. No lock is held while blocks travel.
 */
import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { failure } from './faults.ts';
import {
  acceptsWriters,
  type GroupAt,
  type GroupState,
  lockOf,
  ordinalOf,
  ownLicence,
  type Point,
  withGroup,
} from './group.ts';
import { cloneImages, digestOf, eachBlock, type Sums, sumAt, sumOf, sumsOf } from './image.ts';
import { devicesIn, imageIn, incomingLog, outgoingIn } from './layout.ts';
import { blockBytes } from './limits.ts';
import { withLocks } from './lock.ts';
import { encodeRecord, finishApplying, landPoint, refreshSums, storedSums } from './replica.ts';
import { whileFrozen } from './seats.ts';

/** What a replication came to. */
export interface Moved {
  readonly point: Point;
  readonly blocks: number;
}

/** Called now and then with how much of the images has been compared: 0 to 1. */
export type Report = (progress: number) => Promise<void>;

/** Refuses unless the group's bytes may go to its peer. */
export const checkSender = (state: GroupState): void => {
  if (state.fenced) {
    throw failure('fenced', `group ${state.id}: lineage ${state.lineage} is fenced here`);
  }
  if (state.suspended) {
    throw failure('conflict', `replication of group ${state.id} is suspended`, {
      hint: 'Resume it first.',
    });
  }
  if (state.role === 'source' || state.role === 'demoted') return;
  throw failure('conflict', `group ${state.id} is ${state.role} here, not the source`, {
    hint: state.role === 'promoted' ? 'Reverse the replication first.' : 'Call the other array.',
  });
};

const checkReceiver = (state: GroupState, lineage: string): void => {
  if (state.role !== 'replica') {
    throw failure('conflict', `group ${state.id} is ${state.role} at its peer, not the replica`);
  }
  if (ordinalOf(state.lineage) > ordinalOf(lineage)) {
    throw failure('fenced', `lineage ${lineage} is older than ${state.lineage} at the peer`);
  }
};

/** A copy of the sender's bytes of one moment, and the point that it will be at the receiver. */
const takeCopy = async (
  sender: GroupAt,
  by: string,
): Promise<{ point: Point; state: GroupState }> => {
  const folder = outgoingIn(sender.directory);
  const { state, atMs } = await withGroup(sender, ownLicence(), async ({ at, state }) => {
    checkSender(state);
    await rm(folder, { recursive: true, force: true });
    const clone = async (): Promise<number> => {
      const atMs = Date.now();
      await cloneImages(state.devices, devicesIn(at.directory), folder);
      return atMs;
    };
    return { state, atMs: await (acceptsWriters(state) ? whileFrozen(at, clone) : clone()) };
  });
  const sums: Sums[] = [];
  for (const { id } of state.devices) sums.push(await sumsOf(imageIn(folder, id)));
  const digest = digestOf(sums);
  return { state, point: { id: randomUUID(), atMs, by, digest, lineage: state.lineage } };
};

interface Base {
  readonly sums: readonly Sums[];
  readonly pointId: string | undefined;
}

/** Checksums of what the receiver holds, and as of which point. */
const openReceiver = (receiver: GroupAt, { lineage }: Point): Promise<Base> =>
  withGroup(receiver, ownLicence(), async (held) => {
    checkReceiver(held.state, lineage);
    await finishApplying(held);
    if (!held.state.sumsHold) await refreshSums(held);
    return { sums: await storedSums(held.at, held.state), pointId: held.state.point?.id };
  });

/** The receiver must still be what the blocks were chosen against. */
const checkBase = (state: GroupState, point: Point, base: Base): void => {
  checkReceiver(state, point.lineage);
  if (state.sumsHold && state.point?.id === base.pointId) return;
  throw failure('interrupted', `the replica of group ${state.id} changed during the copy`);
};

/** Holds a copy to its array's bandwidth. */
const makeThrottle = (
  bytesPerSecondMax: number | undefined,
): ((bytes: number) => Promise<void>) => {
  const startedAt = performance.now();
  let sent = 0;
  return async (bytes) => {
    if (bytesPerSecondMax === undefined) return;
    sent += bytes;
    const aheadMs = (sent / bytesPerSecondMax) * 1000 - (performance.now() - startedAt);
    if (aheadMs > 1) await sleep(aheadMs);
  };
};

interface Staging {
  readonly sender: GroupAt;
  readonly state: GroupState;
  readonly known: readonly Sums[];
  readonly report: Report;
}

const stageInto = async (log: FileHandle, staging: Staging): Promise<number> => {
  const { sender, state, known, report } = staging;
  const throttle = makeThrottle(sender.storage.bytesPerSecondMax);
  const blocksTotal = state.devices.reduce((sum, { sizeBytes }) => sum + sizeBytes / blockBytes, 0);
  let compared = 0;
  let blocks = 0;
  for (const [position, { id }] of state.devices.entries()) {
    const sums = known[position] as Sums;
    await eachBlock(imageIn(outgoingIn(sender.directory), id), async (block, index) => {
      compared++;
      const sum = sumOf(block);
      if (sum.equals(sumAt(sums, index))) return;
      await log.appendFile(encodeRecord(position, index, sum, block));
      blocks++;
      await throttle(blockBytes);
      await report(compared / blocksTotal);
    });
  }
  return blocks;
};

/** Puts every block in which the receiver differs into its log; answers their number. */
const stageBlocks = async (receiver: GroupAt, staging: Staging): Promise<number> => {
  const log = await open(incomingLog(receiver.directory), 'w', 0o600);
  try {
    const blocks = await stageInto(log, staging);
    await log.sync();
    return blocks;
  } finally {
    await log.close();
  }
};

/** The sender notes what its peer holds. */
const noteLanded = (sender: GroupAt, point: Point): Promise<void> =>
  withGroup(sender, ownLicence(), async ({ at, state, commit }) => {
    if (state.role === 'source' || state.role === 'demoted') await commit({ ...state, point });
    await rm(outgoingIn(at.directory), { recursive: true, force: true });
  });

/**
 * Brings the receiver to the sender's bytes. The receiver keeps its previous recovery point until
 * the new one is whole; a receiver that was promoted meanwhile is left alone.
 */
export const replicate = (
  sender: GroupAt,
  receiver: GroupAt,
  report: Report = async () => undefined,
): Promise<Moved> =>
  withLocks([`copy into ${lockOf(receiver)}`], {}, async () => {
    const { point, state } = await takeCopy(sender, receiver.storage.id);
    const base = await openReceiver(receiver, point);
    const blocks = await stageBlocks(receiver, { sender, state, known: base.sums, report });
    await withGroup(receiver, ownLicence(), async (held) => {
      checkBase(held.state, point, base);
      await landPoint(held, point, blocks);
    });
    await noteLanded(sender, point);
    return { point, blocks };
  });
