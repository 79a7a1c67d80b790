/** What every rule over a group of devices begins with: its target, its pairs, its writers. */
import type { Fault } from '@siteswap/sdk/plugin';
import {
  isStretched,
  type LabDevice,
  type LabStorage,
  type Link,
  lineageOf,
  type Medium,
  mediumOf,
  type World,
} from './model.ts';
import { firstFault, no } from './outcome.ts';

/** One target of a storage verb: a consistency group, or a device that stands for itself. */
export interface GroupCall {
  readonly world: World;
  readonly now: number;
  readonly storage: LabStorage;
  readonly id: string;
  readonly devices: readonly LabDevice[];
}

/** A device with its pair, where rules have made sure that it has one. */
export type Paired = LabDevice & { readonly link: Link; readonly peer: LabDevice };

/** The devices, all paired; or the fault that one is not. */
export const paired = (call: GroupCall): readonly Paired[] | Fault => {
  const lone = firstFault(call.devices, (device) =>
    device.peer === undefined ? no('refused', 'NO_PEER', `${device.id} has no peer`) : undefined,
  );
  return lone ?? (call.devices as readonly Paired[]);
};

export const isFault = (found: readonly Paired[] | Fault): found is Fault => 'kind' in found;

export const wrongRole = (device: LabDevice, hint: string): Fault =>
  no('conflict', 'WRONG_ROLE', `${device.id} is ${device.role} in its pair`, hint);

export const peerDown = (device: LabDevice, hint?: string): Fault =>
  no('refused', 'PEER_DOWN', `the peer of ${device.id} does not answer`, hint);

export const liveWriters = (device: LabDevice): Fault | undefined => {
  const { writers } = mediumOf(device);
  const [vmId] = writers;
  return vmId === undefined
    ? undefined
    : no(
        'conflict',
        'LIVE_WRITERS',
        `${device.id} has ${writers.size} live writers, ${vmId} among them`,
        'Stop the VMs on it first.',
      );
};

/** The devices, all paired and none stretched: who goes by roles cannot change what has none. */
export const plain = (call: GroupCall): readonly Paired[] | Fault => {
  const stretched = firstFault(call.devices, (device) => {
    if (!isStretched(device)) return undefined;
    const hint = 'Set its site preference, fence the other side, or resync it.';
    return no('refused', 'STRETCHED', `${device.id} is stretched: it has no source`, hint);
  });
  return stretched ?? paired(call);
};

export const oldLineage = (device: LabDevice): Fault =>
  no(
    'fenced',
    'OLD_LINEAGE',
    `${device.id} is cut off: a newer lineage than ${lineageOf(device)} exists`,
  );

/** Ends the writing of a site's VMs, or of everybody; they stay on and write nothing. */
export const cutWriters = (medium: Medium, now: number, siteId?: string): number => {
  const { writers, boots } = medium;
  let count = 0;
  for (const vmId of writers) {
    const boot = boots.get(vmId);
    if (siteId !== undefined && boot?.siteId !== siteId) continue;
    if (boot !== undefined && boot.offAt > now) boot.offAt = now;
    writers.delete(vmId);
    count += 1;
  }
  if (count > 0) medium.writtenAt = now;
  return count;
};
