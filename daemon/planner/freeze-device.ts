/**
 * A device run: one storage verb on groups of one array, for recovery managers that bring their own
 * orchestration. It has one step, no gates, and a result for every target.
 */
import type { FrozenRun, FrozenWorkgroup, StorageItem } from '../core/frozen.ts';
import type { Inventory } from '../core/inventory.ts';
import { idLengthMax, inFlightPerRemoteDefault } from '../core/limits.ts';
import { priorityDefault } from '../core/plan.ts';
import { steps as registry } from '../steps/registry.ts';
import { deviceWorkgroupMax, inFlightPerStepDefault } from './defaults.ts';
import { Findings } from './findings.ts';
import type { FreezeContext, Frozen } from './freeze.ts';
import { freezeStep } from './freeze-steps.ts';
import { checkInUse, intentAt } from './in-use.ts';
import { checkOverwritten } from './overwritten.ts';
import { type Target, World } from './world.ts';

export interface DeviceRunRequest {
  /** A verb that has a step `device-<verb>`. */
  readonly verb: string;
  readonly arrayId: string;
  /** Groups by id, with the devices; without devices they are looked up in the inventory. */
  readonly targets: readonly Target[];
  readonly args: Readonly<Record<string, unknown>>;
}

/** The target as an item; devices that the caller names are passed on even if never heard of. */
const itemOf = (
  world: World,
  arrayId: string,
  target: Target,
  field: string,
  findings: Findings,
): StorageItem => {
  const devices = world.targeted(arrayId, target);
  const groupId = world.device(arrayId, target.id)?.groupId;
  if (devices.length === 0 && groupId !== undefined) {
    findings.problem(
      `${field}.id`,
      `device "${target.id}" of array "${arrayId}" belongs to consistency group "${groupId}", ` +
        `which is done as a whole: name the group, ${groupId}`,
    );
  } else if (devices.length === 0) {
    findings.problem(
      `${field}.id`,
      `array "${arrayId}" has no device or consistency group "${target.id}" on record: ` +
        'discover its devices, or name the devices in the request',
    );
  }
  const peers = world.peersOf(arrayId, devices);
  const group = {
    id: target.id,
    devices,
    ...(peers.length === devices.length ? { peers } : {}),
  };
  return { id: target.id, protected: group, recovery: group, datastores: [] };
};

/** A stretched device can prefer a site at which it has an end, and no other. */
const checkSite = (
  { verb, args }: DeviceRunRequest,
  siteId: string,
  items: readonly StorageItem[],
  world: World,
  findings: Findings,
): void => {
  if (verb !== 'setSitePreference') return;
  const wanted = String(args.siteId);
  for (const { id, protected: target } of items) {
    const others = (target.peers ?? []).map(({ arrayId }) => world.remote(arrayId)?.siteId);
    const ends = [...new Set([siteId, ...others])].filter((site) => site !== undefined);
    if (ends.includes(wanted)) continue;
    const known = ends.map((site) => `"${site}"`).join(' and ');
    findings.problem('siteId', `"${id}" has no end at site "${wanted}", only at ${known}`);
  }
};

const checkTargets = (targets: readonly Target[], findings: Findings): void => {
  if (targets.length === 0) findings.problem('targets', 'no target: name at least one');
  const seen = new Set<string>();
  targets.forEach(({ id }, i) => {
    const field = `targets[${i}].id`;
    if (id === '') findings.problem(field, 'the target has no id: give it one');
    if (id.length > idLengthMax) {
      findings.problem(field, `an id of ${id.length} characters: at most ${idLengthMax}`);
    }
    if (seen.has(id)) findings.problem(field, `target "${id}" is named twice: name it once`);
    seen.add(id);
  });
};

const workgroupOf = (
  items: readonly StorageItem[],
  storage: number,
  arrayId: string,
): FrozenWorkgroup => ({
  id: `s${storage + 1}`,
  unit: 'storage',
  protectionGroupId: '',
  storage,
  priority: priorityDefault,
  items,
  dependsOn: [],
  protectedArrayId: arrayId,
  recoveryArrayId: arrayId,
  protectedComputeId: '',
  recoveryComputeId: '',
});

/**
 * Plan runs have the word on what they move. Not over a copy, which changes no role, nor over a
 * forced promote: whoever asks for that has lost a site.
 */
const checkFree = (
  { verb, arrayId, args }: DeviceRunRequest,
  siteId: string,
  items: readonly StorageItem[],
  context: Pick<FreezeContext, 'openRuns'>,
  findings: Findings,
): void => {
  if (verb === 'sync' || args.force === true) return;
  const groups = items.map((item, i) => {
    const end = { arrayId, target: item.protected, devices: [] };
    return { id: item.id, field: `targets[${i}].id`, protected: end, recovery: end };
  });
  const planRuns = (context.openRuns ?? []).filter(({ frozen }) => frozen.mode !== 'device');
  checkInUse(intentAt(siteId), groups, planRuns, findings);
};

/** Freezes one storage verb on many targets, or says everything that is in its way. */
export const freezeDevice = (
  request: DeviceRunRequest,
  inventory: Inventory,
  context: Omit<FreezeContext, 'policies'>,
): Frozen => {
  const { verb, arrayId, targets, args } = request;
  const findings = new Findings();
  const refused = () => ({ problems: findings.problems, ...findings.told });
  const step = registry.get(`device-${verb}`);
  const remote = inventory.get(arrayId)?.remote;
  if (step === undefined) findings.problem('verb', `no device run does "${verb}"`);
  if (remote?.kind !== 'array') {
    findings.problem('arrayId', `array "${arrayId}" is not known: list the arrays`);
  } else if (context.lostSites.has(remote.siteId)) {
    findings.problem(
      'arrayId',
      `array "${arrayId}" stands at site "${remote.siteId}", which is declared lost: ` +
        'no call goes there; declare the site reachable once it is',
    );
  }
  checkTargets(targets, findings);
  if (step === undefined || remote === undefined || !findings.clean) return refused();

  const world = World.whole(inventory);
  const items = targets.map((target, i) =>
    itemOf(world, arrayId, target, `targets[${i}]`, findings),
  );
  checkSite(request, remote.siteId, items, world, findings);
  checkFree(request, remote.siteId, items, context, findings);
  if (verb === 'resync') checkOverwritten(request, world, findings);
  const workgroups: FrozenWorkgroup[] = [];
  for (let start = 0; start < items.length; start += deviceWorkgroupMax) {
    const slice = items.slice(start, start + deviceWorkgroupMax);
    workgroups.push(workgroupOf(slice, workgroups.length, arrayId));
  }
  const frozenStep = freezeStep(
    step,
    workgroups,
    { given: undefined, inFlightMax: inFlightPerStepDefault },
    { capabilities: context.capabilities, pluginOf: () => remote.pluginId, findings },
  );
  if (!findings.clean) return refused();
  const frozen: FrozenRun = {
    mode: 'device',
    planId: '',
    protectedSiteId: remote.siteId,
    recoverySiteId: remote.siteId,
    steps: [frozenStep],
    workgroups,
    gates: [],
    inFlightMax: { [arrayId]: inFlightPerRemoteDefault },
    args,
  };
  return { frozen, ...findings.told };
};
