/**
 * How much data a disaster run is going to lose, by what the recovery side knows before it begins.
 * Whoever starts it must hear that first; the report tells beside it what was lost in fact.
 */
import type { Path } from '../core/frozen.ts';
import { isOpenThere } from './directions.ts';
import type { Findings } from './findings.ts';
import type { Group } from './resolve-groups.ts';

interface LossQuestion {
  readonly recoverySiteId: string;
  readonly groups: readonly Group[];
  readonly paths: readonly Path[];
  readonly now: number;
  readonly findings: Findings;
}

/** As of when the copies of all the group's devices are consistent; undefined: one is unknown. */
const consistentAtMs = ({ protected: here, recovery }: Group): number | undefined => {
  const moments = recovery.target.devices.map(
    (_, at) => (recovery.devices[at] ?? here.devices[at])?.lastRecoveryPoint?.atMs,
  );
  return moments.includes(undefined) ? undefined : Math.min(...(moments as number[]));
};

/** What was acknowledged is there too: only what came after the sites parted can be missing. */
const isSynchronized = ({ recovery }: Group): boolean =>
  recovery.devices.every(
    (device) => device?.updateMode === 'synchronous' && device.pairState === 'synchronized',
  );

/**
 * Per group, in milliseconds; undefined where nobody has said, or the site to go on at is open
 * already: what it lacks was settled when it was opened, and is no matter of this run.
 */
export const expectLosses = (question: LossQuestion): readonly (number | undefined)[] => {
  const { recoverySiteId, groups, paths, now, findings } = question;
  return groups.map((group, position) => {
    if (paths[position] !== 'cold' || isOpenThere(group)) return undefined;
    const atMs = consistentAtMs(group);
    if (atMs === undefined) {
      findings.warn(
        group.field,
        `nobody has said as of when the copy of "${group.id}" at "${recoverySiteId}" is ` +
          'consistent: how much is lost cannot be told before',
      );
      return undefined;
    }
    const lossMs = Math.max(0, now - atMs);
    findings.warn(
      group.field,
      `of "${group.id}" at most the last ${(lossMs / 1_000).toFixed(1)} s are expected to be ` +
        `lost: its copy at "${recoverySiteId}" is consistent as of ` +
        new Date(atMs).toISOString() +
        (isSynchronized(group) ? ', and was written to synchronously until the sites parted' : ''),
    );
    return lossMs;
  });
};
