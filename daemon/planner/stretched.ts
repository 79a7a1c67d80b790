/**
 * Stretched groups: which there are, and whether they stand as a run needs them to. The site that a
 * stretched device prefers is its direction: it must be the protected one before, or the plan would
 * take VMs to where their disks are cut off.
 */
import type { Device } from '../../sdk/plugin/model.ts';
import type { Path, StorageItem } from '../core/frozen.ts';
import { isOfTests, type Mode, type Plan } from '../core/plan.ts';
import type { Findings } from './findings.ts';
import type { Group } from './resolve-groups.ts';
import { isLeftOff, isOff, type Member } from './resolve-vms.ts';

/**
 * Both sides serve it, or did until one was cut off. A pair that is only shown as stretched is
 * updated in another way than that: one end of it receives, and it goes the cold way.
 */
export const isServedByBoth = (device: Device | undefined): boolean =>
  device?.direction === 'stretched' ||
  (device?.stretched === true && (device.updateMode ?? 'active') === 'active');

/** Per position in the group: whether either array says that the device is stretched. */
const stretchedIn = (group: Group): boolean[] =>
  group.protected.target.devices.map((_, at) =>
    [group.protected.devices[at], group.recovery.devices[at]].some(isServedByBoth),
  );

/** The path of each group in a mode. Test copies are made of stretched devices as of any other. */
export const pathsOf = (mode: Mode, groups: readonly Group[], findings: Findings): Path[] =>
  groups.map((group) => {
    const stretched = stretchedIn(group);
    if (isOfTests(mode) || !stretched.includes(true)) return 'cold';
    const plain = stretched.indexOf(false);
    if (plain >= 0) {
      findings.problem(
        group.field,
        `device "${group.protected.target.devices[plain]}" of array ` +
          `"${group.protected.arrayId}" is not stretched, others of "${group.id}" are: ` +
          'a group moves whole, one way; put the device into a group of its own',
      );
    }
    return 'stretched';
  });

/** What the arrays said of a group's devices: site ids, each once. */
const preferredBy = (group: Group): string[] => {
  const devices = [...group.protected.devices, ...group.recovery.devices];
  return [...new Set(devices.flatMap((device) => device?.preferredSiteId ?? []))];
};

const pairOf = ({ protected: here, recovery }: Group): string =>
  JSON.stringify([here.arrayId, recovery.arrayId]);

/** Nobody has said of any of its copies that it was ever whole: it is new, and nothing parted. */
const isNew = (group: Group): boolean => {
  const devices = [...group.protected.devices, ...group.recovery.devices];
  return devices.every(
    (device) => device?.pairState === 'unsynchronized' && device.lastRecoveryPoint === undefined,
  );
};

const checkServed = (group: Group, findings: Findings): void => {
  for (const { arrayId, devices } of [group.protected, group.recovery]) {
    const alone = devices.find(
      (device) => isServedByBoth(device) && device?.direction !== 'stretched',
    );
    if (alone === undefined) continue;
    const why = isNew(group)
      ? 'its pair was never synced: `siteswap device sync` makes it one device of both sites'
      : `one side of it was cut off (here it is ${alone.direction}): ` +
        'resync it before a planned run';
    findings.obstacle(
      group.field,
      `device "${alone.id}" of array "${arrayId}" is stretched, but ${why}`,
    );
    return;
  }
};

export interface StretchedQuestion {
  readonly plan: Plan;
  readonly mode: Mode;
  readonly groups: readonly Group[];
  readonly paths: readonly Path[];
  readonly members: readonly Member[];
  /** A failover of the plan was begun, and did not end well. */
  readonly goesOn: boolean;
  /** VMs that the run which this one goes on from was to start. */
  readonly wantedOn: ReadonlySet<string>;
  readonly findings: Findings;
}

/** The site that a group prefers now and may: the protected one, or where its VMs went before. */
const checkPreference = (question: StretchedQuestion, position: number): string => {
  const { plan, groups, paths, members, findings } = question;
  const { protectedSiteId, recoverySiteId } = plan;
  const group = groups[position] as Group;
  const preferred = preferredBy(group);
  const odd = preferred.find((siteId) => siteId !== protectedSiteId);
  if (odd === undefined) return protectedSiteId;
  const gone = members.find((vm) => vm.there && vm.groups.includes(position));
  if (gone !== undefined && preferred.length === 1 && odd === recoverySiteId) {
    findings.warn(
      group.field,
      `"${group.id}" prefers site "${odd}" already, and VM "${gone.id}" runs there: an earlier ` +
        'run began with it, this one goes on',
    );
    return odd;
  }
  if (question.goesOn && preferred.length === 1 && odd === recoverySiteId) {
    const why = 'the run before this one left it so, and this one goes on';
    findings.warn(group.field, `"${group.id}" prefers site "${odd}" already: ${why}`);
    return odd;
  }
  const opposite = groups.some(
    (other, at) =>
      paths[at] === 'stretched' &&
      pairOf(other) === pairOf(group) &&
      preferredBy(other).every((siteId) => siteId === protectedSiteId),
  );
  const prefer = `let it prefer "${protectedSiteId}" (siteswap device set-site-preference)`;
  const way = opposite
    ? `other groups on the same pair of arrays the other way: ${prefer}, or put it in a plan of ` +
      'its own, the other way'
    : `the plan protects "${protectedSiteId}": ${prefer}, or run reprotect if the plan was ` +
      "failed over, or exchange the plan's sites";
  findings.problem(group.field, `"${group.id}" prefers site "${odd}", ${way}`);
  return odd;
};

const checkMembers = (question: StretchedQuestion): void => {
  const { plan, mode, groups, paths, members, findings } = question;
  const goesOver = mode === 'planned' || mode === 'disaster';
  for (const member of members) {
    const { id, field, groups: on } = member;
    const [first = 0, ...others] = on;
    const other = others.find((group) => paths[group] !== paths[first]);
    if (other !== undefined) {
      findings.problem(
        field,
        `VM "${id}" stands on "${groups[first]?.id}" and "${groups[other]?.id}", of which only ` +
          'one is stretched: put its disks on one kind of storage',
      );
    } else if (goesOver && isOff(member)) {
      const there = `at "${plan.recoverySiteId}"`;
      const becomes = isLeftOff(mode, paths[first], member, question.wantedOn)
        ? `off ${there} too, then`
        : `started ${there}`;
      findings.warn(field, `VM "${id}" is off: it is ${becomes}`);
    }
  }
};

/** By the word of the side that the plan went to: it serves alone, or is preferred there. */
const stands = ({ recovery }: Group, { recoverySiteId }: Plan): boolean =>
  recovery.devices.every(
    (device) => device?.direction === 'outgoing' || device?.preferredSiteId === recoverySiteId,
  );

/** A reprotect makes of where things stand where they belong: what never moved is refused. */
const checkMoved = ({ plan, groups, members, findings }: StretchedQuestion, position: number) => {
  const { id, field } = groups[position] as Group;
  const { protectedSiteId, recoverySiteId } = plan;
  const way = `run planned again, which goes on from there, or take "${id}" out of the plan`;
  if (!stands(groups[position] as Group, plan)) {
    const why = `prefers site "${protectedSiteId}" still: it was never failed over`;
    findings.obstacle(field, `"${id}" ${why}; ${way}`);
    return;
  }
  const on = members.filter((vm) => vm.groups.includes(position));
  const left = on.find(({ runsAt }) => runsAt.has('protected') && !runsAt.has('recovery'));
  if (left === undefined) return;
  const where = `VM "${left.id}" of "${id}" runs at "${protectedSiteId}" still`;
  if (on.some(({ runsAt }) => runsAt.has('recovery'))) {
    findings.warn(field, `${where}, others at "${recoverySiteId}": ${way}`);
  } else findings.obstacle(field, `${where}, and none at "${recoverySiteId}": ${way}`);
};

/** Checks all that is stretched; answers what each group prefers now and is to prefer. */
export const checkStretched = (
  question: StretchedQuestion,
): readonly (StorageItem['preference'] | undefined)[] => {
  const { plan, mode, paths, groups, findings } = question;
  const to = plan.recoverySiteId;
  checkMembers(question);
  if (mode === 'planned' && plan.options.liveMigration && !paths.includes('stretched')) {
    findings.warn(
      'options.liveMigration',
      'no group of the plan is stretched: every VM is stopped and started',
    );
  }
  return groups.map((group, position) => {
    if (paths[position] !== 'stretched') return undefined;
    if (mode === 'disaster' || mode === 'fence') return undefined;
    if (mode === 'reprotect') {
      checkMoved(question, position);
      return { from: to, to };
    }
    checkServed(group, findings);
    return { from: checkPreference(question, position), to };
  });
};

/** How a VM goes: live where it runs on stretched devices and the plan wants that. */
export const pathOfVm = (plan: Plan, mode: Mode, storage: Path, vm: Member): Path => {
  if (storage === 'cold' || mode !== 'planned') return storage;
  const live = vm.there || (plan.options.liveMigration === true && vm.power === 'on');
  return live ? 'live' : 'stretched';
};
