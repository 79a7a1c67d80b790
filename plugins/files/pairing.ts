/**
 * What the two ends of a pair become when replication is to flow from one of them to the other:
 * for reverse and resync. The receiving end loses its writers first, and only to a lineage that is
 * not older than its own; then the sending end takes over.
 */
import { failure } from './faults.ts';
import {
  type GroupAt,
  type GroupState,
  type HeldGroup,
  newLineage,
  ordinalOf,
  ownLicence,
  readGroup,
  withGroup,
} from './group.ts';
import { finishApplying } from './replica.ts';
import { drainWriters } from './seats.ts';

const withoutPoint = ({ point, applying, promotedFrom, ...rest }: GroupState): GroupState => rest;

/** Refuses unless this end may send what it has to its peer. */
export const checkMaySend = (sender: GroupState, receiver: GroupState): void => {
  if (sender.role !== 'source' && sender.role !== 'promoted') {
    throw failure(
      'conflict',
      `group ${sender.id} is ${sender.role} there: it holds nothing newer`,
      {
        hint:
          sender.role === 'demoted'
            ? `Give it its role back first: siteswap device restore ${sender.id} --array ….`
            : 'Promote it first, or call its peer.',
      },
    );
  }
  const older = ordinalOf(sender.lineage) < ordinalOf(receiver.lineage);
  if (sender.fenced || older) {
    throw failure(
      'fenced',
      `group ${sender.id}: lineage ${sender.lineage} has lost to ${receiver.lineage}`,
      { hint: 'Reverse or resync from the other array.' },
    );
  }
  const rival = receiver.role === 'promoted' || receiver.role === 'source';
  if (rival && !receiver.fenced && sender.lineage === receiver.lineage) {
    throw failure('conflict', `group ${sender.id} accepts writers at both ends in one lineage`);
  }
};

/**
 * Somebody says that this end's data counts, though its licence is the older one: it gets a newer
 * one. An end that was fenced stays so.
 */
export const licenseAnew = async (
  { state, commit }: HeldGroup,
  peer: GroupState,
): Promise<void> => {
  if (state.fenced || ordinalOf(state.lineage) >= ordinalOf(peer.lineage)) return;
  const lineageMax = Math.max(state.lineageMax, peer.lineageMax) + 1;
  await commit({ ...state, lineage: newLineage(lineageMax), lineageMax });
};

/** The peer becomes the replica: its writers end, and what it holds will be overwritten. */
const makeReceiver = async (receiver: GroupAt, sender: GroupState): Promise<void> => {
  await withGroup(receiver, ownLicence(), async ({ state, commit }) => {
    checkMaySend(sender, state);
    await commit({
      ...withoutPoint(state),
      role: 'replica',
      lineage: sender.lineage,
      lineageMax: Math.max(state.lineageMax, ordinalOf(sender.lineage)),
      fenced: false,
      suspended: false,
      sumsHold: false,
    });
  });
  await drainWriters(receiver);
};

const makeSender = (sender: GroupAt): Promise<void> =>
  withGroup(sender, ownLicence(), async (held) => {
    await finishApplying(held);
    const { state, commit } = held;
    if (state.role === 'source' && !state.suspended) return;
    await commit({ ...withoutPoint(state), role: 'source', suspended: false });
  });

/** Turns the pair so that `sender` sends. Doing it again changes nothing. */
export const turnPair = async (sender: GroupAt, receiver: GroupAt): Promise<void> => {
  const state = await readGroup(sender);
  await makeReceiver(receiver, state);
  await makeSender(sender);
};
