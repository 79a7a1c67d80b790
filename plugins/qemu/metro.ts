/**
 * A pair that serves two sites: hosts of both may have it mounted, and writers are at one end,
 * where the role is. That goes over with a VM that migrates (`swap.ts`), or, when nobody writes, to
 * where the group is preferred or a VM of it is started. While the ends are equal both are told as
 * one stretched device; cut apart, each is what its role says.
 */
import { randomUUID } from 'node:crypto';
import type { Evidence } from '@siteswap/sdk/plugin';
import { failure, faultOf, ignoreDistance } from './faults.ts';
import { type GroupState, type HeldGroup, type Metro, newLineage } from './group.ts';
import { live } from './layers.ts';
import { lastBytesMsMax } from './limits.ts';
import { waitFor } from './locks.ts';
import { replicate, stopReplicating } from './replicate.ts';
import {
  type Changed,
  checkIdle,
  demote,
  promoteByForce,
  promoteInPeace,
  turnPair,
} from './roles.ts';
import { checkSound, handOver } from './swap.ts';

export const metroOf = ({ id, metro }: GroupState): Metro => {
  if (metro !== undefined) return metro;
  throw failure('unsupported', `group ${id} does not serve two sites`);
};

/** Whether the group belongs to the end that is looked at. */
export const isPreferred = ({ metro }: GroupState): boolean =>
  metro !== undefined && metro.preferredSiteId === metro.siteId;

/** Only who served it can have been left behind; who took it over never asks the other end. */
export const mayBeLeftBehind = ({ metro, role, fenced }: GroupState): boolean =>
  metro !== undefined && !metro.isolated && !fenced && (role === 'source' || role === 'demoted');

/** The other site is cut off, without a word to it: this end goes on alone, in a new lineage. */
export const isolateMetro = async (held: HeldGroup): Promise<Changed> => {
  const { isolated, siteId } = metroOf(held.state);
  if (held.state.fenced) throw failure('fenced', `group ${held.state.id} was fenced off itself`);
  if (isolated) return { next: held.state, evidence: { lineage: held.state.lineage } };
  const alone = await openAlone(held);
  const { swap, ...rest } = alone.next;
  const metro = { ...metroOf(rest), isolated: true as const, preferredSiteId: siteId };
  return { next: { ...rest, metro }, evidence: alone.evidence };
};

const openAlone = async (held: HeldGroup): Promise<Changed> => {
  if (held.state.role === 'replica') return promoteByForce(held);
  await stopReplicating(held);
  const lineageMax = held.state.lineageMax + 1;
  const lineage = newLineage(lineageMax);
  const role = held.state.role === 'demoted' ? 'source' : held.state.role;
  return { next: { ...held.state, role, lineage, lineageMax }, evidence: { lineage } };
};

/** Notes at one end which site is preferred. */
export const preferring = (state: GroupState, preferredSiteId: string): GroupState => {
  const metro = metroOf(state);
  if (![metro.siteId, metro.peerSiteId].includes(preferredSiteId)) {
    throw failure('refused', `group ${state.id} does not serve site ${preferredSiteId}`, {
      hint: `It serves ${metro.siteId} and ${metro.peerSiteId}.`,
    });
  }
  return { ...state, metro: { ...metro, preferredSiteId } };
};

/** The preference stands at both ends, or it is asked for again; the role follows. */
export const preferMetro = async (
  held: HeldGroup,
  peer: HeldGroup,
  siteId: string,
): Promise<Changed> => {
  const ends = [held, peer].map((end) => ({ end, next: preferring(end.state, siteId) }));
  for (const { end, next } of ends) {
    if (!next.metro?.isolated) continue;
    throw failure('conflict', `group ${next.id} was cut apart at ${end.at.storage.id}`, {
      hint: 'Resync it there first.',
    });
  }
  for (const { end, next } of ends) await end.commit(next);
  const isOwn = metroOf(held.state).siteId === siteId;
  const [to, from] = isOwn ? [held, peer] : [peer, held];
  if (from.state.hosts.length === 0) await bringRole(to, from);
  return { next: held.state, evidence: { lineage: held.state.lineage } };
};

/** Until the ends are equal; there when they are. */
const send = (from: HeldGroup, to: HeldGroup): Promise<Evidence | undefined> => {
  const pointId = randomUUID();
  const sent = async () => (await replicate(from, to, pointId)).done;
  return waitFor(sent, lastBytesMsMax, from.signal);
};

/** The mirror runs the other way now; to a peer that is gone, with the next sync. */
const turn = async (sender: HeldGroup, receiver: HeldGroup): Promise<void> => {
  await turnPair(sender, receiver);
  await send(sender, receiver).catch(ignoreDistance);
};

/**
 * The role goes to one end, if nobody writes at the other; it stays where somebody does, and where
 * the ends are not equal. Taken up from wherever an earlier try has ended.
 */
export const bringRole = async (to: HeldGroup, from: HeldGroup): Promise<void> => {
  if (to.state.role === 'source' || from.state.swap !== undefined) return;
  try {
    if (to.state.role === 'replica') await open(from, to);
  } catch (error) {
    const kind = faultOf(error)?.kind;
    if (kind !== 'conflict' && kind !== 'busy') throw error;
    // Whose exports were taken away ahead of the one that is in use gets them back.
    await live(from);
    return;
  }
  if (to.state.role === 'promoted' && !to.state.metro?.isolated) await turn(to, from);
};

/** Throws `conflict` where somebody writes, or the ends are not known to be equal. */
const open = async (from: HeldGroup, to: HeldGroup): Promise<void> => {
  checkIdle(to.state);
  if (from.state.role === 'demoted') {
    await send(from, to);
    await to.commit((await promoteInPeace(to, from)).next);
    return;
  }
  await checkSound(from, to);
  const { hosts } = from.state;
  await from.commit({ ...(await demote(from)).next, hosts });
  await handOver(from, to);
};
