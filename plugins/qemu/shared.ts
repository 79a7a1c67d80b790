/**
 * A group that the hosts of two sites share: its bytes stand once, both sites write to them, and
 * one of the two is preferred. What a verb of roles can mean here is who goes on alone: nothing
 * moves, and nothing can come apart. The other site is never asked.
 */
import type { Access, Direction } from '@siteswap/sdk/plugin';
import { failure } from './faults.ts';
import { type GroupState, newLineage, type Shared } from './group.ts';
import { type Changed, wantedDirection } from './roles.ts';

export const isShared = ({ shared }: GroupState): boolean => shared !== undefined;

const sharedOf = ({ id, shared }: GroupState): Shared => {
  if (shared !== undefined) return shared;
  throw failure('unsupported', `group ${id} is not shared by two sites`);
};

const otherSite = ({ id, shared }: GroupState, siteId: string): string => {
  const siteIds: readonly string[] = shared?.siteIds ?? [];
  const other = siteIds.find((one) => one !== siteId);
  if (other !== undefined && siteIds.includes(siteId)) return other;
  throw failure('refused', `group ${id} is not shared by site ${siteId}`, {
    hint: `It is shared by ${siteIds.join(' and ')}.`,
  });
};

/** A fence that the other side called holds for a site, whoever asks there. */
export const checkNotIsolated = ({ id, shared, lineage }: GroupState, siteId: string): void => {
  if (shared === undefined || shared.isolatedSiteId !== siteId) return;
  throw failure('fenced', `group ${id} was fenced off from site ${siteId}: ${lineage} writes`);
};

/** The side that goes on serving it. */
export const prefer = (state: GroupState, siteId: string): Changed => {
  const shared = sharedOf(state);
  otherSite(state, siteId);
  checkNotIsolated(state, siteId);
  const next = { ...state, shared: { ...shared, preferredSiteId: siteId } };
  return { next, evidence: { lineage: state.lineage } };
};

/** The other site is fenced off; hosts of this one go on under the exports that they have. */
export const isolate = (state: GroupState, siteId: string): Changed => {
  const shared = sharedOf(state);
  const isolatedSiteId = otherSite(state, siteId);
  checkNotIsolated(state, siteId);
  if (shared.isolatedSiteId !== undefined) {
    return { next: state, evidence: { lineage: state.lineage } };
  }
  const lineageMax = state.lineageMax + 1;
  const lineage = newLineage(lineageMax);
  const hosts = state.hosts.filter((seat) => seat.siteId === siteId);
  const alone = { ...shared, isolatedSiteId, preferredSiteId: siteId };
  return { next: { ...state, lineage, lineageMax, hosts, shared: alone }, evidence: { lineage } };
};

/** By force the other side is cut off: it may be lost, and cannot be told that it is second now. */
export const takeOver = (state: GroupState, siteId: string, force: boolean): Changed =>
  force ? isolate(state, siteId) : prefer(state, siteId);

/** The site that was fenced off may write again, in the lineage of the fence. */
export const rejoin = (state: GroupState, siteId: string): Changed => {
  const { isolatedSiteId, ...shared } = sharedOf(state);
  checkNotIsolated(state, siteId);
  return { next: { ...state, shared }, evidence: { lineage: state.lineage } };
};

/** Which side is to be the source again, where it is said. */
export const restoreShared = (
  state: GroupState,
  siteId: string,
  to: Readonly<Record<string, Direction>> | undefined,
): Changed => {
  const { lineage } = state;
  if (!state.devices.some(({ id }) => to?.[id] !== undefined)) {
    return { next: state, evidence: { lineage } };
  }
  const isSource = wantedDirection(state, to) === 'outgoing';
  return prefer(state, isSource ? siteId : otherSite(state, siteId));
};

/** As a site sees it: both serve it, until one is fenced off. */
export const roleAt = (
  { isolatedSiteId }: Shared,
  siteId: string,
): { readonly direction: Direction; readonly access: Access } => {
  if (isolatedSiteId === undefined) return { direction: 'none', access: 'read-write' };
  return isolatedSiteId === siteId
    ? { direction: 'incoming', access: 'read-only' }
    : { direction: 'outgoing', access: 'read-write' };
};
