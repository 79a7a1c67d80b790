/**
 * The two ends of a stretched group. Its bytes, its state and its writers stand once, in a
 * directory that both arrays see; each array knows the devices by ids of its own. So there is one
 * state, and whoever reads it sees it as one of the two arrays does: with its own end first.
 */
import type { GroupState } from './group.ts';

export interface End {
  readonly arrayId: string;
  readonly siteId: string;
  /**
   * Writers of this end go on under this ordinal of lineages or a higher one. It is raised when an
   * end that was isolated comes back: a writer that slept through all of that is still refused.
   */
  readonly acceptsFrom: number;
}

export interface Stretched {
  /** The end that looks, and the other one. */
  readonly ends: readonly [End, End];
  /** Keeps serving when the sites lose each other. */
  readonly preferredSiteId: string;
  /** Array whose end was cut off by the other one. */
  readonly isolated?: string;
  /** The sites have lost each other: only the preferred end serves. */
  readonly parted?: true;
  /** A write from the side that is not preferred takes this much longer. */
  readonly crossSiteMs: number;
  /** Neither array names the other end: both list the devices under one id (see shared.ts). */
  readonly unnamed?: true;
}

const turned = (state: GroupState, { ends: [own, other], ...rest }: Stretched): GroupState => ({
  ...state,
  peerArrayId: own.arrayId,
  devices: state.devices.map(({ id, peerId = id, ...device }) => ({
    ...device,
    id: peerId,
    peerId: id,
  })),
  stretched: { ...rest, ends: [other, own] },
});

/** A state as an array sees it; one that is not stretched looks the same from everywhere. */
export const asSeenBy = (state: GroupState, arrayId: string): GroupState => {
  const { stretched } = state;
  if (stretched === undefined) return state;
  const seen = stretched.ends[0].arrayId === arrayId ? state : turned(state, stretched);
  return { ...seen, fenced: stretched.isolated === arrayId };
};

/** The end that looks is the one that goes on, should the sites lose each other. */
export const isPreferred = ({ ends: [own], preferredSiteId }: Stretched): boolean =>
  own.siteId === preferredSiteId;

/** Cut off by the loss of the other site, not by a fence: its writers wait. */
export const standsStill = ({ stretched, fenced }: GroupState): boolean =>
  stretched?.parted === true && !fenced && !isPreferred(stretched);
