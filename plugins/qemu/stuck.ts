/**
 * Jobs that QEMU 7.2 leaves paused for good. A job that ends on one image of a chain, while another
 * one begins or ends elsewhere, may leave the image above it paused: whatever begins there waits,
 * ending it and beginning it anew does not help, and `job-resume` says "not paused".
 */
import { type HeldGroup, type StoredDevice, tokenOf } from './group.ts';
import { dropNode, endJobs, type Job, jobsOf } from './jobs.ts';
import { drainMsMax, stuckMsMax } from './limits.ts';
import { waitFor } from './locks.ts';
import { nodeOf, nodePrefixOf } from './names.ts';
import type { Qmp } from './qmp.ts';

/** Where a job works. */
export interface Place {
  readonly held: HeldGroup;
  readonly device: StoredDevice;
  readonly qmp: Qmp;
}

const stirJobOf = ({ at }: HeldGroup, device: StoredDevice): string =>
  `stir-${tokenOf(at, device)}`;

/** Left by whoever died in between; the node goes with those that no layer names. */
export const stirJobsOf = (held: HeldGroup): readonly string[] =>
  held.state.devices.map((device) => stirJobOf(held, device));

/**
 * A filter that is put upon an image, and taken away, makes QEMU count anew who paused whom: a copy
 * to nowhere of what would be overwritten, and nothing is. What is refused helps nobody, and harms
 * nobody.
 */
const stir = async ({ held, device, qmp }: Place): Promise<void> => {
  const { at, state } = held;
  const id = stirJobOf(held, device);
  const target = `${nodePrefixOf(at, device)}stir`;
  const nowhere = { driver: 'null-co', 'node-name': target, size: device.sizeBytes };
  await qmp.must('blockdev-add', nowhere);
  for (const layer of state.layers.slice(0, -1)) {
    await qmp.execute('blockdev-backup', {
      'job-id': id,
      device: nodeOf(at, device, layer.id),
      target,
      sync: 'none',
      'auto-dismiss': false,
    });
    await endJobs(qmp, new Set([id]), drainMsMax);
  }
  await dropNode(qmp, target);
};

const isUnderWay = async (qmp: Qmp, id: string): Promise<boolean> => {
  const begun = async (): Promise<true | undefined> => {
    const status = (await jobsOf(qmp)).find((job) => job.id === id)?.status;
    return status === 'created' || status === 'paused' ? undefined : true;
  };
  return (await waitFor(begun, stuckMsMax)) === true;
};

/** Waits until a job is under way, and helps it on if it is not; true when it is. */
export const untilBegun = async (id: string, place: Place): Promise<boolean> => {
  if (await isUnderWay(place.qmp, id)) return true;
  await stir(place);
  return isUnderWay(place.qmp, id);
};

/** Ends a job that stays paused all the same, by force: nobody may write under it. True: so. */
export const endStuck = async ({ id, status }: Job, place: Place): Promise<boolean> => {
  if (status !== 'paused' || (await untilBegun(id, place))) return false;
  await endJobs(place.qmp, new Set([id]), drainMsMax);
  return true;
};
