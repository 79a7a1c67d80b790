/**
 * A guest's disk goes to another datastore, and who leads it there is killed at each step: the
 * guest goes on where the record at the destination says, in its boot, and called again it ends
 * well. With its process killed as well it starts from that copy, with all that it acknowledged.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { readCompute } from '../../plugins/qemu/compute.ts';
import { readDatastore } from '../../plugins/qemu/disks.ts';
import { findInstances } from '../../plugins/qemu/instances.ts';
import { mountVerbs } from '../../plugins/qemu/mounts.ts';
import {
  cutOver,
  type MoveStep,
  mirrorDisks,
  moveSteps,
  removeDisks,
} from '../../plugins/qemu/moves.ts';
import { powerOn } from '../../plugins/qemu/power.ts';
import { decodeRecord, encodeRecord, recordPathOf } from '../../sdk/plugin/migration-record.ts';
import type { MoveTarget } from '../../sdk/plugin/verbs.ts';
import {
  callWith,
  goesOn,
  never,
  type QemuSites,
  qemuSites,
  statusOf,
  vmOf,
} from '../_support/qemu.ts';
import { endProcess } from '../_support/qemu-breaking.ts';

const id = 'vm-d1-1';
const [from, to] = ['ds-d1', 'ds-d2'];

const target: MoveTarget = {
  ...vmOf(id),
  migrationId: 'm-1',
  fromDatastoreId: from,
  toDatastoreId: to,
  record: encodeRecord({
    vmId: id,
    migrationId: 'm-1',
    sequence: 1,
    role: 'destination',
    state: 'in-progress',
    source: from,
    destination: to,
    disks: ['disk-0'],
    digest: '',
  }),
};

const running = async (t: ExecutionContext): Promise<QemuSites> => {
  const sites = await qemuSites(t, { devices: 2, vmsPerDevice: 1 });
  const targets = [from, to].map((one) => ({ id: one, instance: 'production' as const }));
  await mountVerbs.mount.run({ ...callWith(), session: sites.a, attempt: 1, targets, args: {} });
  await powerOn(sites.a, callWith(), vmOf(id));
  await goesOn(sites.a, id);
  return sites;
};

/** Leads up to a step, and is killed there. */
const leadTo = async ({ a }: QemuSites, step: MoveStep): Promise<void> => {
  const script = fileURLToPath(import.meta.resolve('../_support/qemu-mover.js'));
  const leader = spawn(
    process.execPath,
    [script, JSON.stringify(a), JSON.stringify(target), step],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const ended = once(leader, 'exit');
  const early = ended.then(() => Promise.reject(new Error(`it ended before ${step}`)));
  await Promise.race([once(leader.stdout, 'data'), early]);
  leader.kill('SIGKILL');
  await ended;
};

const isCommitted = (step: MoveStep): boolean =>
  moveSteps.indexOf(step) >= moveSteps.indexOf('sealed');

/** Where the VM stands, by the compute, and what the record at the destination says. */
const standing = async ({ a }: QemuSites) => {
  const { vms } = await readCompute(a);
  const { files } = await readDatastore(a, to, 'production');
  const record = decodeRecord(files[recordPathOf(id)] ?? '');
  return { on: vms[`production/${id}`]?.datastoreIds, record: record?.state };
};

for (const step of moveSteps) {
  test.serial(`its leader dies at ${step} → called again it ends well, in one boot`, async (t) => {
    const sites = await running(t);
    const { a } = sites;
    const before = await statusOf(a, id);
    await leadTo(sites, step);
    await mirrorDisks(a, callWith(), target);
    const { digest } = await cutOver(a, callWith(), target);
    t.deepEqual(await standing(sites), { on: [to], record: 'completed' });
    await goesOn(a, id);
    const after = await statusOf(a, id);
    t.is(after.bootId, before.bootId);
    t.true((after.heartbeat ?? 0) >= (before.heartbeat ?? 1));
    const asked = { digests: true, signal: never };
    const copies = await findInstances(a, await readCompute(a), vmOf(id), asked);
    t.is(copies.find(({ datastoreId }) => datastoreId === from)?.digest, String(digest));
    await removeDisks(a, callWith(), target, 'from');
    await goesOn(a, id);
  });
}

for (const step of moveSteps) {
  const where = isCommitted(step) ? 'destination' : 'source';
  test.serial(
    `its leader and the guest die at ${step} → it starts from its ${where}`,
    async (t) => {
      const sites = await running(t);
      const { a } = sites;
      await leadTo(sites, step);
      const { heartbeat = 0 } = await statusOf(a, id);
      await endProcess(a, id);
      await powerOn(a, callWith(), vmOf(id));
      t.deepEqual((await standing(sites)).on, [isCommitted(step) ? to : from]);
      await goesOn(a, id);
      const { resumedAt = -1 } = await statusOf(a, id);
      t.true(resumedAt >= heartbeat, `it goes on from ${resumedAt}, of ${heartbeat}`);
      const end = isCommitted(step) ? 'from' : 'to';
      await removeDisks(a, callWith(), target, end);
      const found = await findInstances(a, await readCompute(a), vmOf(id), {
        digests: false,
        signal: never,
      });
      const whole = found.filter(({ disks }) => disks.length > 0);
      t.deepEqual(
        whole.map(({ datastoreId }) => datastoreId),
        [isCommitted(step) ? to : from],
      );
    },
  );
}

test.serial(
  'given up while it is mirrored → on at its source, and its room is free again',
  async (t) => {
    const sites = await running(t);
    const { a } = sites;
    const { bootId } = await statusOf(a, id);
    for (let times = 1; times <= 3; times++) {
      await mirrorDisks(a, callWith(), target);
      await removeDisks(a, callWith(), target, 'to');
      await goesOn(a, id);
    }
    t.is((await statusOf(a, id)).bootId, bootId);
    t.deepEqual(
      (await readDatastore(a, to, 'production')).vms.map((vm) => vm.id),
      ['vm-d2-1'],
    );
  },
);
