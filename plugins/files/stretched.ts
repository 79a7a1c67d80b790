/**
 * What can be asked of a stretched group: which site is preferred, to cut the other side off, and
 * to take it back. The bytes stand once, so neither needs a word with the other array, and nothing
 * that the other side did can have come apart: a side that was cut off cannot write.
 */
import { randomBytes } from 'node:crypto';
import type { Evidence } from '@siteswap/sdk/plugin';
import type { End, Stretched } from './ends.ts';
import { failure } from './faults.ts';
import { type GroupState, ordinalOf } from './group.ts';
import type { Changed } from './roles.ts';

const stretchedOf = ({ id, stretched }: GroupState): Stretched => {
  if (stretched !== undefined) return stretched;
  throw failure('refused', `group ${id} is not stretched`, { code: 'FILES_NOT_STRETCHED' });
};

/** For verbs that a stretched group has no use for: it has no source and no replica. */
export const checkPlain = ({ id, stretched }: GroupState): void => {
  if (stretched === undefined) return;
  throw failure('refused', `group ${id} is stretched: it has no source and no replica`, {
    code: 'FILES_STRETCHED',
    hint: 'Switch its site preference; after the loss of a site, fence the other side.',
  });
};

const checkNotIsolated = ({ id, fenced, lineage }: GroupState): void => {
  if (!fenced) return;
  throw failure('fenced', `group ${id} was isolated here: lineage ${lineage} writes elsewhere`, {
    hint: 'Resync it, called at the other array.',
  });
};

/** Which site goes on when the sites lose each other. */
export const prefer = (state: GroupState, siteId: string): Changed => {
  const stretched = stretchedOf(state);
  const { ends, isolated, parted, preferredSiteId } = stretched;
  checkNotIsolated(state);
  const evidence = { preferredSiteId: siteId };
  if (preferredSiteId === siteId) return { next: state, evidence };
  const end = ends.find((one) => one.siteId === siteId);
  if (end === undefined) {
    throw failure('refused', `group ${state.id} does not stand at site ${siteId}`, {
      code: 'FILES_UNKNOWN_SITE',
    });
  }
  if (parted === true || isolated === end.arrayId) {
    throw failure('refused', `group ${state.id}: site ${siteId} cannot be told`, {
      code: 'FILES_PARTED',
      hint: 'Resync the group first.',
    });
  }
  return { next: { ...state, stretched: { ...stretched, preferredSiteId: siteId } }, evidence };
};

/** Id of the array that this side has cut off. */
export const isolatedBy = ({ stretched }: GroupState): string | undefined =>
  stretched?.isolated === stretched?.ends[1].arrayId ? stretched?.isolated : undefined;

const isolation = (state: GroupState): Evidence => ({
  lineage: state.lineage,
  isolated: isolatedBy(state) ?? '',
});

/** Cuts the other side off, whatever the preference: in a new lineage that it has no part in. */
export const isolateOther = (state: GroupState): Changed => {
  const stretched = stretchedOf(state);
  checkNotIsolated(state);
  if (isolatedBy(state) !== undefined) return { next: state, evidence: isolation(state) };
  const [own, other] = stretched.ends;
  const { parted, ...rest } = stretched;
  const next: GroupState = {
    ...state,
    lineage: `${state.lineageMax + 1}-${randomBytes(4).toString('hex')}`,
    lineageMax: state.lineageMax + 1,
    stretched: { ...rest, isolated: other.arrayId, preferredSiteId: own.siteId },
  };
  return { next, evidence: isolation(next) };
};

/** Both ends have the same bytes at any time. */
export const nothingToMove = (state: GroupState): Changed => {
  checkNotIsolated(state);
  return { next: state, evidence: { lineage: state.lineage } };
};

/** Both ends serve again. Writers that the other one had before it was cut off stay cut off. */
export const rejoin = (state: GroupState): Changed => {
  const stretched = stretchedOf(state);
  checkNotIsolated(state);
  const evidence = { lineage: state.lineage };
  if (stretched.isolated === undefined) return { next: state, evidence };
  const { isolated, ...rest } = stretched;
  const [own, other] = rest.ends;
  const back: End = { ...other, acceptsFrom: ordinalOf(state.lineage) };
  return { next: { ...state, stretched: { ...rest, ends: [own, back] } }, evidence };
};
