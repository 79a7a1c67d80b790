/**
 * The ends of pairs that are shown as one stretched device: both arrays list it under the id that
 * it has at the first array. Everything else stays what its array says of it, the direction too: a
 * device that one side serves and the other only receives is not made more than it is.
 */
import type { Device, Direction } from '../../sdk/plugin/model.ts';
import { otherArray, type Presentation } from '../core/presentation.ts';

/** A device of an array, by the id that is shown and the one that the array knows. */
export interface End {
  readonly arrayId: string;
  readonly presented: string;
  readonly real: string;
  readonly direction: Direction;
  readonly groupId?: string;
  /** The other end's real id at the other array; absent: shown as it is. */
  readonly peer?: { readonly arrayId: string; readonly real: string };
}

/** A device as its array listed it → its end. */
export const endOf = (presentation: Presentation, arrayId: string, device: Device): End => {
  const { id: real, direction, groupId, peer } = device;
  const other = otherArray(presentation, arrayId).id;
  const isPaired = peer?.arrayId === other;
  return {
    arrayId,
    presented: isPaired && arrayId !== presentation.first.id ? peer.deviceId : real,
    real,
    direction,
    ...(groupId !== undefined && { groupId }),
    ...(isPaired && { peer: { arrayId: other, real: peer.deviceId } }),
  };
};

/** A device as its array listed it → as it is shown; one that is not of a pair is unchanged. */
export const presentPaired = (
  presentation: Presentation,
  arrayId: string,
  device: Device,
): Device => {
  const { presented, peer } = endOf(presentation, arrayId, device);
  if (peer === undefined) return device;
  return {
    ...device,
    id: presented,
    // Arrays that give no names say the id again.
    name: device.name === device.id ? presented : device.name,
    peer: { arrayId: peer.arrayId, deviceId: presented },
    stretched: true,
    // Whoever reads this must not take the end that only receives for one that serves.
    updateMode: device.updateMode ?? 'adaptive',
  };
};

/** The ends of one array, as one listing of it found them. */
export class Ends {
  readonly #byPresented = new Map<string, End[]>();
  readonly #byReal = new Map<string, End>();
  readonly #byGroup = new Map<string, End[]>();

  constructor(ends: Iterable<End>) {
    for (const end of ends) {
      this.#byReal.set(end.real, end);
      put(this.#byPresented, end.presented, end);
      if (end.groupId !== undefined) put(this.#byGroup, end.groupId, end);
    }
  }

  /** Every end that is shown under the id; more than one: nobody knows which is meant. */
  named(presented: string): readonly End[] {
    return this.#byPresented.get(presented) ?? [];
  }

  of(real: string): End | undefined {
    return this.#byReal.get(real);
  }

  inGroup(groupId: string): readonly End[] {
    return this.#byGroup.get(groupId) ?? [];
  }

  all(): Iterable<End> {
    return this.#byReal.values();
  }
}

const put = (map: Map<string, End[]>, key: string, end: End): void => {
  const known = map.get(key);
  if (known === undefined) map.set(key, [end]);
  else known.push(end);
};
