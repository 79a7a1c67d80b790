/** Every step by name, and which of them a mode takes, in order. */
import type { Mode } from '../core/plan.ts';
import { adoptMigrated } from './adopt-migrated.ts';
import { beginStorageMigration } from './begin-storage-migration.ts';
import { closeSource } from './close-source.ts';
import { cutOver } from './cut-over.ts';
import { demoteSource } from './demote-source.ts';
import { deviceSteps } from './device.ts';
import { fenceLostSide } from './fence-lost-side.ts';
import { fenceReturnedSide } from './fence-returned-side.ts';
import { finalSync } from './final-sync.ts';
import { liveMigrate } from './live-migrate.ts';
import { mirrorDisks } from './mirror-disks.ts';
import { mount } from './mount.ts';
import { powerOffReturned } from './power-off-returned.ts';
import { powerOffTest } from './power-off-test.ts';
import { powerOn } from './power-on.ts';
import { promoteTarget } from './promote-target.ts';
import { register } from './register.ts';
import { registerProtection } from './register-protection.ts';
import { removeSourceDisks } from './remove-source-disks.ts';
import { removeSourceRecord } from './remove-source-record.ts';
import { removeTestCopy } from './remove-test-copy.ts';
import { resolveInstances } from './resolve-instances.ts';
import { resyncDiverged } from './resync-diverged.ts';
import { reverse } from './reverse.ts';
import { shutDown } from './shut-down.ts';
import type { Step } from './step.ts';
import { switchSitePreference } from './switch-site-preference.ts';
import { sync } from './sync.ts';
import { syncBack } from './sync-back.ts';
import { testCopy } from './test-copy.ts';
import { unmount } from './unmount.ts';
import { unmountReturned } from './unmount-returned.ts';
import { unmountTest } from './unmount-test.ts';
import { unregisterTest } from './unregister-test.ts';
import { verify } from './verify.ts';

const byMode: Record<Mode, readonly Step[]> = {
  test: [testCopy, mount, resolveInstances, register, powerOn, verify],
  cleanup: [powerOffTest, unregisterTest, unmountTest, removeTestCopy],
  planned: [
    sync,
    switchSitePreference,
    shutDown,
    finalSync,
    unmount,
    demoteSource,
    promoteTarget,
    mount,
    liveMigrate,
    resolveInstances,
    register,
    powerOn,
    verify,
  ],
  disaster: [
    fenceLostSide,
    promoteTarget,
    mount,
    adoptMigrated,
    resolveInstances,
    register,
    powerOn,
    verify,
  ],
  fence: [fenceReturnedSide, powerOffReturned, unmountReturned],
  reprotect: [reverse, resyncDiverged, syncBack, registerProtection],
};

/** The steps of a storage migration, in order. */
export const storageMigrationSteps: readonly Step[] = [
  beginStorageMigration,
  mirrorDisks,
  cutOver,
  closeSource,
  removeSourceDisks,
  removeSourceRecord,
];

/**
 * Step name → step, those of device runs (`device-<verb>`) and storage migrations
 * included.
 */
export const steps: ReadonlyMap<string, Step> = new Map(
  [...Object.values(byMode).flat(), ...deviceSteps, ...storageMigrationSteps].map((step) => [
    step.name,
    step,
  ]),
);

const namesOf = (mode: Mode): readonly string[] => byMode[mode].map((step) => step.name);

/** Mode → names of its steps, in order. */
export const modeSteps: Record<Mode, readonly string[]> = {
  test: namesOf('test'),
  cleanup: namesOf('cleanup'),
  planned: namesOf('planned'),
  disaster: namesOf('disaster'),
  fence: namesOf('fence'),
  reprotect: namesOf('reprotect'),
};
