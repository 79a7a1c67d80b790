/** What a device run goes by, asked ahead of it. */

import type { Device } from '../../sdk/plugin/model.ts';
import { SiteswapError } from '../core/errors.ts';
import type { Plan } from '../core/plan.ts';
import { planStateOf } from '../core/plan-state.ts';
import { otherEndsOf } from '../planner/overwritten.ts';
import { type Target, World } from '../planner/world.ts';
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

/**
 * What a plan is about to copy back is not overwritten beside it: after a disaster the data at the
 * site that goes on counts, and what was failed over is turned round by a reprotect.
 */
const expectAtRest = ({ catalog, scout }: Parts, request: DeviceRequest): void => {
  const { arrayId, targets } = request;
  const { siteId } = scout.storage(arrayId);
  const world = World.whole(scout.inventory());
  const isPromoted = (target: Target): boolean =>
    world.targeted(arrayId, target).some((id) => world.device(arrayId, id)?.direction === 'none');
  for (const { plan } of catalog.state.plans.values()) {
    const stands = planStateOf(catalog.state, plan.id);
    const isOld = catalog.state.recoveries.get(plan.id)?.oldSiteId === siteId;
    const isOver = stands !== 'ready' && stands !== 'tested' && siteId === plan.recoverySiteId;
    if (!isOld && !isOver) continue;
    const target = targets.find(
      (one) => (isOld || isPromoted(one)) && isOf(world, plan, arrayId, one),
    );
    if (target === undefined) continue;
    const message =
      `"${target.id}" is of plan "${plan.id}", which is ${stands}: its data is copied back by ` +
      `the plan's own runs (siteswap plan preview ${plan.id}, siteswap site recoveries)`;
    throw new SiteswapError('RUN_REFUSED', message, { subject: plan.id });
  }
};

/** One of the plan's groups has a device of the target, at either end of the pair. */
const isOf = (world: World, plan: Plan, arrayId: string, target: Target): boolean => {
  const own = world.targeted(arrayId, target);
  const ends = [...own.map((deviceId) => ({ arrayId, deviceId })), ...world.peersOf(arrayId, own)];
  const isEnd = (at: string, id: string): boolean =>
    ends.some((end) => end.arrayId === at && end.deviceId === id);
  return plan.protectionGroups
    .flatMap(({ groups }) => groups)
    .some((ref) => world.group(ref.arrayId, ref.id).some(({ id }) => isEnd(ref.arrayId, id)));
};

/** Throws SITE_LOST, RUN_REFUSED, DEVICE_NOT_FOUND, and what a remote that is asked throws. */
export const learnTargets = async (parts: Parts, request: DeviceRequest): Promise<void> => {
  const { scout } = parts;
  const remote = scout.storage(request.arrayId);
  expectNotLost(parts, remote.siteId, remote.id);
  const { devices } = await scout.learn(remote.id);
  expectThere(request, devices);
  if (request.verb !== 'resync') return;
  await askOtherEnds(parts, request);
  expectAtRest(parts, request);
};
