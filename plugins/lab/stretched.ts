/**
 * Stretched pairs: one medium, two ends. While the sites see each other both ends hold the same
 * medium, so a write at either is at both. When they lose each other one end keeps it and goes on,
 * and the other is left with a copy of that moment, which nobody can write to.
 */
import type { Fault } from '@siteswap/sdk/plugin';
import { cutWriters, type GroupCall, isFault, oldLineage, type Paired, paired } from './groups.ts';
import type { Outcome } from './ledger.ts';
import {
  type Boot,
  heartbeatAt,
  isStretched,
  type LabDevice,
  lineageOf,
  mediumOf,
  type World,
} from './model.ts';
import { cut } from './operations.ts';
import { already, done, firstFault, no } from './outcome.ts';
import { imageAt, linkUp } from './replication.ts';

/** The two ends know of each other now. */
const inContact = (device: Paired): boolean => linkUp(device) && !device.link.suspended;

/** How long a heartbeat takes at a site: longer where each write first crosses to the other one. */
const everyMsAt = (world: World, device: LabDevice, siteId: string): number => {
  const { heartbeatMs, crossSiteMs } = world.spec;
  const isFar = device.role === 'stretched' && siteId !== device.preferredSiteId;
  return heartbeatMs + (isFar ? crossSiteMs : 0);
};

/**
 * From `at` on, or from the end of its pause if it has one, a boot writes at the pace that its site
 * has. What it wrote before stands.
 */
export const setPace = (
  world: World,
  device: LabDevice,
  boot: Boot,
  more: { readonly now: number; readonly at: number },
): void => {
  const { heartbeatMs } = world.spec;
  const everyMs = everyMsAt(world, device, boot.siteId);
  const at = Math.max(more.at, boot.pace?.at ?? more.at);
  if (at <= more.now && everyMs === (boot.pace?.everyMs ?? heartbeatMs)) return;
  boot.pace = { from: heartbeatAt(boot, more.now, heartbeatMs), at, everyMs };
};

const paceAll = (world: World, device: LabDevice, now: number): void => {
  const { writers, boots } = mediumOf(device);
  for (const vmId of writers) {
    const boot = boots.get(vmId);
    if (boot !== undefined) setPace(world, device, boot, { now, at: now });
  }
};

/** `keeper` goes on alone with the medium; its peer is left with what it held at this moment. */
const part = (world: World, keeper: Paired, now: number): number => {
  const { peer, link } = keeper;
  const medium = mediumOf(keeper);
  const count = cutWriters(medium, now, peer.storage.siteId);
  peer.held = imageAt(world, medium, now);
  keeper.role = 'source';
  peer.role = 'replica';
  link.flowing = false;
  link.at = now;
  paceAll(world, keeper, now);
  return count;
};

/** The ends of a stretched pair can no longer see each other: the preferred one goes on. */
export const loseContact = (world: World, device: LabDevice, now: number): void => {
  if (device.role !== 'stretched') return;
  const end = device as Paired;
  const isKeeper = end.storage.siteId === end.preferredSiteId;
  part(world, isKeeper ? end : (end.peer as Paired), now);
};

/** Both ends serve it again, out of what `keeper` holds. */
export const join = (keeper: Paired, now: number): void => {
  const { peer, link } = keeper;
  peer.held = mediumOf(keeper);
  peer.preferredSiteId = keeper.preferredSiteId;
  for (const end of [keeper, peer]) {
    end.role = 'stretched';
    end.fenced = false;
    end.lineageBefore = end.lineage;
  }
  link.flowing = true;
  link.at = now;
};

/** Cut off for good: an end with an older lineage than its peer's, as soon as it hears of it. */
const cutOff = (older: LabDevice, now: number): number => {
  older.fenced = true;
  older.role = 'replica';
  const count = cutWriters(mediumOf(older), now);
  older.refusals += count;
  return count;
};

/**
 * The ends see each other again. One that only stood still is stretched again at once, for nothing
 * was written there; one that was isolated meanwhile waits for a resync.
 */
export const findContact = (world: World, device: LabDevice, now: number): void => {
  if (!isStretched(device) || device.role === 'stretched') return;
  const end = device as Paired;
  if (!inContact(end)) return;
  const { peer, link } = end;
  if (end.lineage !== peer.lineage) {
    const older = end.lineage < peer.lineage ? end : peer;
    if (!older.fenced) cutOff(older, now);
    return;
  }
  if (!link.whole) return;
  const keeper = (end.role === 'source' ? end : peer) as Paired;
  join(keeper, now);
  paceAll(world, keeper, now);
};

/** The ends draw from different numbers, so that two that isolate each other open two lineages. */
const nextLineage = (device: Paired): number => {
  const isFirst = device.storage.id < device.peer.storage.id;
  const next = device.lineage + 1;
  return next % 2 === (isFirst ? 1 : 0) ? next : next + 1;
};

const isolate = (call: GroupCall, device: Paired): number => {
  const { world, now } = call;
  const { peer, link } = device;
  if (link.operation !== undefined) cut(world, link.operation, `${device.id} was isolated`, now);
  const reached = inContact(device);
  let count = 0;
  if (device.role === 'stretched') count += part(world, device, now);
  device.role = 'source';
  device.lineageBefore = device.lineage;
  device.lineage = nextLineage(device);
  device.preferredSiteId = device.storage.siteId;
  const { writers, boots } = mediumOf(device);
  for (const vmId of writers) {
    const boot = boots.get(vmId);
    if (boot !== undefined) boot.lineage = device.lineage;
  }
  if (reached) {
    cutOff(peer, now);
    peer.refusals += count;
  }
  return count;
};

const isIsolating = (device: LabDevice): boolean =>
  device.role === 'source' && device.lineage > device.lineageBefore;

/** Isolates the other side, whatever the preference, and needs no answer of it. */
export const fenceStretched = (call: GroupCall): Outcome => {
  const devices = call.devices as readonly Paired[];
  const fault = firstFault(devices, (device) => {
    if (device.fenced) return oldLineage(device);
    if (device.link.whole || device.role === 'source') return undefined;
    return no('conflict', 'NO_WHOLE_COPY', `${device.id} holds no whole recovery point`);
  });
  if (fault !== undefined) return { fault };
  const open = devices.filter((device) => !isIsolating(device));
  let writersCut = 0;
  for (const device of open) writersCut += isolate(call, device);
  const evidence = { lineage: lineageOf(devices[0] as Paired), writersCut };
  return open.length > 0 ? done(evidence) : already(evidence);
};

/** Which site goes on when the sites lose each other; both ends must hear of it. */
export const setSitePreference = (
  call: GroupCall,
  { siteId }: { readonly siteId: string },
): Outcome => {
  const devices = paired(call);
  if (isFault(devices)) return { fault: devices };
  const fault = firstFault(devices, (device): Fault | undefined => {
    if (!isStretched(device))
      return no('refused', 'NOT_STRETCHED', `${device.id} is not stretched`);
    if (device.storage.siteId !== siteId && device.peer.storage.siteId !== siteId) {
      return no('refused', 'UNKNOWN_SITE', `${device.id} does not stand at ${siteId}`);
    }
    if (device.fenced) return oldLineage(device);
    if (device.role === 'stretched' || device.preferredSiteId === siteId) return undefined;
    const what = `the other end of ${device.id} cannot be told`;
    return no('refused', 'PEER_DOWN', what, 'Resync it first.');
  });
  if (fault !== undefined) return { fault };
  const evidence = { preferredSiteId: siteId };
  if (devices.every((device) => device.preferredSiteId === siteId)) return already(evidence);
  for (const device of devices) {
    device.preferredSiteId = siteId;
    device.peer.preferredSiteId = siteId;
    paceAll(call.world, device, call.now);
  }
  return done(evidence);
};
