/** What can be counted from outside: the bytes of both arrays, what each VM wrote and found. */
import {
  checksumOfDevice,
  countLoss,
  readAcknowledged,
  readHeartbeats,
} from '@siteswap/plugin-files/inspect';
import { devicesOf, groupIds, heartbeatMs, vmsOf } from './stage.ts';

export interface DeviceComparison {
  readonly device: string;
  readonly source: string;
  readonly target: string;
}

/** Checksums of every device on both arrays, by directory. */
export const compareDevices = (source: string, target: string): Promise<DeviceComparison[]> =>
  Promise.all(
    groupIds.flatMap((groupId) =>
      devicesOf(groupId).map(async (device) => ({
        device,
        source: await checksumOfDevice({ directory: source, groupId }, device),
        target: await checksumOfDevice({ directory: target, groupId }, device),
      })),
    ),
  );

export interface VmCount {
  readonly vm: string;
  /** Heartbeats that its disk holds now. */
  readonly held: number;
  readonly boots: number;
  /** Acknowledged heartbeats that the newest boot did not find. */
  readonly lost: number;
  readonly lostMs: number;
  /** Written by two boots in one lineage. */
  readonly twice: number;
  /** Longest silence between two boots. */
  readonly silentMs: number;
}

/** Counts over all boots of every VM at the given computes; `storage` holds their disks now. */
export const countVms = (storage: string, computes: readonly string[]): Promise<VmCount[]> =>
  Promise.all(
    groupIds.flatMap((groupId) =>
      vmsOf(groupId).map(async (vm) => {
        const held = await readHeartbeats({ directory: storage, groupId }, vm);
        const { boots, lost, duplicates, interruptionMsMax } = countLoss(
          readAcknowledged(computes, vm),
        );
        return {
          vm,
          held: held.length,
          boots,
          lost,
          lostMs: lost * heartbeatMs,
          twice: duplicates,
          silentMs: interruptionMsMax,
        };
      }),
    ),
  );
