/** Who may write to a plan's groups at one of its sites, by the newest evidence of it. */
import type { Side } from '../core/frozen.ts';
import type { Inventory } from '../core/inventory.ts';
import type { Plan } from '../core/plan.ts';
import { Findings } from './findings.ts';
import { resolveGroups } from './resolve-groups.ts';
import { isServedByBoth } from './stretched.ts';
import { compareText, World } from './world.ts';

export interface WriterDevice {
  readonly arrayId: string;
  readonly deviceId: string;
  /** Empty where the array does not say. */
  readonly lineage: string;
  readonly writable: boolean;
  /** It has the bytes of its other end. */
  readonly stretched: boolean;
  /** Absent where the array does not know. */
  readonly divergedBytes?: number;
}

export interface Writer {
  readonly siteId: string;
  readonly devices: readonly WriterDevice[];
  /** Production VMs with a disk on the devices that are on; sorted. */
  readonly vmIds: readonly string[];
  /** Of the oldest evidence among all that this was told from; absent: there is none. */
  readonly observedAtMs?: number;
}

const devicesAt = (plan: Plan, world: World, side: Side): WriterDevice[] =>
  resolveGroups(world, plan, 'disaster', new Findings()).flatMap((group) => {
    const { arrayId, target, devices } = group[side];
    return target.devices.map((deviceId, at) => {
      const { lineage = '', access, divergedBytes } = devices[at] ?? {};
      const stretched = isServedByBoth(devices[at]);
      const known = divergedBytes === undefined ? {} : { divergedBytes };
      const writable = access === 'read-write';
      return { arrayId, deviceId, lineage, writable, stretched, ...known };
    });
  });

/** Production VMs of a site that are on, with a disk on one of the devices; sorted. */
export const vmsOn = (
  devices: readonly Pick<WriterDevice, 'arrayId' | 'deviceId'>[],
  world: World,
  siteId: string,
): string[] => {
  const own = new Set(devices.map(({ arrayId, deviceId }) => `${arrayId}\n${deviceId}`));
  const found = world.computesAt(siteId).flatMap(({ datastores, vms }) => {
    const standing = new Set(
      datastores
        .filter((store) =>
          store.devices.some(({ arrayId, deviceId }) => own.has(`${arrayId}\n${deviceId}`)),
        )
        .map(({ id }) => id),
    );
    return vms.filter(
      ({ power, instance, datastoreIds }) =>
        power === 'on' && instance === 'production' && datastoreIds.some((id) => standing.has(id)),
    );
  });
  return [...new Set(found.map(({ id }) => id))].sort(compareText);
};

/** The plan's sites are those of its last roles: `side` is one of them. */
export const writerAt = (plan: Plan, inventory: Inventory, side: Side): Writer => {
  const siteId = side === 'protected' ? plan.protectedSiteId : plan.recoverySiteId;
  const world = new World(inventory, [plan.protectedSiteId, plan.recoverySiteId]);
  const devices = devicesAt(plan, world, side);
  const vmIds = vmsOn(devices, world, siteId);
  const arrays = new Set(devices.map(({ arrayId }) => arrayId));
  const heard = [...inventory.values()]
    .filter(({ remote }) => remote.siteId === siteId)
    .filter(({ remote }) => remote.kind === 'compute' || arrays.has(remote.id))
    .map(({ observedAtMs }) => observedAtMs);
  const seen = heard.length === 0 ? {} : { observedAtMs: Math.min(...heard) };
  return { siteId, devices, vmIds, ...seen };
};
