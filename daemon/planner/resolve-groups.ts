/** From a plan's references to consistency groups as they stand at both arrays of their pairs. */
import type { Device, Peer } from '../../sdk/plugin/model.ts';
import type { GroupTarget } from '../../sdk/plugin/verbs.ts';
import type { Side } from '../core/frozen.ts';
import type { GroupRef, Mode, Plan } from '../core/plan.ts';
import type { Findings } from './findings.ts';
import { compareText, type World } from './world.ts';

/** One end of a group: the devices in the same order at both ends. */
export interface GroupEnd {
  readonly arrayId: string;
  readonly target: GroupTarget;
  /** What was recorded of the devices; undefined where nothing ever was. */
  readonly devices: readonly (Device | undefined)[];
}

export interface Group {
  /** `<smaller array id>/<group id there>`: the same whichever side is protected. */
  readonly id: string;
  /** Where the plan names it. */
  readonly field: string;
  /** Position of its protection group. */
  readonly protectionGroup: number;
  readonly protected: GroupEnd;
  readonly recovery: GroupEnd;
}

interface Pair {
  readonly device: Device;
  readonly peer: Peer;
}

interface Asking {
  readonly world: World;
  readonly plan: Plan;
  readonly mode: Mode;
  readonly field: string;
  readonly findings: Findings;
}

const sideOf = (plan: Plan, siteId: string | undefined): Side | undefined =>
  siteId === plan.protectedSiteId
    ? 'protected'
    : siteId === plan.recoverySiteId
      ? 'recovery'
      : undefined;

/** The side at which the plan's author named the group. */
const sideOfRef = (asking: Asking, ref: GroupRef): Side | undefined => {
  const { world, plan, findings } = asking;
  const field = `${asking.field}.arrayId`;
  const remote = world.remote(ref.arrayId);
  if (remote === undefined || remote.kind !== 'array') {
    findings.problem(
      field,
      `array "${ref.arrayId}" is not known: correct its id, or discover it while its site answers`,
    );
    return undefined;
  }
  const side = sideOf(plan, remote.siteId);
  if (side === undefined) {
    findings.problem(
      field,
      `array "${ref.arrayId}" stands at site "${remote.siteId}", which is not one of the plan's ` +
        `("${plan.protectedSiteId}", "${plan.recoverySiteId}"): correct the array or the sites`,
    );
  }
  return side;
};

const devicesOf = (asking: Asking, ref: GroupRef): readonly Device[] => {
  const { world, findings, field } = asking;
  const devices = world.group(ref.arrayId, ref.id);
  if (devices.length > 0) return devices;
  const groupId = world.device(ref.arrayId, ref.id)?.groupId;
  findings.problem(
    `${field}.id`,
    groupId === undefined
      ? `array "${ref.arrayId}" has no device or consistency group "${ref.id}": ` +
          'list its devices and correct the id'
      : `device "${ref.id}" of array "${ref.arrayId}" belongs to consistency group ` +
          `"${groupId}", which is never split: name the group`,
  );
  return [];
};

/** Every device with its peer, all at one array; undefined (and a problem) where that is not so. */
const pairsOf = (asking: Asking, ref: GroupRef): readonly Pair[] | undefined => {
  const { world, findings, field } = asking;
  const pairs: Pair[] = [];
  const devices = devicesOf(asking, ref);
  for (const device of devices) {
    const peer = world.peerOf(ref.arrayId, device);
    if (peer !== undefined) pairs.push({ device, peer });
    else {
      findings.problem(
        `${field}.id`,
        `device "${device.id}" of array "${ref.arrayId}" has no peer: ` +
          'set up its replication, or take its group out of the plan',
      );
    }
  }
  if (pairs.length === 0 || pairs.length < devices.length) return undefined;
  const arrays = [...new Set(pairs.map(({ peer }) => peer.arrayId))];
  if (arrays.length === 1) return pairs;
  findings.problem(
    `${field}.id`,
    `consistency group "${ref.id}" of array "${ref.arrayId}" replicates to several arrays ` +
      `(${arrays.join(', ')}): a group moves whole, to one array`,
  );
  return undefined;
};

/** The lost side of a disaster need not be known: nothing is called there. */
const mayBeUnknown = (asking: Asking, side: Side): boolean =>
  asking.mode === 'disaster' && side === 'protected';

const checkPeerArray = (asking: Asking, arrayId: string, side: Side): boolean => {
  const { world, plan, field, findings } = asking;
  const remote = world.remote(arrayId);
  const siteId = side === 'protected' ? plan.protectedSiteId : plan.recoverySiteId;
  if (remote === undefined) {
    if (mayBeUnknown(asking, side)) return true;
    findings.problem(
      field,
      `peer array "${arrayId}" is not known: configure it at site "${siteId}" and discover it`,
    );
    return false;
  }
  if (remote.siteId === siteId) return true;
  findings.problem(
    field,
    `peer array "${arrayId}" stands at site "${remote.siteId}", not at "${siteId}": ` +
      'correct the sites of the plan or the configuration of the array',
  );
  return false;
};

/** The peers as one group at the other array: its id, or a problem where the ends disagree. */
const peerGroupId = (
  asking: Asking,
  ref: GroupRef,
  pairs: readonly Pair[],
  side: Side,
): string | undefined => {
  const { world, field, findings } = asking;
  const ids = new Set<string>();
  for (const { device, peer } of pairs) {
    const there = world.device(peer.arrayId, peer.deviceId);
    if (there === undefined) {
      if (mayBeUnknown(asking, side)) continue;
      findings.problem(
        field,
        `array "${peer.arrayId}" has no device "${peer.deviceId}", the peer of "${device.id}" ` +
          `of array "${ref.arrayId}": discover both arrays again`,
      );
      return undefined;
    }
    const back = there.peer;
    if (back !== undefined && (back.arrayId !== ref.arrayId || back.deviceId !== device.id)) {
      findings.problem(
        field,
        `device "${device.id}" of array "${ref.arrayId}" names "${peer.deviceId}" of ` +
          `"${peer.arrayId}" as its peer, which names "${back.deviceId}" of "${back.arrayId}": ` +
          'repair the pair at the arrays',
      );
      return undefined;
    }
    ids.add(there.groupId ?? there.id);
  }
  const [id] = ids;
  // Nothing was ever recorded there: a lone device has its own id, a group is called as it is here.
  if (id === undefined) {
    const only =
      pairs.length === 1 && pairs[0]?.device.groupId === undefined ? pairs[0] : undefined;
    return only?.peer.deviceId ?? ref.id;
  }
  const arrayId = pairs[0]?.peer.arrayId ?? '';
  if (ids.size === 1 && world.group(arrayId, id).length === pairs.length) return id;
  findings.problem(
    field,
    `consistency group "${ref.id}" of array "${ref.arrayId}" and its peers at "${arrayId}" ` +
      `(${[...ids].join(', ')}) do not hold the same devices: make them one group at each end`,
  );
  return undefined;
};

const endOf = (
  world: World,
  arrayId: string,
  id: string,
  devices: readonly string[],
  peers: readonly Peer[],
): GroupEnd => ({
  arrayId,
  target: { id, devices, peers },
  devices: devices.map((device) => world.device(arrayId, device)),
});

const resolveGroup = (
  asking: Asking,
  ref: GroupRef,
  protectionGroup: number,
): Group | undefined => {
  const side = sideOfRef(asking, ref);
  const pairs = side === undefined ? undefined : pairsOf(asking, ref);
  if (side === undefined || pairs === undefined) return undefined;
  const arrayId = pairs[0]?.peer.arrayId ?? '';
  const otherSide = side === 'protected' ? 'recovery' : 'protected';
  if (!checkPeerArray(asking, arrayId, otherSide)) return undefined;
  const id = peerGroupId(asking, ref, pairs, otherSide);
  if (id === undefined) return undefined;

  // One order of devices, whichever side the plan names and whichever is protected now.
  const hereFirst = ref.arrayId < arrayId;
  const keyOf = (pair: Pair) => (hereFirst ? pair.device.id : pair.peer.deviceId);
  const ordered = [...pairs].sort((a, b) => compareText(keyOf(a), keyOf(b)));
  const hereIds = ordered.map(({ device }) => device.id);
  const thereIds = ordered.map(({ peer }) => peer.deviceId);
  const hereAsPeers = hereIds.map((deviceId) => ({ arrayId: ref.arrayId, deviceId }));
  const thereAsPeers = thereIds.map((deviceId) => ({ arrayId, deviceId }));
  const here = endOf(asking.world, ref.arrayId, ref.id, hereIds, thereAsPeers);
  const there = endOf(asking.world, arrayId, id, thereIds, hereAsPeers);
  return {
    id: hereFirst ? `${ref.arrayId}/${ref.id}` : `${arrayId}/${id}`,
    field: asking.field,
    protectionGroup,
    protected: side === 'protected' ? here : there,
    recovery: side === 'protected' ? there : here,
  };
};

/** All groups of the plan that can be resolved; a problem for each that cannot. */
export const resolveGroups = (
  world: World,
  plan: Plan,
  mode: Mode,
  findings: Findings,
): readonly Group[] => {
  const groups = new Map<string, Group>();
  plan.protectionGroups.forEach((protectionGroup, i) => {
    protectionGroup.groups.forEach((ref, j) => {
      const field = `protectionGroups[${i}].groups[${j}]`;
      const group = resolveGroup({ world, plan, mode, field, findings }, ref, i);
      if (group === undefined) return;
      const first = groups.get(group.id);
      if (first === undefined) groups.set(group.id, group);
      else {
        findings.problem(
          field,
          `consistency group "${ref.id}" of array "${ref.arrayId}" is already named at ` +
            `${first.field}, there or by its peer: name it once`,
        );
      }
    });
  });
  return [...groups.values()];
};
