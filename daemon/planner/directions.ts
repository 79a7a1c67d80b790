/**
 * Which way data flows must fit what the mode is about to do. A cleanup is always possible, and a
 * disaster run only hears warnings: it may supersede a planned run that has promoted already.
 */
import type { Device } from '../../sdk/plugin/model.ts';
import type { Mode, Plan } from '../core/plan.ts';
import type { Findings } from './findings.ts';
import type { Group } from './resolve-groups.ts';

/** As seen from the plan: `forward` from its protected to its recovery site. */
type Flow = 'forward' | 'backward' | 'none' | 'contradictory';

const flowOf = (source: Device | undefined, target: Device | undefined): Flow => {
  const here = source?.direction;
  const there = target?.direction;
  if (here === 'stretched' || there === 'stretched') return 'forward';
  const forward = here === 'outgoing' || there === 'incoming';
  const backward = here === 'incoming' || there === 'outgoing';
  if (forward && backward) return 'contradictory';
  return forward ? 'forward' : backward ? 'backward' : 'none';
};

/** Its recovery side is open already: by an earlier run, or because it is the source. */
export const isOpenThere = (group: Group): boolean =>
  group.recovery.devices.every(
    (device) => device?.access === 'read-write' && device.direction !== 'stretched',
  );

/** An earlier run brought it over: nobody can write to its source, and its copy is open. */
export const isHandedOver = (group: Group): boolean =>
  group.protected.devices.every((device) => device?.access === 'read-only') && isOpenThere(group);

/** An earlier run closed its source, and came no further. */
export const isClosedHere = (group: Group): boolean =>
  group.protected.devices.every(
    (device) => device?.access === 'read-only' && device.direction === 'outgoing',
  );

/** A disaster run did not come so far: nobody can write at its recovery side alone. */
export const isUnpromoted = (group: Group): boolean =>
  group.recovery.devices.every(
    (device) => device?.access === 'read-only' || device?.direction === 'stretched',
  );

const warnOfUnpromoted = (plan: Plan, groups: readonly Group[], findings: Findings): void => {
  for (const group of groups.filter(isUnpromoted)) {
    findings.warn(
      group.field,
      `"${group.id}" was never promoted at "${plan.recoverySiteId}": nothing of it is cut off ` +
        `at "${plan.protectedSiteId}"; siteswap repair ${plan.id} tells how the plan stands`,
    );
  }
};

interface Flowing {
  readonly group: Group;
  readonly flow: Flow;
  /** The first device with that flow, as a person would look for it. */
  readonly name: string;
}

const flowingOf = (group: Group): Flowing => {
  const flows = group.protected.target.devices.map((id, i) => ({
    flow: flowOf(group.protected.devices[i], group.recovery.devices[i]),
    name: `device "${id}" of array "${group.protected.arrayId}"`,
  }));
  const odd = flows.find(({ flow }) => flow !== 'forward') ?? flows[0];
  return { group, flow: odd?.flow ?? 'none', name: odd?.name ?? '' };
};

const checkForward = (plan: Plan, all: readonly Flowing[], findings: Findings): void => {
  const { protectedSiteId, recoverySiteId } = plan;
  const mixed = all.some(({ flow }) => flow === 'forward');
  for (const { group, flow, name } of all) {
    if (flow === 'contradictory') {
      findings.problem(
        group.field,
        `${name} and its peer both claim the same direction: repair the pair at the arrays`,
      );
    } else if (flow === 'backward') {
      const way = `${name} is replicated from "${recoverySiteId}" to "${protectedSiteId}"`;
      findings.problem(
        group.field,
        mixed
          ? `${way}, other groups of the plan the other way: put it in a plan of its own`
          : `${way}: exchange the plan's sites in its file; if the plan is stored, run reprotect ` +
              `if it was failed over, or, if no run turned them: siteswap repair ${plan.id}`,
      );
    } else if (flow === 'none') {
      findings.obstacle(
        group.field,
        `${name} is not being replicated now: after a failover run reprotect first, ` +
          'otherwise resume its replication',
      );
    }
  }
};

/**
 * A run that was given up may have promoted some groups: possible, but worth knowing. Of what has
 * writers already there is no copy to test.
 */
const checkPromoted = (mode: Mode, all: readonly Flowing[], findings: Findings): void => {
  for (const { group, flow } of all) {
    const open = group.recovery.devices.find(
      (device) => device?.access === 'read-write' && device.direction !== 'stretched',
    );
    if (flow !== 'forward' || open === undefined) continue;
    const what = `device "${open.id}" of array "${group.recovery.arrayId}" accepts writers already`;
    if (mode === 'test') {
      findings.obstacle(
        group.field,
        `${what}: an earlier run promoted it, and there is no copy to test; end what that run ` +
          'began, or take its group out of the plan',
      );
    } else {
      findings.warn(
        group.field,
        `${what}: an earlier run promoted it, this one goes on from there; restore its ` +
          'replication first if that was not meant to last',
      );
    }
  }
};

const checkFailedOver = (all: readonly Flowing[], findings: Findings): void => {
  for (const { group, flow } of all) {
    const closed = group.recovery.devices.findIndex((device) => device?.access === 'read-only');
    if (flow !== 'forward' || closed < 0) continue;
    findings.obstacle(
      group.field,
      `device "${group.recovery.target.devices[closed]}" of array "${group.recovery.arrayId}" ` +
        'is still the target of its pair: run planned or disaster before reprotect, ' +
        'or take its group out of the plan',
    );
  }
};

export const checkDirections = (
  plan: Plan,
  mode: Mode,
  groups: readonly Group[],
  findings: Findings,
): void => {
  const all = groups.map(flowingOf);
  if (mode === 'planned' || mode === 'test') {
    checkForward(plan, all, findings);
    checkPromoted(mode, all, findings);
  }
  if (mode === 'reprotect') checkFailedOver(all, findings);
  if (mode === 'fence') warnOfUnpromoted(plan, groups, findings);
  if (mode !== 'disaster') return;
  for (const { group, flow, name } of all) {
    if (flow === 'forward') continue;
    findings.warn(
      group.field,
      `${name} was last seen not to be replicated to "${plan.recoverySiteId}" (${flow}): ` +
        'what stands there may be promoted already',
    );
  }
};
