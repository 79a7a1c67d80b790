/**
 * Who may write where: demote, promote, fence, restore, suspend. Each works on a held group and
 * leaves one commit to its caller, so that a role and the memory of the call change together.
 */
import { randomUUID } from 'node:crypto';
import type { Direction, Evidence } from '@siteswap/sdk/plugin';
import { failure } from './faults.ts';
import { acceptsWriters, type GroupState, type HeldGroup, newLineage, ordinalOf } from './group.ts';
import { actualDigest, finishApplying, verifyReplica } from './replica.ts';
import { checkNoWriter } from './seats.ts';

/** What a change made of a group, and what it says about it. */
export interface Changed {
  readonly next: GroupState;
  readonly evidence: Evidence;
}

/** Refuses while a long job works on the group. */
export const checkIdle = ({ id, operation }: GroupState): void => {
  if (operation === undefined) return;
  throw failure('busy', `operation ${operation} works on group ${id}`);
};

/** Source → demoted: no writer is accepted any more. */
export const demote = async ({ at, state }: HeldGroup): Promise<Changed> => {
  const evidence = { lineage: state.lineage };
  if (state.role === 'demoted') return { next: state, evidence };
  if (state.role !== 'source') {
    throw failure('conflict', `group ${state.id} is ${state.role} here, not the source`);
  }
  if (state.fenced) throw failure('fenced', `group ${state.id}: a newer lineage writes elsewhere`);
  checkIdle(state);
  await checkNoWriter(at, 'production');
  return { next: { ...state, role: 'demoted' }, evidence };
};

const promotionOf = (state: GroupState): Evidence => {
  const point = state.promotedFrom?.point;
  return {
    lineage: state.lineage,
    ...(point === undefined ? {} : { recoveryPoint: point.id, recoveryPointAtMs: point.atMs }),
  };
};

const promoted = (state: GroupState, lineage: string): Changed => {
  const { point, lineage: before, ...rest } = state;
  if (point === undefined) {
    throw failure('conflict', `group ${state.id} has no complete recovery point here`, {
      hint: 'Sync it from its source first.',
    });
  }
  const next: GroupState = {
    ...rest,
    role: 'promoted',
    lineage,
    lineageMax: Math.max(state.lineageMax, ordinalOf(lineage)),
    fenced: false,
    sumsHold: false,
    promotedFrom: { lineage: before, point },
  };
  return { next, evidence: promotionOf(next) };
};

const checkReplica = (state: GroupState): void => {
  if (state.role === 'replica') return;
  throw failure('conflict', `group ${state.id} is ${state.role} here, not the replica`);
};

/** A demoted source takes back, in a new lineage, what went to a side that is lost. */
const takeBack = async ({ at, state }: HeldGroup): Promise<Changed> => {
  const lineage = newLineage(state.lineageMax + 1);
  const digest = await actualDigest(at, state);
  const by = at.storage.id;
  const point = { id: randomUUID(), atMs: Date.now(), by, digest, lineage: state.lineage };
  const { next } = promoted({ ...state, point }, lineage);
  const from = { lineage: state.lineage, point, demoted: true } as const;
  const back = { ...next, promotedFrom: from };
  return { next: back, evidence: promotionOf(back) };
};

/** Promotes onto the last complete recovery point, without a look at the source: a new lineage. */
export const promoteByForce = async (held: HeldGroup): Promise<Changed> => {
  if (held.state.role === 'promoted') {
    return { next: held.state, evidence: promotionOf(held.state) };
  }
  if (held.state.role === 'demoted') return takeBack(held);
  checkReplica(held.state);
  await finishApplying(held);
  await verifyReplica(held.at, held.state);
  const lineage = newLineage(held.state.lineageMax + 1);
  return promoted(held.state, lineage);
};

/** Promotes onto the demoted source's last bytes; the lineage goes on. Both ends are held. */
export const promoteInPeace = async (held: HeldGroup, source: HeldGroup): Promise<Changed> => {
  if (held.state.role === 'promoted') {
    return { next: held.state, evidence: promotionOf(held.state) };
  }
  checkReplica(held.state);
  await finishApplying(held);
  if (source.state.role !== 'demoted') {
    throw failure('conflict', `group ${held.state.id} is ${source.state.role} at its source`, {
      code: 'FILES_NOT_DEMOTED',
      hint: 'Prepare the failover at the source first.',
    });
  }
  if ((await actualDigest(source.at, source.state)) !== held.state.point?.digest) {
    throw failure('conflict', `group ${held.state.id} lacks the last bytes of its source`, {
      code: 'FILES_NOT_FINAL',
      hint: 'Sync it from its demoted source first.',
    });
  }
  await verifyReplica(held.at, held.state);
  return promoted(held.state, held.state.point.lineage);
};

/** Cuts off writers whose lineage is older than what the peer, if it answers, writes under. */
export const fence = (state: GroupState, peer: GroupState | undefined): Changed => {
  const newer =
    peer !== undefined &&
    acceptsWriters(peer) &&
    ordinalOf(peer.lineage) > ordinalOf(state.lineage);
  const next = newer ? { ...state, fenced: true } : state;
  const lineageMax = Math.max(state.lineageMax, peer === undefined ? 0 : ordinalOf(peer.lineage));
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
  if (direction === undefined)
    return ['source', 'demoted'].includes(state.role) || state.promotedFrom?.demoted === true
      ? 'outgoing'
      : 'incoming';
  if (direction === 'outgoing' || direction === 'incoming') return direction;
  throw failure('refused', `group ${state.id} cannot be restored to direction ${direction}`);
};

const lost = (state: GroupState): Error =>
  failure('conflict', `group ${state.id} was written since: its bytes would be lost`, {
    code: 'FILES_WRITTEN_SINCE',
    hint: 'Keep them (reverse), or resync from the other array.',
  });

/** Back to the replica that it was before it was promoted, or before the pair was reversed. */
export const restoreIncoming = async (held: HeldGroup, peer?: GroupState): Promise<Changed> => {
  const { at, state } = held;
  const evidence = { lineage: state.promotedFrom?.lineage ?? state.lineage };
  if (state.role === 'replica') return { next: state, evidence };
  checkIdle(state);
  await checkNoWriter(at, 'production');
  const { promotedFrom, point: sent, ...rest } = state;
  const point = promotedFrom?.point ?? (peer?.role === 'replica' ? peer.point : undefined);
  if (state.role === 'demoted' || state.role === 'single' || point === undefined) {
    throw failure('conflict', `group ${state.id} is ${state.role} here and was never the replica`);
  }
  if ((await actualDigest(at, state)) !== point.digest) throw lost(state);
  const next = { ...rest, role: 'replica', point, sumsHold: false, ...evidence } as const;
  return { next, evidence };
};

/** Undoes `takeBack`: as demoted as before, as long as nothing was written. */
export const restoreDemoted = async ({ at, state }: HeldGroup): Promise<Changed> => {
  checkIdle(state);
  await checkNoWriter(at, 'production');
  const { promotedFrom, ...rest } = state;
  if (promotedFrom === undefined) throw lost(state);
  if ((await actualDigest(at, state)) !== promotedFrom.point.digest) throw lost(state);
  const { lineage } = promotedFrom;
  return { next: { ...rest, role: 'demoted', lineage }, evidence: { lineage } };
};

/** Back to the source that it was before it was demoted, or before the pair was reversed. */
export const restoreOutgoing = async (held: HeldGroup, peer: GroupState): Promise<Changed> => {
  const { state } = held;
  const evidence = { lineage: state.lineage };
  if (state.role === 'source' && !state.fenced) return { next: state, evidence };
  checkIdle(state);
  if (acceptsWriters(peer) || state.fenced) {
    throw failure('conflict', `group ${state.id} is ${peer.role} at its peer: two would write`, {
      code: 'FILES_TWO_WRITERS',
      hint: 'Restore the other array first.',
    });
  }
  if (state.role !== 'demoted' && state.role !== 'replica') {
    throw failure('conflict', `group ${state.id} is ${state.role} here: reverse it instead`);
  }
  await finishApplying(held);
  if (held.state.role === 'replica' && held.state.point?.digest !== peer.point?.digest) {
    throw lost(state);
  }
  return { next: { ...held.state, role: 'source', sumsHold: false }, evidence };
};

/** Stops or lets go on the flow to the peer; only the source end can say. */
export const setSuspended = (state: GroupState, suspended: boolean): Changed => {
  if (state.role !== 'source' && state.role !== 'demoted') {
    throw failure('conflict', `group ${state.id} is ${state.role} here, not the source`);
  }
  if (suspended) checkIdle(state);
  return { next: { ...state, suspended }, evidence: {} };
};
