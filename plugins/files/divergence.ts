/**
 * What an end of a parted pair holds and the other lacks: the blocks that differ from the recovery
 * point on which the other end was promoted. The end that was promoted still has that point's
 * checksums, so nothing has to be kept for it, and nobody is asked to remember what was written.
 */
import { failure, faultOf } from './faults.ts';
import { type GroupAt, type GroupState, type Point, readGroup } from './group.ts';
import { digestOf, eachBlock, type Sums, sumAt, sumOf } from './image.ts';
import { imageFile } from './layout.ts';
import { blockBytes, divergenceBytesMax } from './limits.ts';
import { storedSums } from './replica.ts';
import { asArray, peerOf, type Session } from './session.ts';

/** Bytes by position of the device in its group; undefined: not known, or nothing is parted. */
export type Diverged = readonly number[] | undefined;

interface Base {
  readonly at: GroupAt;
  readonly state: GroupState;
  readonly point: Point;
}

/** The promoted end of a pair that has one: this one or the other. */
const baseOf = async (
  session: Session,
  at: GroupAt,
  state: GroupState,
): Promise<Base | undefined> => {
  if (state.role === 'promoted') {
    const point = state.promotedFrom?.point;
    return point === undefined ? undefined : { at, state, point };
  }
  if (state.role !== 'source' && state.role !== 'demoted') return undefined;
  if (state.peerArrayId === undefined) return undefined;
  const peer = await peerOf(asArray(session), state);
  const there = await readGroup(peer);
  const point = there.role === 'promoted' ? there.promotedFrom?.point : undefined;
  return point === undefined ? undefined : { at: peer, state: there, point };
};

const sumsOfPoint = async ({ at, state, point }: Base): Promise<readonly Sums[]> => {
  const sums = await storedSums(at, state);
  if (digestOf(sums) === point.digest) return sums;
  throw failure('corrupt', `the checksums of group ${state.id} are of another point`);
};

const differing = async (image: string, sums: Sums): Promise<number> => {
  let bytes = 0;
  await eachBlock(image, (block, index) => {
    if (!sumOf(block).equals(sumAt(sums, index))) bytes += blockBytes;
  });
  return bytes;
};

const count = async (session: Session, at: GroupAt, state: GroupState): Promise<Diverged> => {
  const bytes = state.devices.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const base = bytes > divergenceBytesMax ? undefined : await baseOf(session, at, state);
  if (base === undefined) return undefined;
  const known = await sumsOfPoint(base);
  const found: number[] = [];
  for (const [position, { id }] of state.devices.entries()) {
    const image = imageFile(at.directory, id, 'production');
    found.push(await differing(image, known[position] as Sums));
  }
  return found;
};

/** Never fails: what cannot be compared is not known. */
export const divergedBytesOf = async (
  session: Session,
  at: GroupAt,
  state: GroupState,
): Promise<Diverged> => {
  // Both ends of a stretched group are the same bytes, whichever was cut off.
  if (state.stretched?.isolated !== undefined) return state.devices.map(() => 0);
  try {
    return await count(session, at, state);
  } catch (error) {
    if (faultOf(error) === undefined) throw error;
    return undefined;
  }
};
