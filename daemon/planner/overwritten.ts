/**
 * What a resync overwrites, and who writes there. An array may well take an end of a pair back from
 * under a VM; whoever asks for that has mostly called the wrong one of the two arrays.
 */
import { someOf } from '../core/some.ts';
import type { Findings } from './findings.ts';
import type { Target, World } from './world.ts';
import { vmsOn } from './writers.ts';

interface Targets {
  readonly arrayId: string;
  readonly targets: readonly Target[];
}

/** The other end of a device, where its array is one of ours. */
export interface OtherEnd {
  readonly siteId: string;
  readonly arrayId: string;
  readonly deviceId: string;
}

const otherEnds = (world: World, arrayId: string, target: Target): readonly OtherEnd[] =>
  world.peersOf(arrayId, world.targeted(arrayId, target)).flatMap((peer) => {
    const siteId = world.remote(peer.arrayId)?.siteId;
    return siteId === undefined ? [] : [{ siteId, ...peer }];
  });

export const otherEndsOf = (world: World, { arrayId, targets }: Targets): readonly OtherEnd[] =>
  targets.flatMap((target) => otherEnds(world, arrayId, target));

/** Adds the VMs that run at the other ends' sites on what would be overwritten. */
export const checkOverwritten = (
  { arrayId, targets }: Targets,
  world: World,
  findings: Findings,
): void => {
  targets.forEach((target, at) => {
    const bySite = Map.groupBy(otherEnds(world, arrayId, target), ({ siteId }) => siteId);
    for (const [siteId, ends] of bySite) {
      const vms = vmsOn(ends, world, siteId);
      if (vms.length === 0) continue;
      const arrays = someOf([...new Set(ends.map((end) => end.arrayId))]);
      const verb = vms.length === 1 ? 'runs' : 'run';
      findings.obstacle(
        `targets[${at}].id`,
        `${someOf(vms)} ${verb} at site "${siteId}" on the other end of "${target.id}", which a ` +
          `resync at "${arrayId}" overwrites: if that is the data that counts, call ${arrays} ` +
          'instead; if not, stop what runs there first',
      );
    }
  });
};
