/**
 * QEMU 7.2 leaves an image paused for good when a job ends below it while another one begins: once
 * in some 50 rounds here, each of which is what a sync of two devices and two layers does.
 */
import test from 'ava';
import { reachArray } from '../../plugins/qemu/array.ts';
import { groupAt, type HeldGroup, withGroup } from '../../plugins/qemu/group.ts';
import { dropNode, endJobs, jobsOf } from '../../plugins/qemu/jobs.ts';
import { freeze, live } from '../../plugins/qemu/layers.ts';
import { stuckMsMax } from '../../plugins/qemu/limits.ts';
import { waitFor } from '../../plugins/qemu/locks.ts';
import { nodeOf } from '../../plugins/qemu/names.ts';
import type { Qmp } from '../../plugins/qemu/qmp.ts';
import { untilBegun } from '../../plugins/qemu/stuck.ts';
import { ownLicence } from '../../sdk/plugin/kit/index.ts';
import { identical, makeRig } from './_support/qemu.ts';
import { startWriter } from './_support/writer.ts';

const roundsMax = 600;
const jobIdOf = (device: string, layer: string): string => `copy-${device}-${layer}`;
const nowhereOf = (device: string): string => `nowhere-${device}`;

const addNowhere = async ({ state }: HeldGroup, qmp: Qmp): Promise<void> => {
  for (const { id, sizeBytes } of state.devices) {
    const node = { 'node-name': nowhereOf(id), size: sizeBytes, 'latency-ns': 50_000 };
    await qmp.must('blockdev-add', { driver: 'null-co', ...node });
  }
};

/** Copies one layer of all devices at once; answers the devices whose job does not go on. */
const copyLayer = async ({ at, state }: HeldGroup, qmp: Qmp, layer: string) => {
  for (const device of state.devices) {
    await qmp.must('blockdev-backup', {
      'job-id': jobIdOf(device.id, layer),
      device: nodeOf(at, device, layer),
      target: nowhereOf(device.id),
      sync: 'top',
      'auto-dismiss': false,
    });
  }
  const ended = async () =>
    (await jobsOf(qmp)).every(({ status }) => status === 'concluded') ? true : undefined;
  if (await waitFor(ended, 2 * stuckMsMax)) return [];
  const paused = (await jobsOf(qmp)).filter(({ status }) => status === 'paused');
  return state.devices.filter(({ id }) => paused.some((job) => job.id === jobIdOf(id, layer)));
};

const endCopies = async ({ state }: HeldGroup, qmp: Qmp): Promise<void> => {
  const ids = state.devices.flatMap(({ id }) => state.layers.map((one) => jobIdOf(id, one.id)));
  await endJobs(qmp, new Set(ids), 10_000);
};

test('an image that QEMU left paused for good → its job is helped on, and syncs go on as before', async (t) => {
  const rig = await makeRig(t, 'asynchronous', { devices: 2 });
  await rig.must('a', 'sync');
  await rig.mount('a');
  const names = [await rig.exportName('a', 0), await rig.exportName('a', 1)];
  const writer = await startWriter(rig.address('a'), names);
  const storage = await reachArray(rig.directory('a'), 'a', true);
  let stuck = 0;
  await withGroup(groupAt(storage, 'g'), ownLicence(), async (held) => {
    for (let layers = 0; layers < 2; layers += 1) await freeze(held, undefined);
    const { qmp } = await live(held);
    await addNowhere(held, qmp);
    const frozen = held.state.layers.slice(1, -1);
    for (let round = 0; round < roundsMax && stuck < 2; round += 1) {
      for (const { id: layer } of frozen) {
        for (const device of await copyLayer(held, qmp, layer)) {
          stuck += 1;
          t.true(await untilBegun(jobIdOf(device.id, layer), { held, device, qmp }));
        }
      }
      await endCopies(held, qmp);
    }
    for (const { id } of held.state.devices) await dropNode(qmp, nowhereOf(id));
  });
  t.log(`${stuck} were left paused`);
  await writer.stop();
  await rig.unmount('a');
  await rig.must('a', 'sync');
  for (const device of [0, 1]) t.is(await rig.equalAtRest(device), identical);
});
