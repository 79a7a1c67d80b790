/**
 * The source is lost at each step of a live migration, together with the daemon that drove it: what
 * stands at the destination gives the verdict that is true, nobody asks the source, and the VM goes
 * on once. And the daemon alone dies at each step: called again, it goes on.
 */
import { rename } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { judgeArrival, type LostVerdict } from '../../daemon/core/migration.ts';
import { steps } from '../../plugins/qemu/journey.ts';
import { isOn } from '../../plugins/qemu/machine.ts';
import { cancelMigration, migrateLive, migrationStatus } from '../../plugins/qemu/migrate.ts';
import { mountVerbs } from '../../plugins/qemu/mounts.ts';
import { powerOn } from '../../plugins/qemu/power.ts';
import {
  callWith,
  enrolAt,
  fenceAt,
  goesOn,
  look,
  never,
  type QemuSites,
  qemuSites,
  statusOf,
  vmOf,
} from '../_support/qemu.ts';
import { driveTo, endProcess } from '../_support/qemu-breaking.ts';

const id = 'vm-d1-1';
const key = 'run-1/live-migrate/run/1';

/** Where the VM really is when everything at the source ends at this step. */
const truth: Readonly<Record<(typeof steps)[number], LostVerdict>> = {
  asked: 'never-begun',
  started: 'partial',
  launched: 'partial',
  placed: 'partial',
  copying: 'partial',
  switching: 'partial',
  transferred: 'ambiguous',
  marked: 'migrated',
  continued: 'migrated',
  settled: 'migrated',
};

const running = async (t: ExecutionContext): Promise<QemuSites> => {
  const sites = await qemuSites(t);
  await powerOn(sites.a, callWith(), vmOf(id));
  await goesOn(sites.a, id);
  return sites;
};

const verdictAt = async ({ b }: QemuSites): Promise<LostVerdict> => {
  const status = await migrationStatus(b, vmOf(id), never).catch(() => undefined);
  return judgeArrival(id, status?.arrival).verdict;
};

/** What a disaster run does, at the destination alone. */
const recover = async ({ b }: QemuSites, verdict: LostVerdict): Promise<void> => {
  await fenceAt(b);
  const targets = [{ id: 'ds-d1', instance: 'production' as const }];
  await mountVerbs.mount.run({ ...callWith(), session: b, attempt: 1, targets, args: {} });
  if (verdict === 'partial') await cancelMigration(b, callWith(), vmOf(id));
  if (verdict === 'partial' || verdict === 'never-begun') await enrolAt(b, id);
  await powerOn(b, callWith(), vmOf(id));
};

/**
 * A shell that was being written to notices that its source is gone, and ends. One whose source
 * had not begun to write yet waits for ever: that is given a moment to show.
 */
const noticed = async (compute: QemuSites['b']): Promise<void> => {
  for (let looks = 0; looks < 100; looks++) {
    if ((await look(compute, id)).status === 'gone') return;
    await delay(20);
  }
};

for (const step of steps) {
  test.serial(
    `source and daemon lost at ${step} → ${truth[step]}, and it goes on once`,
    async (t) => {
      const sites = await running(t);
      const { bootId } = await statusOf(sites.a, id);
      await driveTo(sites.a, { id, key, step });
      await endProcess(sites.a, id);
      // Gone for good: whoever asked it would fail.
      await rename(sites.a.directory, `${sites.a.directory}-away`);
      if (step === 'copying' || step === 'switching') await noticed(sites.b);
      t.is(await verdictAt(sites), truth[step]);
      await recover(sites, truth[step]);
      const stays = truth[step] === 'migrated' || truth[step] === 'ambiguous';
      t.is((await statusOf(sites.b, id)).bootId === bootId, stays, 'the boot that it had');
      await goesOn(sites.b, id);
      t.is(await verdictAt(sites), stays ? 'migrated' : 'never-begun', 'and again the same');
      await rename(`${sites.a.directory}-away`, sites.a.directory);
    },
  );
}

for (const step of steps) {
  test.serial(
    `the daemon alone dies at ${step} → called again it ends well, in one boot`,
    async (t) => {
      const sites = await running(t);
      const { bootId } = await statusOf(sites.a, id);
      await driveTo(sites.a, { id, key, step });
      await migrateLive(sites.a, callWith(key), vmOf(id), 'compute-b');
      t.false(isOn(await look(sites.a, id)));
      t.like(await statusOf(sites.b, id), { power: 'on', registered: true, bootId });
      await goesOn(sites.b, id);
    },
  );
}
