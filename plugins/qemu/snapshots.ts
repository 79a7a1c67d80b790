/**
 * Named snapshots: what a group holds at one moment, copied apart while its writers go on. The
 * moment is a layer that is frozen without a name, so that no recovery point comes of it and
 * nothing that replication compares changes. QEMU freezes no device under a mirror: of a mirrored
 * group the moment is frozen at its peer, which holds every write that was acknowledged.
 */
import { randomUUID } from 'node:crypto';
import { failure, faultOf } from './faults.ts';
import {
  type HeldGroup,
  type Layer,
  newestLayer,
  type StoredDevice,
  standingOf,
  tokenOf,
} from './group.ts';
import { type BlockJob, blockJobsOf } from './jobs.ts';
import { checkKeepable, copyApart, dropUnnamed, isKept, withKept } from './kept.ts';
import { finishFold, foldUnnamed, freeze, live, writtenBytes } from './layers.ts';
import { lastBytesMsMax } from './limits.ts';
import { waitFor } from './locks.ts';
import { confirmLive, isShipping, mirrorStateOf } from './replicate.ts';
import { type Changed, checkIdle } from './roles.ts';

/** Jobs of its mirrors that have not ended: while there is one, its device cannot be frozen. */
const mirroring = async (held: HeldGroup): Promise<readonly BlockJob[]> => {
  const { qmp } = await live(held);
  const { at, state } = held;
  const ids = new Set(state.devices.map((device) => `mirror-${tokenOf(at, device)}`));
  const jobs = await blockJobsOf(qmp);
  return jobs.filter(({ device, status }) => ids.has(device) && status !== 'concluded');
};

export const isMirrored = async (held: HeldGroup): Promise<boolean> =>
  (await mirroring(held)).length > 0;

/** Where a group's present moment can be frozen: at its peer while it is mirrored there, whole. */
export const whereToFreeze = async (held: HeldGroup, peer: HeldGroup): Promise<HeldGroup> => {
  const { at } = held;
  const caughtUp = async (): Promise<HeldGroup | undefined> => {
    const jobs = await mirroring(held);
    if (jobs.length === 0) return held;
    await live(peer);
    const mirrors = mirrorStateOf(at, held.state, jobs);
    if (mirrors === 'broken' || peer.state.forgot || peer.state.role !== 'replica') {
      throw failure('busy', `the mirror of group ${at.id} is ending`, {
        hint: 'Sync the group, or suspend its replication; then ask again.',
      });
    }
    if (mirrors !== 'ok') return undefined;
    if (peer.state.inflow !== 'live') await confirmLive(held, peer, randomUUID());
    return peer;
  };
  const found = await waitFor(caughtUp, lastBytesMsMax, held.signal);
  if (found !== undefined) return found;
  throw failure('busy', `group ${at.id} is being copied to its peer`);
};

interface Moment {
  readonly layer: string;
  /** Everything acknowledged until then is in it. */
  readonly atMs: number;
}

/** A layer that nothing changes: of now, or of what a replica that lags behind stands on. */
export const momentOf = async (held: HeldGroup): Promise<Moment> => {
  await finishFold(held);
  const { qmp } = await live(held);
  const { state } = held;
  if (state.role === 'replica' && state.inflow !== 'live') {
    const { id, point } = standingOf(state);
    return { layer: id, atMs: point.atMs };
  }
  const newest = newestLayer(state);
  const atMs = Date.now();
  if (newest !== undefined && (await writtenBytes(held, qmp)) === 0) {
    return { layer: newest.id, atMs };
  }
  await freeze(held, undefined);
  return { layer: (held.state.layers.at(-2) as Layer).id, atMs };
};

/** What is not put together now is with the next snapshot, test or sync. */
export const tidy = async (held: HeldGroup): Promise<void> => {
  if (await isShipping(held)) return;
  await foldUnnamed(held).catch((error: unknown) => {
    if (faultOf(error) === undefined) throw error;
  });
};

/** Copies the present moment of a group, frozen at its own array or at its peer's, under a name. */
export const takeSnapshot = async (
  held: HeldGroup,
  frozenAt: HeldGroup,
  name: string,
): Promise<Changed> => {
  checkIdle(held.state);
  if (isKept(held.state, name)) {
    throw failure('conflict', `group ${held.at.id} already has a snapshot ${name}`);
  }
  checkKeepable(held.state, name);
  await dropUnnamed(held);
  const { layer, atMs } = await momentOf(frozenAt);
  const deviceOf = ({ id, peerId }: StoredDevice): StoredDevice => {
    const there = frozenAt === held ? id : peerId;
    return frozenAt.state.devices.find((one) => one.id === there) as StoredDevice;
  };
  await copyApart(held, { at: frozenAt.at, layer, deviceOf }, name);
  await tidy(frozenAt);
  return { next: withKept(held.state, { name, atMs }), evidence: { snapshotAtMs: atMs } };
};
