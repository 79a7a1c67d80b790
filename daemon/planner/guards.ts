/**
 * Whether pairs are fit for what a mode is about to do, now: a healthy plan over sick replication
 * is refused before anything is touched, not half-way. A disaster run is never kept from starting:
 * it hears what it will lose.
 */
import type { Device, PairState } from '../../sdk/plugin/model.ts';
import type { Path } from '../core/frozen.ts';
import type { Mode, Plan } from '../core/plan.ts';
import { defaultLag } from './defaults.ts';
import { isHandedOver } from './directions.ts';
import type { Findings } from './findings.ts';
import type { Group, GroupEnd } from './resolve-groups.ts';

/**
 * What a state of a pair means to a planned run. `sound`: it can start. `copying`: the first full
 * copy is not there yet. `begun`: an earlier run has changed roles, this one goes on from there.
 * `sick`: what would arrive at the other side is not what stands here.
 */
type Fitness = 'sound' | 'copying' | 'begun' | 'sick';

const fitnessOf: Readonly<Record<PairState, Fitness>> = {
  synchronized: 'sound',
  // Where an asynchronous pair stands between two syncs, too: see `isCopying`.
  unsynchronized: 'sound',
  initialized: 'copying',
  restored: 'copying',
  prepared: 'begun',
  failedover: 'begun',
  broken: 'sick',
  fractured: 'sick',
  split: 'sick',
  inactive: 'sick',
  suspended: 'sick',
  aborted: 'sick',
  skewed: 'sick',
  mixed: 'sick',
  partitioned: 'sick',
  invalid: 'sick',
  unknown: 'sick',
};

const wayOut: Partial<Record<PairState, string>> = {
  suspended: 'resume its replication',
  partitioned: 'the arrays do not reach each other: mend the link between the sites',
  split: 'both sides accept writers: decide which one stays, and resync the pair',
  unknown: 'the array cannot say how its pair is: look there, and discover it again',
};

/** States in which a copy holds nothing that a test could start from. */
const worthless: ReadonlySet<PairState> = new Set(['invalid', 'broken', 'initialized']);

export interface GuardQuestion {
  readonly plan: Plan;
  readonly mode: Mode;
  readonly groups: readonly Group[];
  readonly paths: readonly Path[];
  readonly now: number;
  /** A person has chosen what becomes of data that went different ways. */
  readonly chosen: boolean;
  readonly findings: Findings;
}

interface Seen {
  readonly device: Device;
  readonly position: number;
  readonly name: string;
}

const seenAt = ({ arrayId, devices }: GroupEnd): Seen[] =>
  devices.flatMap((device, position) =>
    device === undefined
      ? []
      : [{ device, position, name: `device "${device.id}" of array "${arrayId}"` }],
  );

const seconds = (ms: number): string => `${Math.max(0, Math.round(ms / 1_000))} s`;

/** As of when the copy of a device is consistent, by the newest word of either end. */
const pointOf = (group: Group, position: number): number | undefined => {
  const ends = [group.protected.devices[position], group.recovery.devices[position]];
  const moments = ends.flatMap((device) => device?.lastRecoveryPoint?.atMs ?? []);
  return moments.length === 0 ? undefined : Math.max(...moments);
};

const rpoOf = (group: Group, position: number): number | undefined =>
  group.protected.devices[position]?.rpoMs ?? group.recovery.devices[position]?.rpoMs;

/** Nobody has said of any moment that the copy is consistent as of it. */
const isCopying = (group: Group, { device, position }: Seen): boolean =>
  fitnessOf[device.pairState] === 'copying' ||
  (device.pairState === 'unsynchronized' && pointOf(group, position) === undefined);

const checkStates = ({ plan, findings }: GuardQuestion, group: Group): void => {
  const { beyond } = plan.options.lag ?? defaultLag;
  const seen = [...seenAt(group.protected), ...seenAt(group.recovery)];
  const sick = seen.find(({ device }) => fitnessOf[device.pairState] === 'sick');
  const copying = seen.find((each) => isCopying(group, each));
  const begun = seen.find(({ device }) => fitnessOf[device.pairState] === 'begun');
  if (sick !== undefined) {
    const state = sick.device.pairState;
    const way = wayOut[state] ?? 'repair the pair at the arrays';
    findings.obstacle(group.field, `the pair of ${sick.name} is ${state}: ${way}`);
  } else if (copying !== undefined) {
    const message =
      `${copying.name} is not copied in full yet (${copying.device.pairState}): ` +
      'wait until it is, or begin it with `siteswap device sync`; options.lag of the plan can ' +
      'make this a warning';
    if (beyond === 'refuse') findings.obstacle(group.field, message);
    else findings.warn(group.field, message);
  } else if (begun !== undefined) {
    findings.warn(
      group.field,
      `the pair of ${begun.name} is ${begun.device.pairState}: an earlier run began with it, ` +
        'this one goes on from there',
    );
  }
};

const checkLag = (question: GuardQuestion, group: Group): void => {
  const { plan, mode, now, findings } = question;
  const { rpoTimesMax, beyond } = plan.options.lag ?? defaultLag;
  for (const [position, id] of group.protected.target.devices.entries()) {
    const rpoMs = rpoOf(group, position);
    const pointMs = pointOf(group, position);
    if (rpoMs === undefined || pointMs === undefined) continue;
    const lagMs = now - pointMs;
    if (lagMs <= rpoMs * rpoTimesMax) continue;
    const message =
      `the copy of device "${id}" of array "${group.protected.arrayId}" is ${seconds(lagMs)} ` +
      `old, more than ${rpoTimesMax} times its RPO of ${seconds(rpoMs)}: mend its replication, ` +
      'or sync it; options.lag of the plan says how far a pair may lag';
    if (mode === 'planned' && beyond === 'refuse') findings.obstacle(group.field, message);
    else findings.warn(group.field, message);
    return;
  }
};

const checkTestable = ({ findings }: GuardQuestion, group: Group): void => {
  for (const { device, name } of seenAt(group.recovery)) {
    const { pairState } = device;
    if (worthless.has(pairState)) {
      findings.obstacle(
        group.field,
        `the pair of ${name} is ${pairState}: its copy cannot be tested; repair the pair first`,
      );
    } else if (fitnessOf[pairState] === 'sick') {
      findings.warn(
        group.field,
        `the pair of ${name} is ${pairState}: the test shows its last recovery point, ` +
          "not today's data",
      );
    } else continue;
    return;
  }
};

const acceptsWriters = (device: Device | undefined): boolean =>
  device?.access === 'read-write' && device.direction !== 'stretched';

/**
 * Where both ends accept writers, a copy in either direction overwrites what stands at the other
 * one: only a person can say which of them that may be.
 */
const checkWriters = ({ plan, findings }: GuardQuestion, group: Group): void => {
  for (const [position, device] of group.protected.devices.entries()) {
    const peer = group.recovery.devices[position];
    if (!acceptsWriters(device) || !acceptsWriters(peer)) continue;
    findings.obstacle(
      group.field,
      `both sides accept writers of device "${device?.id}" of array ` +
        `"${group.protected.arrayId}" ("${peer?.id}" at site "${plan.recoverySiteId}"), so a ` +
        `copy would overwrite one of them: siteswap repair ${plan.id} tells how it stands and ` +
        `adopts it; only to give up what was written at "${plan.recoverySiteId}", siteswap ` +
        `device restore ${group.recovery.target.id} --array ${group.recovery.arrayId}`,
    );
    return;
  }
};

/** Adds what is wrong now with the pairs of a plan. */
export const checkGuards = (question: GuardQuestion): void => {
  const { mode, groups, paths, chosen } = question;
  const copies = mode === 'planned' || (mode === 'reprotect' && !chosen);
  groups.forEach((group, position) => {
    if (copies && paths[position] === 'cold') checkWriters(question, group);
    if (mode === 'planned') checkStates(question, group);
    if (mode === 'test') checkTestable(question, group);
    const copied = paths[position] === 'cold' && !isHandedOver(group);
    if (copied && (mode === 'planned' || mode === 'test')) checkLag(question, group);
  });
};
