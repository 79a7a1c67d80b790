/**
 * A device that both sites share, shown as its own peer: its id is the id of both ends, and a
 * durable record says which site is the source. Whatever has a peer of its own is left as it is.
 * Source: US 9,423,956.
 */
import type { Device, Direction } from '../../sdk/plugin/model.ts';
import type { DeviceStatus } from '../../sdk/plugin/verbs.ts';
import { otherArray, type Presentation } from '../core/presentation.ts';

/** What of a device says which site is its source. */
type Role = Pick<Device, 'direction' | 'preferredSiteId'>;

/** The site that the storage itself says is the source, if it says so. */
const toldSource = (presentation: Presentation, arrayId: string, role: Role) => {
  const { first, second } = presentation;
  const here = arrayId === first.id ? first : second;
  if (role.direction === 'outgoing') return here.siteId;
  if (role.direction === 'incoming') return otherArray(presentation, arrayId).siteId;
  const told = [first.siteId, second.siteId].find((siteId) => siteId === role.preferredSiteId);
  return told;
};

const shownRole = (
  presentation: Presentation,
  arrayId: string,
  role: Role,
  recorded: string,
): { readonly direction: Direction; readonly preferredSiteId: string } => {
  const source = toldSource(presentation, arrayId, role) ?? recorded;
  const away = otherArray(presentation, arrayId).siteId === source;
  return {
    direction: away ? 'incoming' : 'outgoing',
    preferredSiteId: role.preferredSiteId ?? source,
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
    stretched: true,
  };
};

/** As `presentShared`, of a device that is known to be shared. */
export const presentSharedStatus = (
  presentation: Presentation,
  arrayId: string,
  status: DeviceStatus,
  recorded: string,
): DeviceStatus => ({
  ...status,
  ...shownRole(presentation, arrayId, status, recorded),
  stretched: true,
});
