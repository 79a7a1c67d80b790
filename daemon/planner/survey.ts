/**
 * What stands on a plan's groups: datastores, VMs, and the computes that work for them. It is most
 * of the work of freezing a large plan, and a pure function of lists that are the very same objects
 * while nothing in them has changed: so a survey that was made before may stand.
 */
import type { Path, Side } from '../core/frozen.ts';
import type { RemoteEvidence } from '../core/inventory.ts';
import type { MoveBook } from '../core/moves.ts';
import type { Mode, Plan } from '../core/plan.ts';
import { chooseComputes } from './choose-computes.ts';
import { withCopies } from './copies.ts';
import { type Placement, placeDatastores } from './datastores.ts';
import { checkUnwritten } from './dependencies.ts';
import { Findings } from './findings.ts';
import type { Group, GroupEnd } from './resolve-groups.ts';
import { type Member, resolveVms } from './resolve-vms.ts';

/** Sides at which the run calls computes, and whether it has to do with VMs at all. */
export interface Needs {
  readonly vms: boolean;
  readonly computesAt: Readonly<Record<Side, boolean>>;
}

export interface SurveyQuestion {
  readonly plan: Plan;
  readonly mode: Mode;
  readonly groups: readonly Group[];
  /** Per group. */
  readonly paths: readonly Path[];
  readonly protectedComputes: readonly RemoteEvidence[];
  readonly recoveryComputes: readonly RemoteEvidence[];
  readonly needs: Needs;
  /** VM → datastores that may hold a copy of it; the very same while it has not changed. */
  readonly copies: MoveBook;
  /** VM → its datastores, by the word of a run: where no compute has told of it since. */
  readonly remembered: ReadonlyMap<string, readonly string[]>;
}

/** The very same each time, so that it is no news. */
export const nothingRemembered: ReadonlyMap<string, readonly string[]> = new Map();

export interface Survey {
  readonly question: SurveyQuestion;
  readonly placement: Placement;
  readonly members: readonly Member[];
  /** Per group, as are the next: the compute that works for it. */
  readonly protectedComputes: readonly string[];
  readonly recoveryComputes: readonly string[];
  readonly findings: Findings;
}

const survey = (question: SurveyQuestion): Survey => {
  const { plan, groups, protectedComputes, recoveryComputes, needs } = question;
  const findings = new Findings();
  const placement = placeDatastores(groups, [...protectedComputes, ...recoveryComputes], findings);
  const asking = { ...question, placement, findings };
  const members = needs.vms ? withCopies(resolveVms(asking), asking) : [];
  if (needs.vms) checkUnwritten(plan, members, findings);
  const choose = (side: Side): readonly string[] =>
    chooseComputes({
      side,
      siteId: side === 'protected' ? plan.protectedSiteId : plan.recoverySiteId,
      computes: side === 'protected' ? protectedComputes : recoveryComputes,
      groups,
      placement,
      needed: needs.computesAt[side],
      findings,
    });
  return {
    question,
    placement,
    members,
    protectedComputes: choose('protected'),
    recoveryComputes: choose('recovery'),
    findings,
  };
};

const sameItems = <T>(
  one: readonly T[],
  other: readonly T[],
  same: (a: T, b: T) => boolean = (a, b) => a === b,
): boolean => one.length === other.length && one.every((item, at) => same(item, other[at] as T));

const sameEnd = (one: GroupEnd, other: GroupEnd): boolean =>
  one.arrayId === other.arrayId &&
  one.target.id === other.target.id &&
  sameItems(one.target.devices, other.target.devices) &&
  sameItems(
    one.target.peers ?? [],
    other.target.peers ?? [],
    (a, b) => a.arrayId === b.arrayId && a.deviceId === b.deviceId,
  );

/** The same devices at the same ends; how they are now is no part of a survey. */
const sameGroup = (one: Group, other: Group): boolean =>
  one.id === other.id &&
  one.field === other.field &&
  one.protectionGroup === other.protectionGroup &&
  sameEnd(one.protected, other.protected) &&
  sameEnd(one.recovery, other.recovery);

/** What they list is the very same. */
const sameLists = (one: RemoteEvidence, other: RemoteEvidence): boolean =>
  one.remote.id === other.remote.id && one.vms === other.vms && one.datastores === other.datastores;

const sameNeeds = (one: Needs, other: Needs): boolean =>
  one.vms === other.vms &&
  one.computesAt.protected === other.computesAt.protected &&
  one.computesAt.recovery === other.computesAt.recovery;

const sameQuestion = (one: SurveyQuestion, other: SurveyQuestion): boolean =>
  one.plan === other.plan &&
  one.mode === other.mode &&
  one.copies === other.copies &&
  one.remembered === other.remembered &&
  sameNeeds(one.needs, other.needs) &&
  sameItems(one.paths, other.paths) &&
  sameItems(one.protectedComputes, other.protectedComputes, sameLists) &&
  sameItems(one.recoveryComputes, other.recoveryComputes, sameLists) &&
  sameItems(one.groups, other.groups, sameGroup);

/** `earlier` itself, where it answers the question; else a new one. */
export const surveyOf = (question: SurveyQuestion, earlier: Survey | undefined): Survey =>
  earlier !== undefined && sameQuestion(earlier.question, question) ? earlier : survey(question);
