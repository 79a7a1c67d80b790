/**
 * VMs that were moved between datastores of the plan: their copies have to be seen together, so
 * what they stand on is brought over together, and mounted before any of them is chosen.
 */
import type { Path } from '../core/frozen.ts';
import type { MoveBook } from '../core/moves.ts';
import type { Mode } from '../core/plan.ts';
import type { Placement } from './datastores.ts';
import type { Findings } from './findings.ts';
import type { Group } from './resolve-groups.ts';
import type { Member } from './resolve-vms.ts';

export interface CopyQuestion {
  readonly mode: Mode;
  readonly groups: readonly Group[];
  /** Per group. */
  readonly paths: readonly Path[];
  readonly placement: Placement;
  readonly copies: MoveBook;
  readonly findings: Findings;
}

const choosing: ReadonlySet<Mode> = new Set(['test', 'planned', 'disaster']);

/** Adds to each VM the groups under datastores that may hold another copy of it. */
export const withCopies = (
  members: readonly Member[],
  { mode, groups, paths, placement, copies, findings }: CopyQuestion,
): readonly Member[] => {
  if (copies.size === 0 || !choosing.has(mode)) return members;
  const groupOf = new Map(
    placement.datastores.flatMap((list, group) => list.map(({ id }) => [id, group] as const)),
  );
  return members.map((member) => {
    const first = member.groups[0] ?? 0;
    const added = new Set<number>();
    for (const id of copies.get(member.id) ?? []) {
      const group = groupOf.get(id);
      if (group === undefined || member.groups.includes(group)) continue;
      const fits =
        groups[group]?.protectionGroup === member.protectionGroup && paths[group] === paths[first];
      if (fits) added.add(group);
      else {
        findings.warn(
          member.field,
          `VM "${member.id}" was moved from or to datastore "${id}", which this plan moves by ` +
            'another way or protection group: its copies are not compared; put both into one',
        );
      }
    }
    if (added.size === 0) return member;
    return { ...member, groups: [...member.groups, ...added].sort((a, b) => a - b) };
  });
};
