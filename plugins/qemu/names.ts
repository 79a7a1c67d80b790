/** What the images of a group and their nodes in the daemon are called: node names are short. */
import { join } from 'node:path';
import { type GroupAt, type StoredDevice, tokenOf } from './group.ts';

export const imageOf = (at: GroupAt, device: StoredDevice, layerId: string): string =>
  join(at.directory, `${tokenOf(at, device)}.${layerId}.qcow2`);

export const nodeOf = (at: GroupAt, device: StoredDevice, layerId: string): string =>
  `${nodePrefixOf(at, device)}${layerId}`;

export const nodePrefixOf = (at: GroupAt, device: StoredDevice): string =>
  `l-${tokenOf(at, device)}-`;

export const testImageOf = (at: GroupAt, device: StoredDevice): string =>
  join(at.directory, `${tokenOf(at, device)}.test.qcow2`);

export const testNodeOf = (at: GroupAt, device: StoredDevice): string => `t-${tokenOf(at, device)}`;

/** The node that a mirror puts above the last layer: whoever writes has to write to it. */
export const mirrorNodeOf = (at: GroupAt, device: StoredDevice): string =>
  `m-${tokenOf(at, device)}`;
