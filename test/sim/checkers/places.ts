/** Where an item stands at the far end: roles, mounts, registrations, power. */
import type { Lab } from '../../../plugins/lab/lab.ts';
import type { LabDevice } from '../../../plugins/lab/model.ts';
import { type Item, isStorage } from './runs.ts';

const vmAt = (lab: Lab, siteId: string, id: string, instance: 'production' | 'test'): string => {
  for (const compute of lab.world.computes.values()) {
    if (compute.siteId !== siteId) continue;
    const vm = compute.vms[instance].get(id);
    if (vm?.registered !== true) return 'unregistered';
    return vm.on ? 'on' : 'off';
  }
  return 'unknown';
};

const mountsAt = (
  lab: Lab,
  siteId: string,
  ids: readonly string[],
  instance: 'production' | 'test',
) => {
  for (const compute of lab.world.computes.values()) {
    if (compute.siteId !== siteId) continue;
    const mounted = ids.filter((id) => compute.datastores[instance].get(id)?.mounted === true);
    if (mounted.length === ids.length) return 'mounted';
    return mounted.length === 0 ? 'unmounted' : 'mounted in part';
  }
  return 'unknown';
};

/** By its id at either array: a presented pair has one id for both of its ends. */
export const deviceAt = (lab: Lab, siteId: string, id: string): LabDevice | undefined => {
  const known = [...lab.world.storages.values()].flatMap(({ devices }) => devices.get(id) ?? []);
  const ends = known.flatMap((device) => [device, device.peer]);
  return ends.find((device) => device?.storage.siteId === siteId);
};

const rolesAt = (lab: Lab, siteId: string, deviceIds: readonly string[]) => {
  const devices = deviceIds.flatMap((id) => deviceAt(lab, siteId, id) ?? []);
  const roles = new Set(devices.map(({ role }) => role));
  const preferred = new Set(devices.flatMap((device) => device.preferredSiteId ?? []));
  const copies = new Set(devices.map(({ copy }) => (copy === undefined ? 'no copy' : 'copy')));
  return {
    role: [...roles].sort().join(' and '),
    copy: [...copies].sort().join(' and '),
    preferred: [...preferred].sort().join(' and '),
  };
};

/** A few words for each side: the same words mean the same place. */
export interface Place {
  readonly production: string;
  readonly test: string;
}

/** Of an item at one site. `deviceIds`: of a consistency group, its devices there. */
export const placeOf = (
  lab: Lab,
  siteId: string,
  item: Item,
  deviceIds: readonly string[],
): Place => {
  if (!isStorage(item)) {
    return {
      production: vmAt(lab, siteId, item.id, 'production'),
      test: vmAt(lab, siteId, item.id, 'test'),
    };
  }
  const ids = item.datastores.map(({ id }) => id);
  const { role, copy, preferred } = rolesAt(lab, siteId, deviceIds);
  const mounts = mountsAt(lab, siteId, ids, 'production');
  return {
    // Which end serves it alone, when both cannot, is the storage's affair.
    production: preferred === '' ? `${role}, ${mounts}` : `prefers ${preferred}, ${mounts}`,
    test: `${copy}, ${mountsAt(lab, siteId, ids, 'test')}`,
  };
};

/** Devices of an item at each side. */
export const devicesOf = (item: Item, side: 'protected' | 'recovery'): readonly string[] =>
  isStorage(item) ? item[side].devices : [];
