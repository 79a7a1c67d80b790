/**
 * Which groups other runs have in their hands. Two runs that pull one group in different ways would
 * undo each other's work; of two that pull it the same way, the later one leaves it to the earlier.
 * (Device runs are asked for one by one: each does what it was asked for.)
 */
import type { FrozenRun, StorageItem, VmItem } from '../core/frozen.ts';
import type { Findings } from './findings.ts';
import type { Group } from './resolve-groups.ts';

/** A run that is not ended. */
export interface OpenRun {
  readonly runId: string;
  readonly frozen: FrozenRun;
}

/** What the run to come would do, as far as it matters to others. */
export type Intent = Pick<FrozenRun, 'mode' | 'planId' | 'protectedSiteId' | 'recoverySiteId'>;

/** Of a run that is asked for by itself, at one site. */
export const intentAt = (siteId: string): Intent => ({
  mode: 'device',
  planId: '',
  protectedSiteId: siteId,
  recoverySiteId: siteId,
});

interface Used {
  readonly arrayId: string;
  readonly devices: readonly string[];
}

const keyOf = (arrayId: string, deviceId: string): string => JSON.stringify([arrayId, deviceId]);

const isMove = ({ workgroups }: FrozenRun): boolean => workgroups[0]?.unit === 'vm';

/**
 * A device run whose only step changes no role is in nobody's way. A storage migration is not in
 * the way of a test that begins after it, which chooses among what has arrived, nor of a disaster,
 * which cannot wait.
 */
const isHarmless = (frozen: FrozenRun, intent: Intent): boolean => {
  const { mode, steps } = frozen;
  if (mode !== 'device') return false;
  if (isMove(frozen)) return ['test', 'cleanup', 'disaster'].includes(intent.mode);
  return steps.every(({ name }) => name === 'device-sync');
};

const usedBy = function* ({ workgroups }: FrozenRun): Generator<Used> {
  for (const group of workgroups) {
    if (group.unit !== 'storage') {
      // Of VMs only those count whose disks are being moved: under them no role may change.
      for (const { move } of group.items as readonly VmItem[]) {
        for (const { arrayId, deviceId } of move?.devices ?? []) {
          yield { arrayId, devices: [deviceId] };
        }
      }
      continue;
    }
    for (const item of group.items as readonly StorageItem[]) {
      yield { arrayId: group.protectedArrayId, devices: item.protected.devices };
      yield { arrayId: group.recoveryArrayId, devices: item.recovery.devices };
    }
  }
};

/** The groups (by position) that the run has in its hands. */
const sharedWith = (frozen: FrozenRun, owners: ReadonlyMap<string, number>): Set<number> => {
  const shared = new Set<number>();
  for (const { arrayId, devices } of usedBy(frozen)) {
    for (const id of devices) {
      const group = owners.get(keyOf(arrayId, id));
      if (group !== undefined) shared.add(group);
    }
  }
  return shared;
};

/** Adds what is in use. The plan's own open run is not looked at: that is the caller's affair. */
export const checkInUse = (
  intent: Intent,
  groups: readonly Omit<Group, 'protectionGroup'>[],
  openRuns: readonly OpenRun[],
  findings: Findings,
): void => {
  const others = openRuns.filter(
    ({ frozen }) =>
      !isHarmless(frozen, intent) && (intent.planId === '' || frozen.planId !== intent.planId),
  );
  if (others.length === 0) return;
  const owners = new Map<string, number>();
  groups.forEach(({ protected: here, recovery }, position) => {
    for (const { arrayId, target } of [here, recovery]) {
      for (const id of target.devices) owners.set(keyOf(arrayId, id), position);
    }
  });
  for (const { runId, frozen } of others) {
    const same =
      frozen.mode === intent.mode &&
      !isMove(frozen) &&
      frozen.protectedSiteId === intent.protectedSiteId &&
      frozen.recoverySiteId === intent.recoverySiteId;
    const kind = isMove(frozen) ? 'a storage migration' : 'a device run';
    const what = frozen.mode === 'device' ? kind : `${frozen.mode}, plan "${frozen.planId}"`;
    for (const position of sharedWith(frozen, owners)) {
      const { id, field } = groups[position] as (typeof groups)[number];
      if (same) {
        findings.warn(
          field,
          `"${id}" is in the hands of run ${runId} (${what}) too, which goes the same way: ` +
            'this one waits for it, and skips what it has done',
        );
      } else {
        findings.obstacle(
          field,
          `"${id}" is in the hands of run ${runId} (${what}), which does something else with ` +
            'it: wait until that run has ended; where it waits for a person, ' +
            `siteswap resume ${runId} --decision rollback, or abandon, lets go of it`,
        );
      }
    }
  }
};
