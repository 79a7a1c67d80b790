/** The writable test copy of a replica, upon a layer that nothing changes any more. */
import { rm } from 'node:fs/promises';
import type { RecoveryPoint } from '@siteswap/sdk/plugin';
import { removeExports } from './exports.ts';
import { failure } from './faults.ts';
import type { HeldGroup, Layer } from './group.ts';
import { createImage } from './images.ts';
import { dropNode } from './jobs.ts';
import { live } from './layers.ts';
import { imageOf, testImageOf, testNodeOf } from './names.ts';
import { freezeLive } from './replicate.ts';
import { type Changed, checkIdle } from './roles.ts';

/** The newest layer that is a point, with it. */
const standing = ({
  state,
}: HeldGroup): (Layer & { readonly point: RecoveryPoint }) | undefined => {
  const layer = state.layers.findLast(({ point }) => point !== undefined);
  return layer?.point === undefined ? undefined : { ...layer, point: layer.point };
};

/** A writable copy of the replica's bytes; replication goes on into the layer above. */
export const startTest = async (held: HeldGroup): Promise<Changed> => {
  const { at } = held;
  if (held.state.role !== 'replica') {
    throw failure('conflict', `group ${at.id} is ${held.state.role} here, not the replica`);
  }
  if (held.state.test !== undefined) {
    throw failure('conflict', `group ${at.id} already has a test copy`, {
      code: 'QEMU_COPY_EXISTS',
      hint: 'Run the cleanup of the test first.',
    });
  }
  if (held.state.folding !== undefined) checkIdle(held.state);
  await live(held);
  if (held.state.inflow === 'live') await freezeLive(held, {});
  const layer = standing(held);
  if (layer === undefined) {
    throw failure('conflict', `group ${at.id} has no complete recovery point here`, {
      hint: 'Sync it from its source first.',
    });
  }
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
};
