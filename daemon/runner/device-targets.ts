/** What a device run goes by, asked ahead of it. */

import type { Device } from '../../sdk/plugin/model.ts';
import { SiteswapError } from '../core/errors.ts';
import { otherEndsOf } from '../planner/overwritten.ts';
import { World } from '../planner/world.ts';
import type { Catalog } from './catalog.ts';
import type { Scout } from './scout.ts';
import type { DeviceRequest } from './service.ts';

interface Parts {
  readonly catalog: Catalog;
  readonly scout: Scout;
}

const expectNotLost = ({ catalog }: Parts, siteId: string, arrayId: string): void => {
  if (!catalog.state.lostSites.has(siteId)) return;
  const message = `site "${siteId}" of ${arrayId} is declared lost: it is not called`;
  throw new SiteswapError('SITE_LOST', message, { subject: siteId });
};

const expectThere = ({ arrayId, targets }: DeviceRequest, devices: readonly Device[]): void => {
  const known = new Set(devices.flatMap(({ id, groupId }) => [id, groupId ?? id]));
  for (const { id, deviceIds } of targets) {
    const missing = (deviceIds.length > 0 ? deviceIds : [id]).find((name) => !known.has(name));
    if (missing === undefined) continue;
    const message = `array "${arrayId}" has no device or consistency group "${missing}"`;
    throw new SiteswapError('DEVICE_NOT_FOUND', message, { subject: missing });
  }
};

/** Who would be overwritten is asked who writes there. */
const askOtherEnds = async (parts: Parts, request: DeviceRequest): Promise<void> => {
  const { scout } = parts;
  const ends = otherEndsOf(World.whole(scout.inventory()), request);
  for (const { siteId, arrayId } of ends) expectNotLost(parts, siteId, arrayId);
  const sites = new Set(ends.map(({ siteId }) => siteId));
  const arrays = new Set(ends.map(({ arrayId }) => arrayId));
  await scout.refresh([...sites], [...arrays]);
};

/** Throws SITE_LOST, DEVICE_NOT_FOUND, and what a remote that is asked throws. */
export const learnTargets = async (parts: Parts, request: DeviceRequest): Promise<void> => {
  const { scout } = parts;
  const remote = scout.storage(request.arrayId);
  expectNotLost(parts, remote.siteId, remote.id);
  const { devices } = await scout.learn(remote.id);
  expectThere(request, devices);
  if (request.verb === 'resync') await askOtherEnds(parts, request);
};
