/** From what a recovery manager names to what the called remote knows, target by target. */
import type { Fault } from '../../sdk/plugin/fault.ts';
import type { DeviceStatus, TargetVerb } from '../../sdk/plugin/verbs.ts';
import type { End, Ends } from './ends.ts';
import { addressing, wrongSide } from './table.ts';

interface DeviceRef {
  readonly arrayId: string;
  readonly deviceId: string;
}

/** What is translated of the targets of any verb. */
export interface AnyTarget {
  readonly id: string;
  /** Ids at the array that is called, or references from a compute. */
  readonly devices?: readonly (string | DeviceRef)[];
  readonly peers?: readonly DeviceRef[];
}

export type Down = { readonly target: AnyTarget } | { readonly fault: Fault };

/** How the end that a command means was found. */
type Meant = { readonly end: End } | { readonly fault: Fault };

const missing = (id: string, where: string): Fault => ({
  kind: 'missing',
  owner: 'engine',
  message: `${id}: ${where} has no end of this pair; nothing was sent`,
  code: 'PEER_MISSING',
  hint: 'Look at the pair at both arrays: its peer is gone, or is a pair with something else now.',
});

const ambiguous = (id: string, where: string): Fault => ({
  kind: 'conflict',
  owner: 'engine',
  message: `${id}: several devices of ${where} are shown under this id; nothing was sent`,
  code: 'PEER_AMBIGUOUS',
  hint: 'A pair has one device at each array, and its first id is no other device there.',
});

const misplaced = (verb: TargetVerb, id: string, { arrayId, peer }: End): Fault => ({
  kind: 'conflict',
  owner: 'engine',
  message: `${id}: ${verb} is for the ${addressing[verb]} of the pair, which ${arrayId} is not`,
  code: 'WRONG_SIDE',
  ...(peer !== undefined && { hint: `Send it to ${peer.arrayId}.` }),
});

/** A fault of one device of a group is the group's, and names the device. */
const ofGroup = (id: string, deviceId: string, fault: Fault): Fault =>
  id === deviceId ? fault : { ...fault, members: [deviceId] };

export class Translation {
  readonly #arrayIds: readonly string[];
  readonly #ends: Ends;

  /** `arrayIds`: the array that is called, or those of which a compute mounts devices. */
  constructor(arrayIds: readonly string[], ends: Ends) {
    this.#arrayIds = arrayIds;
    this.#ends = ends;
  }

  group(verb: TargetVerb, target: AnyTarget, how: 'guarded' | 'asking'): Down {
    const { id, devices = [] } = target;
    const ends: End[] = [];
    for (const deviceId of devices) {
      const meant = this.#meant(this.#called, String(deviceId));
      const fault = 'fault' in meant ? meant.fault : this.#guard(verb, deviceId, meant.end, how);
      if (fault !== undefined) return { fault: ofGroup(id, String(deviceId), fault) };
      if ('end' in meant) ends.push(meant.end);
    }
    const own = this.#own(id, ends);
    if ('fault' in own) return own;
    if (ends.length === 0) {
      const wrong = this.#membersOf(own.id).find((end) => this.#guard(verb, id, end, how));
      const fault = wrong && this.#guard(verb, wrong.presented, wrong, how);
      if (fault !== undefined) return { fault: ofGroup(id, wrong?.presented ?? id, fault) };
    }
    const peers = target.peers?.map((peer, at) => {
      const real = ends[at]?.peer;
      return real === undefined ? peer : { arrayId: real.arrayId, deviceId: real.real };
    });
    return {
      target: {
        ...target,
        id: own.id,
        ...(target.devices !== undefined && { devices: ends.map(({ real }) => real) }),
        ...(peers !== undefined && { peers }),
      },
    };
  }

  datastore(target: AnyTarget): Down {
    const devices: DeviceRef[] = [];
    for (const device of (target.devices ?? []) as readonly DeviceRef[]) {
      if (!this.#arrayIds.includes(device.arrayId)) {
        devices.push(device);
        continue;
      }
      const meant = this.#meant(device.arrayId, device.deviceId);
      if ('fault' in meant) return { fault: { ...meant.fault, members: [device.deviceId] } };
      devices.push({ arrayId: device.arrayId, deviceId: meant.end.real });
    }
    return { target: target.devices === undefined ? target : { ...target, devices } };
  }

  /** Arguments that name devices: the roles to restore. */
  args(args: object): object {
    const { to } = args as { readonly to?: Readonly<Record<string, unknown>> };
    if (to === undefined) return args;
    const real = Object.entries(to).map(([id, role]) => {
      const [end, another] = this.#ends.named(id);
      return [end === undefined || another !== undefined ? id : end.real, role];
    });
    return { ...args, to: Object.fromEntries(real) };
  }

  /** `stretched` stays: a status has no update mode that would say what it means here. */
  status(status: DeviceStatus): DeviceStatus {
    const end = this.#ends.of(status.id);
    return end?.peer === undefined ? status : { ...status, id: end.presented };
  }

  /** A lone device's own id, or the id of its group, which is not the translation's to change. */
  #own(id: string, ends: readonly End[]): { readonly id: string } | { readonly fault: Fault } {
    const [only, another] = ends;
    if (only !== undefined) {
      const isLone = another === undefined && only.presented === id && only.groupId === undefined;
      return { id: isLone ? only.real : id };
    }
    if (this.#ends.inGroup(id).length > 0) return { id };
    const meant = this.#meant(this.#called, id);
    return 'fault' in meant ? meant : { id: meant.end.real };
  }

  get #called(): string {
    return this.#arrayIds[0] ?? '';
  }

  #membersOf(realId: string): readonly End[] {
    const members = this.#ends.inGroup(realId);
    const lone = this.#ends.of(realId);
    return members.length > 0 || lone === undefined ? members : [lone];
  }

  #meant(arrayId: string, presented: string): Meant {
    const [end, another] = this.#ends.named(presented).filter((one) => one.arrayId === arrayId);
    if (end === undefined) return { fault: missing(presented, arrayId) };
    return another === undefined ? { end } : { fault: ambiguous(presented, arrayId) };
  }

  #guard(verb: TargetVerb, id: string | DeviceRef, end: End, how: 'guarded' | 'asking') {
    if (how === 'asking' || end.peer === undefined) return undefined;
    return wrongSide[verb] === end.direction ? misplaced(verb, String(id), end) : undefined;
  }
}
