/**
 * A stretched group that its arrays list as one device without a peer: they tell no role and no
 * preference of it, and both accept writers. So a failover moves no bytes and takes nothing from
 * the other side: the site where it was called is the one that goes on, should the sites lose each
 * other. What is the source is for whoever shows it to say (`present: shared-as-stretched`).
 */
import type { Direction } from '@siteswap/sdk/plugin';
import type { GroupState } from './group.ts';
import { type Changed, wantedDirection } from './roles.ts';
import { isolateOther, nothingToMove, prefer } from './stretched.ts';

export const isShared = ({ stretched }: GroupState): boolean => stretched?.unnamed === true;

const siteAt = ({ stretched, id }: GroupState, end: 0 | 1): string =>
  stretched?.ends[end].siteId ?? id;

/** By force the other side is cut off: it may be lost, and cannot be told that it is second now. */
export const takeOver = (state: GroupState, force: boolean): Changed =>
  force ? isolateOther(state) : prefer(state, siteAt(state, 0));

/** Which side is to be the source again, where it is said. */
export const restoreShared = (
  state: GroupState,
  to: Readonly<Record<string, Direction>> | undefined,
): Changed => {
  if (!state.devices.some(({ id }) => to?.[id] !== undefined)) return nothingToMove(state);
  return prefer(state, siteAt(state, wantedDirection(state, to) === 'outgoing' ? 0 : 1));
};
