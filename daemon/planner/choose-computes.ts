/** Which compute of a site works for a group, where a site has more than one. */
import type { Side } from '../core/frozen.ts';
import type { RemoteEvidence } from '../core/inventory.ts';
import type { Placement } from './datastores.ts';
import type { Findings } from './findings.ts';
import type { Group } from './resolve-groups.ts';

export interface ComputeQuestion {
  readonly side: Side;
  readonly siteId: string;
  readonly computes: readonly RemoteEvidence[];
  readonly groups: readonly Group[];
  readonly placement: Placement;
  /** False: nothing is called at this side, so any answer will do where none is clear. */
  readonly needed: boolean;
  readonly findings: Findings;
}

/** Group positions → ids of the computes at which something of the group was seen. */
type Seen = readonly ReadonlySet<string>[];

const withVms = ({ computes, groups, placement }: ComputeQuestion): Seen => {
  const seen = groups.map(() => new Set<string>());
  for (const { remote, vms } of computes) {
    const standing = placement.standing.get(remote.id);
    for (const vm of vms) {
      if (vm.instance !== 'production') continue;
      for (const id of vm.datastoreIds) {
        const group = standing?.get(id);
        if (typeof group === 'number') seen[group]?.add(remote.id);
      }
    }
  }
  return seen;
};

const withDatastores = ({ computes, groups, placement }: ComputeQuestion): Seen => {
  const seen = groups.map(() => new Set<string>());
  for (const { remote } of computes) {
    for (const group of placement.standing.get(remote.id)?.values() ?? []) {
      if (typeof group === 'number') seen[group]?.add(remote.id);
    }
  }
  return seen;
};

/** The compute of each group at one side; '' where there is none and none is needed. */
export const chooseComputes = (question: ComputeQuestion): readonly string[] => {
  const { side, siteId, computes, groups, placement, needed, findings } = question;
  const ids = computes.map(({ remote }) => remote.id);
  const only = ids.length === 1 ? ids[0] : undefined;
  if (only !== undefined) return groups.map(() => only);
  const seenVms = withVms(question);
  const seenDatastores = withDatastores(question);
  return groups.map((group, i) => {
    const first = side === 'protected' ? seenVms[i] : seenDatastores[i];
    const second = side === 'protected' ? seenDatastores[i] : seenVms[i];
    const candidates = [...((first?.size ?? 0) > 0 ? (first ?? []) : (second ?? []))];
    if (candidates.length === 1) return candidates[0] ?? '';
    const idle = !needed || (placement.datastores[i]?.length ?? 0) === 0;
    if (idle) return ids[0] ?? '';
    const among = candidates.length > 0 ? candidates : ids;
    findings.problem(
      group.field,
      among.length === 0
        ? `site "${siteId}" has no known compute for the datastores of "${group.id}": ` +
            'configure one there and list its VMs'
        : `it is not clear which compute of site "${siteId}" works for "${group.id}" ` +
            `(${among.join(', ')}): let exactly one of them list its datastores`,
    );
    return '';
  });
};
