/**
 * A device that both sites share, shown as its own peer: its id is the id of both ends, and a
 * durable record says which site is the source. Whatever has a peer of its own is left as it is.
 * Source: US 9,423,956.
 */
import type { Device } from '../../sdk/plugin/model.ts';
import type { DeviceStatus } from '../../sdk/plugin/verbs.ts';
import { otherArray, type Presentation } from '../core/presentation.ts';

/** What of a device says which site is its source. */
type Role = Pick<Device, 'direction' | 'preferredSiteId'>;

/**
 * Both sites serve it, and its source is the site that it prefers. A storage that tells a role is
 * believed; `recorded` is for the others.
 */
const shownRole = (presentation: Presentation, arrayId: string, role: Role, recorded: string) => {
  const away = otherArray(presentation, arrayId);
  const here = otherArray(presentation, away.id);
  const { direction, preferredSiteId } = role;
  const isTold = direction === 'outgoing' || direction === 'incoming';
  const source = !isTold ? recorded : direction === 'outgoing' ? here.siteId : away.siteId;
  return {
    direction: isTold ? direction : ('stretched' as const),
    preferredSiteId: preferredSiteId ?? source,
    stretched: true,
  };
};

/** `recorded`: the source's site, as far as the daemon knows. */
export const presentShared = (
  presentation: Presentation,
  arrayId: string,
  device: Device,
  recorded: string,
): Device => {
  if (device.peer !== undefined) return device;
  return {
    ...device,
    ...shownRole(presentation, arrayId, device, recorded),
    peer: { arrayId: otherArray(presentation, arrayId).id, deviceId: device.id },
  };
};

/** As `presentShared`, of a device that is known to be shared. */
export const presentSharedStatus = (
  presentation: Presentation,
  arrayId: string,
  status: DeviceStatus,
  recorded: string,
): DeviceStatus => ({ ...status, ...shownRole(presentation, arrayId, status, recorded) });
