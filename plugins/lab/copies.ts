/** What moves data: sync, reverse, resync, suspend, snapshots and writable copies for tests. */
import type { Fault } from '@siteswap/sdk/plugin';
import { startCopy } from './copying.ts';
import {
  type GroupCall,
  isFault,
  liveWriters,
  type Paired,
  paired,
  peerDown,
  plain,
} from './groups.ts';
import type { Outcome } from './ledger.ts';
import { snapshotsMax } from './limits.ts';
import { isStretched, type LabDevice, writable } from './model.ts';
import { cut } from './operations.ts';
import { already, done, firstFault, no } from './outcome.ts';
import {
  addPoint,
  contentOf,
  dropPoint,
  hearOfPeer,
  imageAt,
  lastPointOf,
  linkUp,
  startFlow,
  stopFlow,
} from './replication.ts';
import { findContact, loseContact } from './stretched.ts';

const notThe = (role: string, device: LabDevice): Fault =>
  no('conflict', 'WRONG_ROLE', `${device.id} is ${device.role}, not the ${role} of its pair`);

const isBusy = (device: Paired): Fault | undefined =>
  device.link.operation === undefined
    ? undefined
    : no('busy', 'OPERATION_RUNS', `${device.link.operation.id} still runs on ${device.id}`);

export const sync = (call: GroupCall): Outcome => {
  const devices = paired(call);
  if (isFault(devices)) return { fault: devices };
  if (devices.every((device) => device.role === 'stretched')) {
    const point = lastPointOf(devices[0] as Paired, call.now);
    return already({ recoveryPoint: point?.id ?? '', recoveryPointAtMs: call.now });
  }
  for (const device of devices) hearOfPeer(device);
  const fault = firstFault(devices, (device) => {
    if (device.role !== 'source' && device.role !== 'prepared') return notThe('source', device);
    if (!linkUp(device)) return peerDown(device);
    if (device.link.suspended) return no('conflict', 'SUSPENDED', `${device.id} is suspended`);
    if (device.peer.role !== 'replica') return notThe('replica', device.peer);
    return isBusy(device);
  });
  if (fault !== undefined) return { fault };
  const full = devices.some((device) => !device.link.whole);
  return { operation: startCopy(call, { verb: 'sync', devices, full }) };
};

/** `winner` is the source from now on; what its peer held is overwritten. */
const adopt = (winner: Paired): void => {
  const loser = winner.peer;
  // An older licence cannot overwrite a newer one's data under its own name.
  const lineage = Math.max(winner.lineage, loser.lineage);
  winner.lineage = winner.lineage < lineage ? lineage + 1 : lineage;
  loser.lineage = winner.lineage;
  winner.role = 'source';
  loser.role = 'replica';
  winner.fenced = false;
  loser.fenced = false;
  winner.link.suspended = false;
  winner.link.flowing = false;
};

export const reverse = (call: GroupCall): Outcome => {
  if (call.devices.every((device) => device.role === 'stretched')) return already();
  const devices = plain(call);
  if (isFault(devices)) return { fault: devices };
  if (devices.every((device) => device.role === 'source' && device.peer.role === 'replica')) {
    return already();
  }
  const fault = firstFault(devices, (device) => {
    if (device.role !== 'promoted') return notThe('promoted side', device);
    if (!linkUp(device)) return peerDown(device);
    return liveWriters(device.peer) ?? isBusy(device);
  });
  if (fault !== undefined) return { fault };
  for (const device of devices) adopt(device);
  return { operation: startCopy(call, { verb: 'reverse', devices, full: true }) };
};

const fullOfSnapshots = ({ id, snapshots }: LabDevice): Fault | undefined =>
  snapshots.size < snapshotsMax
    ? undefined
    : no('refused', 'FULL_OF_SNAPSHOTS', `${id} has ${snapshotsMax} snapshots: remove some first`);

/** What a device holds stays readable there under a name. */
const keepApart = ({ world, now }: GroupCall, device: LabDevice, id: string): void => {
  const isOwn = writable(device) || device.fenced;
  const atMs = isOwn ? now : (lastPointOf(device, now)?.atMs ?? now);
  addPoint(device, { id, atMs, by: device.storage.id });
  device.snapshots.set(id, imageAt(world, contentOf(world, device, now), now));
};

/** This array's data stays current. What the peer held is a snapshot there first. */
export const resync = (
  call: GroupCall,
  { changes }: { readonly changes: 'keep' | 'discard' },
): Outcome => {
  const devices = paired(call);
  if (isFault(devices)) return { fault: devices };
  if (devices.every((device) => device.role === 'stretched')) return already();
  const fault = firstFault(devices, (device) => {
    if (!linkUp(device)) return peerDown(device);
    const isCurrent = isStretched(device) || device.role === 'source' || device.role === 'promoted';
    if (!isCurrent) return notThe('source', device);
    return liveWriters(device.peer) ?? isBusy(device) ?? fullOfSnapshots(device.peer);
  });
  if (fault !== undefined) return { fault };
  const snapshot = { id: `before-resync@${call.now}`, kept: changes === 'keep' };
  for (const device of devices) {
    keepApart(call, device.peer, snapshot.id);
    adopt(device);
  }
  return { operation: startCopy(call, { verb: 'resync', devices, full: true, snapshot }) };
};

export const suspendReplication = (call: GroupCall): Outcome => {
  const devices = paired(call);
  if (isFault(devices)) return { fault: devices };
  if (devices.every((device) => device.link.suspended)) return already();
  for (const device of devices) {
    const { operation } = device.link;
    if (operation !== undefined) cut(call.world, operation, `${device.id} was suspended`, call.now);
    stopFlow(call.world, device, call.now);
    loseContact(call.world, device, call.now);
    device.link.suspended = true;
  }
  return done();
};

export const resumeReplication = (call: GroupCall): Outcome => {
  const devices = paired(call);
  if (isFault(devices)) return { fault: devices };
  const fault = firstFault(devices, (device) => (linkUp(device) ? undefined : peerDown(device)));
  if (fault !== undefined) return { fault };
  if (devices.every((device) => !device.link.suspended)) return already();
  for (const device of devices) {
    device.link.suspended = false;
    startFlow(device, call.now);
    findContact(call.world, device, call.now);
  }
  return done();
};

export const snapshot = (call: GroupCall, args: { readonly name: string }): Outcome => {
  const fault = firstFault(call.devices, fullOfSnapshots);
  if (fault !== undefined) return { fault };
  for (const device of call.devices) keepApart(call, device, args.name);
  return done({ recoveryPoint: args.name });
};

export const removeSnapshot = (call: GroupCall, args: { readonly name: string }): Outcome => {
  const holders = call.devices.filter(({ snapshots }) => snapshots.has(args.name));
  if (holders.length === 0) return already();
  for (const device of holders) dropPoint(device, args.name);
  return done();
};

export const testFailoverStart = (call: GroupCall): Outcome => {
  const devices = paired(call);
  if (isFault(devices)) return { fault: devices };
  const fault = firstFault(devices, (device) => {
    if (device.role !== 'replica' && device.role !== 'stretched') return notThe('replica', device);
    if (device.copy !== undefined) {
      return no('conflict', 'TEST_COPY_EXISTS', `${device.id} has a test copy`, 'Remove it first.');
    }
    if (device.link.whole) return undefined;
    return no('conflict', 'NO_WHOLE_COPY', `${device.id} holds no whole recovery point`);
  });
  if (fault !== undefined) return { fault };
  for (const device of devices) {
    device.copy = imageAt(call.world, contentOf(call.world, device, call.now), call.now);
  }
  const point = lastPointOf(devices[0] as Paired, call.now);
  return done({ recoveryPoint: point?.id ?? '', recoveryPointAtMs: point?.atMs ?? call.now });
};

/** A datastore is mounted from a device's test copy somewhere at its site. */
const isMountedForTest = (call: GroupCall, device: LabDevice): boolean => {
  for (const compute of call.world.computes.values()) {
    if (compute.siteId !== device.storage.siteId) continue;
    for (const datastore of compute.datastores.test.values()) {
      if (datastore.mounted && datastore.devices.includes(device)) return true;
    }
  }
  return false;
};

export const testFailoverStop = (call: GroupCall): Outcome => {
  const copied = call.devices.filter((device) => device.copy !== undefined);
  if (copied.length === 0) return already();
  const fault = firstFault(copied, (device) =>
    isMountedForTest(call, device)
      ? no('conflict', 'TEST_COPY_IN_USE', `the test copy of ${device.id} is mounted`)
      : undefined,
  );
  if (fault !== undefined) return { fault };
  for (const device of copied) device.copy = undefined;
  return done();
};
