/**
 * How a plan really stands, by fresh evidence of both its sites, beside what the journal believes.
 * Only the arrays say which side is which: where they do not agree, nothing can be concluded.
 */
import type { Standing } from '../core/adoption.ts';
import type { Inventory } from '../core/inventory.ts';
import type { Plan } from '../core/plan.ts';
import type { PlanState } from '../core/plan-state.ts';
import { Findings } from './findings.ts';
import { type Group, type GroupEnd, resolveGroups } from './resolve-groups.ts';
import { isServedByBoth } from './stretched.ts';
import { World } from './world.ts';

/** One thing that is not as the journal believes. */
export interface Difference {
  readonly objectId: string;
  readonly about: 'role' | 'mount' | 'registration' | 'power';
  readonly believed: string;
  readonly found: string;
}

export interface Looked {
  /** Absent: it cannot be told; `unclear` says why. */
  readonly found?: Standing;
  readonly differences: readonly Difference[];
  readonly unclear: readonly string[];
  /**
   * Where both sides accept writers, the one with the older licence: arrays cut off older writers
   * only, so it cannot be the one that goes on. Absent: nobody can tell, and a person chooses.
   */
  readonly olderSiteId?: string;
}

/** `both`: each accepts writers, and which of them has the newer licence cannot be told. */
type Position =
  | 'forward'
  | 'backward'
  | 'over'
  | 'both'
  | 'both, newer there'
  | 'both, newer here'
  | 'neither';

const isOpen = ({ devices }: GroupEnd): boolean =>
  devices.some((device) => device?.access === 'read-write');

const flows = ({ devices }: GroupEnd): boolean =>
  devices.every((device) => device?.direction === 'outgoing');

/** One device that both sites serve stands where it is preferred. */
const sharedBy = ({ protected: here, recovery }: Group, plan: Plan): Position | undefined => {
  const ends = [...here.devices, ...recovery.devices];
  if (!ends.every((device) => device?.direction === 'stretched')) return undefined;
  const preferred = new Set(ends.flatMap((device) => device?.preferredSiteId ?? []));
  if (preferred.size > 1) return 'neither';
  return preferred.has(plan.recoverySiteId) ? 'over' : 'forward';
};

/** Promoted, or cut off from its other end, since the two were last one: a licence was opened. */
const opened = ({ devices }: GroupEnd): boolean =>
  devices.every((device) => device?.direction === (isServedByBoth(device) ? 'outgoing' : 'none'));

const newerOf = (group: Group): Position => {
  const [here, there] = [opened(group.protected), opened(group.recovery)];
  if (here === there) return 'both';
  return here ? 'both, newer here' : 'both, newer there';
};

const positionOf = (group: Group, plan: Plan): Position => {
  const shared = sharedBy(group, plan);
  if (shared !== undefined) return shared;
  const [here, there] = [isOpen(group.protected), isOpen(group.recovery)];
  if (here && there) return newerOf(group);
  if (here) return 'forward';
  if (!there) return 'neither';
  return flows(group.recovery) ? 'backward' : 'over';
};

const standingAt = (position: Position, plan: Plan): Standing | undefined => {
  const { protectedSiteId, recoverySiteId } = plan;
  const same = { protectedSiteId, recoverySiteId };
  switch (position) {
    case 'forward':
      return { ...same, state: 'ready' };
    case 'backward':
      return {
        protectedSiteId: recoverySiteId,
        recoverySiteId: protectedSiteId,
        state: 'ready',
      };
    case 'over':
      return { ...same, state: 'failed-over' };
    case 'both':
    case 'both, newer there':
      return { ...same, state: 'recovery-required' };
    case 'both, newer here':
      return {
        protectedSiteId: recoverySiteId,
        recoverySiteId: protectedSiteId,
        state: 'recovery-required',
      };
    case 'neither':
      return undefined;
  }
};

const accessText = ({ devices }: GroupEnd): string =>
  [...new Set(devices.map((device) => device?.access ?? 'unknown'))].join(', ');

/**
 * The sides that accept writers, as the journal believes: [protected, recovery]. Of a failover that
 * did not end well, as it was to become.
 */
const openIn: Readonly<Record<PlanState, readonly [boolean, boolean]>> = {
  ready: [true, false],
  tested: [true, false],
  'failed-over': [false, true],
  'partly-failed-over': [false, true],
  'recovery-required': [true, true],
};

const roleDifferences = (group: Group, state: PlanState): Difference[] =>
  ([group.protected, group.recovery] as const).flatMap((end, side) => {
    const stretched = end.devices.every((device) => device?.direction === 'stretched');
    const believed = openIn[state][side] === true ? 'read-write' : 'read-only';
    const found = accessText(end);
    if (stretched || found === believed) return [];
    return [{ objectId: `${end.arrayId}/${end.target.id}`, about: 'role', believed, found }];
  });

/** What hosts of a site have of the plan's groups. */
const hosted = (world: World, siteId: string, ends: readonly GroupEnd[]) => {
  const own = new Set(
    ends.flatMap(({ arrayId, target }) => target.devices.map((id) => `${arrayId}\n${id}`)),
  );
  const mounts = new Map<string, boolean>();
  const vms = new Map<string, 'on' | 'off'>();
  for (const { datastores, vms: known } of world.computesAt(siteId)) {
    for (const { id, devices, mounted, instance } of datastores) {
      const ours = devices.some(({ arrayId, deviceId }) => own.has(`${arrayId}\n${deviceId}`));
      if (ours && instance === 'production') mounts.set(id, mounted);
    }
    for (const { id, power, datastoreIds, instance } of known) {
      const ours = datastoreIds.some((store) => mounts.has(store));
      if (ours && instance === 'production') vms.set(id, power);
    }
  }
  return { siteId, mounts, vms };
};

type Hosted = ReturnType<typeof hosted>;

/** VMs and datastores belong where the writers are; elsewhere they may be known, and rest. */
const hostDifferences = (active: Hosted, other: Hosted): Difference[] => {
  const mounts = [...other.mounts].flatMap(([objectId, mounted]): Difference[] => {
    if (active.mounts.get(objectId) === true) return [];
    const found = mounted ? `mounted at ${other.siteId}` : 'mounted nowhere';
    return [{ objectId, about: 'mount', believed: `mounted at ${active.siteId}`, found }];
  });
  const vms = [...other.vms].flatMap(([objectId, power]): Difference[] => {
    const here = active.vms.get(objectId);
    const found = power === 'on' ? `on at ${other.siteId}` : `known at ${other.siteId} alone`;
    if (power === 'on')
      return [{ objectId, about: 'power', believed: `off at ${other.siteId}`, found }];
    if (here !== undefined) return [];
    const believed = `registered at ${active.siteId}`;
    return [{ objectId, about: 'registration', believed, found }];
  });
  return [...mounts, ...vms];
};

const olderOf = (position: Position | undefined, plan: Plan): Pick<Looked, 'olderSiteId'> => {
  if (position === 'both, newer there') return { olderSiteId: plan.protectedSiteId };
  return position === 'both, newer here' ? { olderSiteId: plan.recoverySiteId } : {};
};

const conclude = (groups: readonly Group[], plan: Plan): Omit<Looked, 'differences'> => {
  const positions = new Set(groups.map((group) => positionOf(group, plan)));
  const [position] = positions;
  if (positions.size > 1) {
    const parts = groups.map((group) => `${group.id} is ${positionOf(group, plan)}`).join('; ');
    return { unclear: [`the plan's groups do not stand alike: ${parts}`] };
  }
  const found = position === undefined ? undefined : standingAt(position, plan);
  if (found !== undefined) return { found, unclear: [], ...olderOf(position, plan) };
  return { unclear: ['no side of the plan accepts writers, or the ends disagree about it'] };
};

/** `state`: what the journal believes. The evidence must be fresh. */
export const lookAt = (plan: Plan, inventory: Inventory, state: PlanState): Looked => {
  const findings = new Findings();
  const world = new World(inventory, [plan.protectedSiteId, plan.recoverySiteId]);
  const groups = resolveGroups(world, plan, 'reprotect', findings);
  const problems = findings.problems.map(({ message }) => message);
  if (problems.length > 0) return { differences: [], unclear: problems };
  const here = groups.map((group) => group.protected);
  const there = groups.map(({ recovery }) => recovery);
  const [first, second] = [
    hosted(world, plan.protectedSiteId, here),
    hosted(world, plan.recoverySiteId, there),
  ];
  const [active, other] = openIn[state][1] ? [second, first] : [first, second];
  const differences = [
    ...groups.flatMap((group) => roleDifferences(group, state)),
    ...(state === 'recovery-required' ? [] : hostDifferences(active, other)),
  ];
  return { ...conclude(groups, plan), differences };
};
