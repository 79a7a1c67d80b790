/**
 * The writable test copy of a replica, or of what two sites share, upon a layer that nothing
 * changes any more.
 */
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { removeExports } from './exports.ts';
import { failure } from './faults.ts';
import { type HeldGroup, type PointLayer, standingOf } from './group.ts';
import { createImage } from './images.ts';
import { dropNode } from './jobs.ts';
import { live } from './layers.ts';
import { imageOf, testImageOf, testNodeOf } from './names.ts';
import { freezeLive } from './replicate.ts';
import { type Changed, checkIdle } from './roles.ts';
import { isShared } from './shared.ts';
import { momentOf, tidy } from './snapshots.ts';

const newestMoment = async (held: HeldGroup): Promise<PointLayer> => {
  await live(held);
  if (held.state.inflow === 'live') await freezeLive(held, {});
  return standingOf(held.state);
};

/** Both sites write on: a copy is of now, and of no point that anybody else knows. */
const presentMoment = async (held: HeldGroup): Promise<PointLayer> => {
  const { layer: id, atMs } = await momentOf(held);
  return { id, point: { id: randomUUID(), atMs, by: held.at.storage.id } };
};

/** A writable copy of the replica's bytes; replication goes on into the layer above. */
export const startTest = async (held: HeldGroup): Promise<Changed> => {
  const { at } = held;
  if (held.state.role !== 'replica' && !isShared(held.state)) {
    throw failure('conflict', `group ${at.id} is ${held.state.role} here, not the replica`);
  }
  if (held.state.test !== undefined) {
    throw failure('conflict', `group ${at.id} already has a test copy`, {
      code: 'QEMU_COPY_EXISTS',
      hint: 'Run the cleanup of the test first.',
    });
  }
  if (held.state.folding !== undefined) checkIdle(held.state);
  const layer = await (isShared(held.state) ? presentMoment(held) : newestMoment(held));
  for (const device of held.state.devices) {
    await rm(testImageOf(at, device), { force: true });
    await createImage(testImageOf(at, device), device.sizeBytes, imageOf(at, device, layer.id));
  }
  const { point } = layer;
  return {
    next: { ...held.state, test: { layer: layer.id, hosts: [] } },
    evidence: { recoveryPoint: point.id, recoveryPointAtMs: point.atMs },
  };
};

/** Forgets the test copy. Refused while somebody writes to it. */
export const stopTest = async (held: HeldGroup): Promise<Changed> => {
  if (held.state.test !== undefined) {
    const { qmp } = await live(held);
    await removeExports(held, qmp, 'test', { force: false });
  }
  const { test, ...next } = held.state;
  return { next, evidence: {} };
};

/** The bytes of a test copy that is forgotten. */
export const dropTestBytes = async (held: HeldGroup): Promise<void> => {
  const { at, state } = held;
  if (state.test !== undefined) return;
  const { qmp } = await live(held);
  for (const device of state.devices) {
    await dropNode(qmp, testNodeOf(at, device));
    await rm(testImageOf(at, device), { force: true });
  }
  if (isShared(state)) await tidy(held);
};
