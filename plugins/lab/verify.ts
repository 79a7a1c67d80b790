/** Invariants: what must hold in any world at any moment, whatever was called or broken. */
import { devicesUnder } from './computes.ts';
import {
  type Boot,
  heartbeatAt,
  isStretched,
  type LabCompute,
  type LabDevice,
  lineageOf,
  standsOn,
  type World,
  writable,
} from './model.ts';

export interface Violation {
  readonly rule:
    | 'two-writers-of-one-lineage'
    | 'writer-on-passive-device'
    | 'running-unregistered'
    | 'running-unmounted'
    | 'running-twice'
    | 'ends-differ'
    | 'heartbeat-lost'
    | 'outage-over-bound';
  readonly subject: string;
  readonly message: string;
}

/** Two sides that both accept writers, each under a lineage of its own: never merged silently. */
export interface Divergence {
  readonly pairId: string;
  readonly lineages: readonly string[];
  /** Sides with live writers now, by array id. */
  readonly written: readonly string[];
}

/** Boots that wrote here themselves, on since they came here; copies of others' have no length. */
const ownBoots = ({ held }: LabDevice): readonly Boot[] =>
  [...(held?.boots ?? [])].flatMap(([vmId, boot]) => {
    if (boot.offAt <= boot.onAt) return [];
    const cameAt = held?.arrivals?.get(vmId) ?? boot.onAt;
    return cameAt > boot.onAt ? { ...boot, onAt: cameAt } : boot;
  });

/** They wrote at one time, and to media of their own: those of a stretched pair since it parted. */
const overlap = (one: Boot, other: Boot, partedAt: number): boolean =>
  one.lineage === other.lineage &&
  Math.max(one.onAt, other.onAt, partedAt) < Math.min(one.offAt, other.offAt);

/** Looks at the past too: every VM's last boot on each side is still known. */
const twoWriters = (device: LabDevice): Violation | undefined => {
  const { peer, link } = device;
  if (peer === undefined || link === undefined || device.held === peer.held) return undefined;
  const there = ownBoots(peer);
  if (there.length === 0) return undefined;
  const partedAt = isStretched(device) ? link.at : Number.NEGATIVE_INFINITY;
  for (const here of ownBoots(device)) {
    const other = there.find((boot) => overlap(here, boot, partedAt));
    if (other === undefined) continue;
    const message = `${here.id} at ${device.storage.id} and ${other.id} at ${peer.storage.id}`;
    return { rule: 'two-writers-of-one-lineage', subject: link.id, message };
  }
  return undefined;
};

/** Who writes to a device is let to, and from its own site unless both sites serve it. */
const passiveWriters = (device: LabDevice): Violation | undefined => {
  const { held, role, storage } = device;
  const mayWrite = (vmId: string): boolean =>
    writable(device) && (role === 'stretched' || held?.boots.get(vmId)?.siteId === storage.siteId);
  const wrong = [...(held?.writers ?? [])].find((vmId) => !mayWrite(vmId));
  if (wrong === undefined) return undefined;
  const message = `${wrong} writes to it at ${storage.id}, where it is ${role}`;
  return { rule: 'writer-on-passive-device', subject: device.id, message };
};

const unsoundVms = (compute: LabCompute): Violation[] => {
  const found: Violation[] = [];
  for (const vm of compute.vmOrder) {
    if (!vm.on) continue;
    const subject = vm.image.id;
    const message = `at ${compute.id}, instance ${vm.instance}`;
    if (!vm.registered) found.push({ rule: 'running-unregistered', subject, message });
    const isMounted = standsOn(vm).every((id) => compute.datastores[vm.instance].get(id)?.mounted);
    if (!isMounted) found.push({ rule: 'running-unmounted', subject, message });
  }
  return found;
};

/** A VM that runs at two computes under one lineage. */
const runningTwice = (world: World): Violation[] => {
  const seen = new Map<string, string>();
  const found: Violation[] = [];
  for (const compute of world.computes.values()) {
    for (const vm of compute.vms.production.values()) {
      if (!vm.on || vm.boot?.offAt !== Number.POSITIVE_INFINITY) continue;
      const name = `${vm.image.id} lineage ${vm.boot.lineage}`;
      const other = seen.get(name);
      if (other === undefined) seen.set(name, compute.id);
      else {
        const message = `at ${other} and at ${compute.id}`;
        found.push({ rule: 'running-twice', subject: vm.image.id, message });
      }
    }
  }
  return found;
};

/** Both sides serve a stretched device, and not the same data. */
const endsDiffer = (device: LabDevice): Violation | undefined => {
  const { link, peer, role } = device;
  if (link === undefined || role !== 'stretched') return undefined;
  const isOne = peer?.role === 'stretched' && device.held === peer.held;
  if (isOne && device.preferredSiteId === peer.preferredSiteId) return undefined;
  const message = `${device.storage.id} serves it, and its peer is ${peer?.role}`;
  return { rule: 'ends-differ', subject: link.id, message };
};

/** Live migrations whose VM lost what it was told is written, or stood still for too long. */
const unsoundMigrations = (world: World, now: number): Violation[] => {
  const found: Violation[] = [];
  const { heartbeatMs, interruptionMsMax } = world.spec;
  for (const [subject, { to, acknowledged, interruptionMsMost }] of world.migrations) {
    const vm = to.vms.production.get(subject);
    for (const device of vm === undefined ? [] : devicesUnder(to, vm)) {
      const boot = device.held?.boots.get(subject);
      const holds = boot === undefined ? -1 : heartbeatAt(boot, now, heartbeatMs);
      if (holds >= acknowledged) continue;
      const message = `${device.id} holds ${holds} where ${acknowledged} was acknowledged`;
      found.push({ rule: 'heartbeat-lost', subject, message });
    }
    if (interruptionMsMost <= interruptionMsMax) continue;
    const message = `nobody wrote for ${interruptionMsMost} ms, over ${interruptionMsMax} ms`;
    found.push({ rule: 'outage-over-bound', subject, message });
  }
  return found;
};

/** Every invariant that does not hold; empty in a sound world. */
export const verify = (world: World, now: number): readonly Violation[] => {
  const found: Violation[] = [];
  for (const storage of world.storages.values()) {
    for (const device of storage.order) {
      const passive = passiveWriters(device);
      if (passive !== undefined) found.push(passive);
      const isFirst = device.peer === undefined || storage.id < device.peer.storage.id;
      if (!isFirst) continue;
      for (const wrong of [twoWriters(device), endsDiffer(device)]) {
        if (wrong !== undefined) found.push(wrong);
      }
    }
  }
  for (const compute of world.computes.values()) found.push(...unsoundVms(compute));
  return [...found, ...runningTwice(world), ...unsoundMigrations(world, now)];
};

/** Pairs whose two sides both accept writers now. */
export const divergences = (world: World): readonly Divergence[] => {
  const found: Divergence[] = [];
  for (const storage of world.storages.values()) {
    for (const device of storage.order) {
      const { peer, link } = device;
      if (peer === undefined || link === undefined || storage.id > peer.storage.id) continue;
      if (!writable(device) || !writable(peer) || device.role === 'stretched') continue;
      const sides = [device, peer];
      found.push({
        pairId: link.id,
        lineages: sides.map(lineageOf),
        written: sides
          .filter(({ held }) => held !== undefined && held.writers.size > 0)
          .map((s) => s.storage.id),
      });
    }
  }
  return found;
};
