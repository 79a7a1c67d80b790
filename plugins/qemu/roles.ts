/**
 * Who may write where: demote, promote, fence, restore, turn. Roles are durable before anything is
 * taken away or given, so whoever dies in between leaves a group that refuses rather than one that
 * two can write to.
 */
import { randomUUID } from 'node:crypto';
import type { Direction, Evidence, RecoveryPoint } from '@siteswap/sdk/plugin';
import type { Licence } from '@siteswap/sdk/plugin/kit';
import { removeExports } from './exports.ts';
import { failure, ignoreDelay } from './faults.ts';
import {
  acceptsWriters,
  commonPoint,
  type GroupAt,
  type GroupState,
  type HeldGroup,
  isLeftBehind,
  newestPoint,
  newLineage,
  ordinalOf,
  standingOf,
  withPair,
} from './group.ts';
import { cut, live, writtenBytes } from './layers.ts';
import { waitFor } from './locks.ts';
import { freezeLive, replicate, stopReplicating } from './replicate.ts';

/** What a change made of a group, and what it says about it. */
export interface Changed {
  readonly next: GroupState;
  readonly evidence: Evidence;
}

/** Refuses while a long job works on the group. */
export const checkIdle = (state: GroupState): void => {
  checkStays(state);
  if (state.operation === undefined) return;
  throw failure('busy', `operation ${state.operation} works on group ${state.id}`);
};

/** Refuses while a live migration takes the group's role along. */
export const checkStays = ({ id, swap }: GroupState): void => {
  if (swap === undefined) return;
  throw failure('busy', `group ${id} goes over with live migration ${swap.migrationId}`, {
    hint: 'Wait for its end; one that nobody drives any more ends when its VM is asked about.',
  });
};

/** Source → demoted: no writer is accepted any more, and none is there. */
export const demote = async (held: HeldGroup): Promise<Changed> => {
  const { state } = held;
  const evidence = { lineage: state.lineage };
  if (state.role === 'demoted') return { next: state, evidence };
  if (state.role !== 'source') {
    throw failure('conflict', `group ${state.id} is ${state.role} here, not the source`);
  }
  if (state.fenced) throw failure('fenced', `group ${state.id}: a newer lineage writes elsewhere`);
  checkIdle(state);
  const { qmp } = await live(held);
  await removeExports(held, qmp, 'host', { force: false });
  return { next: { ...held.state, role: 'demoted', hosts: [] }, evidence };
};

const standsOn = (point: RecoveryPoint | undefined): Evidence =>
  point === undefined ? {} : { recoveryPoint: point.id, recoveryPointAtMs: point.atMs };

const promoted = (state: GroupState, lineage: string): Changed => ({
  next: {
    ...state,
    role: 'promoted',
    lineage,
    lineageMax: Math.max(state.lineageMax, ordinalOf(lineage)),
    fenced: false,
    suspended: false,
    inflow: 'still',
    promotedFrom: { lineage: state.lineage },
  },
  evidence: { lineage, ...standsOn(newestPoint(state)) },
});

const checkReplica = (state: GroupState): void => {
  if (state.role === 'replica') return;
  throw failure('conflict', `group ${state.id} is ${state.role} here, not the replica`);
};

/** Promotes onto what is here, without a look at the source: a new lineage. */
export const promoteByForce = async (held: HeldGroup): Promise<Changed> => {
  if (held.state.role === 'promoted') {
    const { state } = held;
    return { next: state, evidence: { lineage: state.lineage, ...standsOn(newestPoint(state)) } };
  }
  checkReplica(held.state);
  const { point } = standingOf(held.state);
  const { qmp } = await live(held);
  await removeExports(held, qmp, 'replica', { force: true });
  if (held.state.inflow === 'partial') await cut(held, { pointId: point.id });
  if (held.state.inflow === 'live') await freezeLive(held, { inflow: 'still' });
  // Both look after the exports of a replica: what they gave back is taken away for good.
  await removeExports(held, qmp, 'replica', { force: true });
  return promoted(held.state, newLineage(held.state.lineageMax + 1));
};

/** Promotes onto the demoted source's last bytes; the lineage goes on. Both ends are held. */
export const promoteInPeace = async (held: HeldGroup, source: HeldGroup): Promise<Changed> => {
  if (held.state.role === 'promoted') {
    return { next: held.state, evidence: { lineage: held.state.lineage } };
  }
  checkReplica(held.state);
  checkStays(source.state);
  if (source.state.role !== 'demoted') {
    throw failure('conflict', `group ${held.state.id} is ${source.state.role} at its source`, {
      code: 'QEMU_NOT_DEMOTED',
      hint: 'Prepare the failover at the source first.',
    });
  }
  const { qmp } = await live(source);
  const isFinal =
    newestPoint(source.state)?.id === newestPoint(held.state)?.id &&
    held.state.inflow !== 'partial' &&
    (await writtenBytes(source, qmp)) === 0;
  if (!isFinal) {
    throw failure('conflict', `group ${held.state.id} lacks the last bytes of its source`, {
      code: 'QEMU_NOT_FINAL',
      hint: 'Sync it from its demoted source first.',
    });
  }
  await stopReplicating(source);
  const monitor = await live(held);
  await removeExports(held, monitor.qmp, 'replica', { force: true });
  return promoted(held.state, source.state.lineage);
};

/** Cuts off writers whose lineage is older than what the peer, if it is known, writes under. */
export const fence = (state: GroupState, peer: GroupState | undefined): Changed => {
  const newer = peer !== undefined && isLeftBehind(state, peer);
  const heard = peer === undefined ? 0 : ordinalOf(peer.lineage);
  const lineageMax = Math.max(state.lineageMax, heard);
  const next = newer ? { ...state, fenced: true, hosts: [] } : state;
  return {
    next: { ...next, lineageMax },
    evidence: { fenced: next.fenced, lineage: newer ? peer.lineage : state.lineage },
  };
};

/** Where the roles of a target's devices should go; all of a group's devices go the same way. */
export const wantedDirection = (
  state: GroupState,
  to: Readonly<Record<string, Direction>> | undefined,
): 'outgoing' | 'incoming' => {
  const given = new Set(state.devices.flatMap(({ id }) => to?.[id] ?? []));
  const [direction] = given;
  if (given.size > 1) {
    throw failure('refused', `the devices of group ${state.id} cannot go in different directions`);
  }
  if (direction === undefined) {
    return ['source', 'demoted'].includes(state.role) ? 'outgoing' : 'incoming';
  }
  if (direction === 'outgoing' || direction === 'incoming') return direction;
  throw failure('refused', `group ${state.id} cannot be restored to direction ${direction}`);
};

const writtenSince = (state: GroupState): Error =>
  failure('conflict', `group ${state.id} was written since: its bytes would be lost`, {
    code: 'QEMU_WRITTEN_SINCE',
    hint: 'Keep them (reverse), or resync from the other array.',
  });

/** Back to the replica that it was before it was promoted, or before the pair was reversed. */
export const restoreIncoming = async (held: HeldGroup): Promise<Changed> => {
  const { state } = held;
  const lineage = state.promotedFrom?.lineage ?? state.lineage;
  if (state.role === 'replica') return { next: state, evidence: { lineage } };
  checkIdle(state);
  if (state.role !== 'promoted' && state.role !== 'source') {
    throw failure('conflict', `group ${state.id} is ${state.role} here and was never the replica`);
  }
  const { qmp } = await live(held);
  await removeExports(held, qmp, 'host', { force: false });
  if (state.role === 'source') await stopReplicating(held);
  if ((await writtenBytes(held, qmp)) !== 0) throw writtenSince(state);
  const { promotedFrom, ...rest } = held.state;
  const next = { ...rest, role: 'replica', lineage, hosts: [], inflow: 'still' } as const;
  return { next, evidence: { lineage } };
};

/** Back to the source that it was before it was demoted, or before the pair was reversed. */
export const restoreOutgoing = async (held: HeldGroup, peer: GroupState): Promise<Changed> => {
  const { state } = held;
  const evidence = { lineage: state.lineage };
  if (state.role === 'source' && !state.fenced) return { next: state, evidence };
  checkIdle(state);
  if (acceptsWriters(peer) || state.fenced) {
    throw failure('conflict', `group ${state.id} is ${peer.role} at its peer: two would write`, {
      code: 'QEMU_TWO_WRITERS',
      hint: 'Restore the other array first.',
    });
  }
  if (state.role !== 'demoted' && state.role !== 'replica') {
    throw failure('conflict', `group ${state.id} is ${state.role} here: reverse it instead`);
  }
  const { qmp } = await live(held);
  if (state.role === 'replica') {
    const same = newestPoint(state)?.id === newestPoint(peer)?.id && state.inflow !== 'partial';
    if (!same) throw writtenSince(state);
    await removeExports(held, qmp, 'replica', { force: true });
  }
  return { next: { ...held.state, role: 'source', suspended: false }, evidence };
};

/** Refuses unless this end may send what it has to its peer. */
export const checkMaySend = (sender: GroupState, receiver: GroupState): void => {
  if (sender.role !== 'source' && sender.role !== 'promoted') {
    throw failure('conflict', `group ${sender.id} is ${sender.role}: it holds nothing newer`, {
      hint: 'Promote it first, or call its peer.',
    });
  }
  const older = ordinalOf(sender.lineage) < ordinalOf(receiver.lineage);
  if (sender.fenced || older) {
    const lost = `lineage ${sender.lineage} has lost to ${receiver.lineage}`;
    throw failure('fenced', `group ${sender.id}: ${lost}`, {
      hint: 'Reverse or resync from the other array.',
    });
  }
  const rival = receiver.role === 'promoted' || receiver.role === 'source';
  if (rival && !receiver.fenced && sender.lineage === receiver.lineage) {
    throw failure('conflict', `group ${sender.id} accepts writers at both ends in one lineage`);
  }
};

/** Somebody says that this end's data counts, though its licence is the older: it gets a newer. */
export const licenseAnew = async (
  { state, commit }: HeldGroup,
  peer: GroupState,
): Promise<void> => {
  if (state.fenced || ordinalOf(state.lineage) >= ordinalOf(peer.lineage)) return;
  const lineageMax = Math.max(state.lineageMax, peer.lineageMax) + 1;
  await commit({ ...state, lineage: newLineage(lineageMax), lineageMax });
};

/** Both ends serve it again; what the sender prefers counts. */
const metroBeside = ({ metro }: GroupState, sender: GroupState): Pick<GroupState, 'metro'> => {
  if (metro === undefined) return {};
  const { isolated, ...whole } = metro;
  const preferredSiteId = sender.metro?.preferredSiteId ?? whole.preferredSiteId;
  return { metro: { ...whole, preferredSiteId } };
};

/** The receiver's writers end; it goes back to what both ends hold, and takes what is sent. */
const makeReceiver = async (
  receiver: HeldGroup,
  sender: GroupState,
  keepAs: string | undefined,
): Promise<void> => {
  const { state } = receiver;
  if (state.role === 'replica') {
    // The sender went on alone meanwhile: its end of two sites hears under which licence.
    if (state.metro === undefined || state.lineage === sender.lineage) return;
    const { lineage } = sender;
    const lineageMax = Math.max(state.lineageMax, ordinalOf(lineage));
    await receiver.commit({ ...state, ...metroBeside(state, sender), lineage, lineageMax });
    return;
  }
  if (acceptsWriters(state)) await receiver.commit({ ...state, fenced: true, hosts: [] });
  const { qmp } = await live(receiver);
  await removeExports(receiver, qmp, 'host', { force: true });
  await stopReplicating(receiver);
  const common = commonPoint(receiver.state, sender);
  const also = {
    ...metroBeside(receiver.state, sender),
    // In one lineage the seats of two sites wait for the role to come back.
    hosts: state.lineage === sender.lineage ? receiver.state.hosts : [],
    role: 'replica',
    lineage: sender.lineage,
    lineageMax: Math.max(state.lineageMax, ordinalOf(sender.lineage)),
    fenced: false,
    suspended: false,
    inflow: 'partial',
    forgot: false,
  } as const;
  await cut(receiver, {
    ...(common === undefined ? {} : { pointId: common.id }),
    ...(keepAs === undefined ? {} : { keepAs }),
    also,
    without: ['promotedFrom', 'confirmed', 'operation', 'swap'],
  });
};

/** Turns the pair so that `sender` sends. Doing it again changes nothing. */
export const turnPair = async (
  sender: HeldGroup,
  receiver: HeldGroup,
  keepAs?: string,
): Promise<void> => {
  checkMaySend(sender.state, receiver.state);
  // What it once shipped went to bytes that are about to be left out.
  if (receiver.state.role !== 'replica') await stopReplicating(sender);
  await makeReceiver(receiver, sender.state, keepAs);
  const { promotedFrom, swap, ...rest } = sender.state;
  const { isolated } = sender.state.metro ?? {};
  if (rest.role === 'source' && !rest.suspended && isolated === undefined) return;
  const whole = metroBeside(sender.state, sender.state);
  await sender.commit({ ...rest, ...whole, role: 'source', suspended: false });
};

/**
 * A synchronous pair is mirrored again, up to the word that the mirrors miss nothing: before that
 * the target does not count what arrives, and a mirror that nobody asks any more never gets there.
 * What is not equal in time, or whose peer is out of reach, waits for the next sync.
 */
export const resumeFlow = async (
  from: GroupAt,
  to: GroupAt,
  licence: Licence,
  waitMsMax: number,
): Promise<void> => {
  const pointId = randomUUID();
  const step = () =>
    withPair(from, to, licence, async (source, target) => {
      const { mode, role, suspended } = source.state;
      const isMirrored = mode === 'synchronous' && role === 'source' && !suspended;
      if (!isMirrored || target.state.role !== 'replica') return {};
      return (await replicate(source, target, pointId)).done;
    });
  await waitFor(step, waitMsMax, licence.signal).catch(ignoreDelay);
};
