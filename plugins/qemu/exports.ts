/**
 * Exports: who may reach the bytes, over NBD. A host's export carries the lineage in its name, so a
 * writer of an older one finds nothing to write to; a replica's carries its peer's identity, which
 * QEMU itself knows at the source only. Nothing locks on NBD: to take an export away is the fence.
 */
import { failure, QmpError } from './faults.ts';
import {
  activeLayer,
  type GroupAt,
  type GroupState,
  type HeldGroup,
  openSeats,
  type Seat,
  type StoredDevice,
  tokenOf,
} from './group.ts';
import { nodesOf, unlessGone } from './jobs.ts';
import { detachMsMax, quitMsMax } from './limits.ts';
import { waitFor } from './locks.ts';
import { mirrorNodeOf, nodeOf, testNodeOf } from './names.ts';
import type { Qmp } from './qmp.ts';

export type Use = 'host' | 'replica' | 'test';

export const exportNameOf = (
  use: Use,
  device: Pick<StoredDevice, 'id'>,
  { lineage }: Pick<GroupState, 'lineage'>,
): string => {
  if (use === 'host') return `${device.id}@${lineage}`;
  return use === 'replica' ? `replica:${device.id}` : `${device.id}@test`;
};

const descriptionOf = (at: GroupAt, state: GroupState, device: StoredDevice, use: Use): string => {
  const peer = `${state.peerArrayId}/${device.peerId}`;
  const own = `${at.storage.id}/${device.id}`;
  if (state.peerArrayId === undefined) return own;
  return use === 'replica' ? `${own}, replica of ${peer}` : `${own}, peer ${peer}`;
};

/** Each compute has an export of its own: to cut one off leaves the others alone. */
export const hostExportOf = (device: Pick<StoredDevice, 'id'>, seat: Seat): string =>
  `${exportNameOf('host', device, seat)}/${seat.computeId}`;

const exportId = (use: Use, at: GroupAt, device: StoredDevice, computeId = ''): string => {
  const token = `${use}-${tokenOf(at, device)}`;
  return computeId === '' ? token : `${token}-${tokenOf(at, { id: computeId })}`;
};

/** Ids of the exports that the daemon has. */
const exportsOf = async (qmp: Qmp): Promise<ReadonlySet<string>> => {
  const found = await qmp.must<readonly { id: string }[]>('query-block-exports');
  return new Set(found.map(({ id }) => id));
};

interface Wanted {
  readonly use: Use;
  readonly device: StoredDevice;
  readonly id: string;
  readonly name: string;
}

/** Exports of a device that the group's state asks for. */
const wantedOf = (at: GroupAt, state: GroupState, device: StoredDevice): readonly Wanted[] => {
  const seatsIn = (seats: readonly Seat[] = []): readonly Seat[] =>
    seats.filter(({ deviceId }) => deviceId === device.id);
  const shared = (use: Use): Wanted => {
    const name = exportNameOf(use, device, state);
    return { use, device, id: exportId(use, at, device), name };
  };
  const hosts = seatsIn(openSeats(state));
  return [
    ...(state.role === 'replica' ? [shared('replica')] : []),
    ...hosts.map((seat): Wanted => {
      const id = exportId('host', at, device, seat.computeId);
      return { use: 'host', device, id, name: hostExportOf(device, seat) };
    }),
    ...(seatsIn(state.test?.hosts).length > 0 ? [shared('test')] : []),
  ];
};

/** Adds the exports that the group's state asks for; who changes it takes the others away. */
export const ensureExports = async ({ at, state }: HeldGroup, qmp: Qmp): Promise<void> => {
  const wanted = state.devices.flatMap((device) => wantedOf(at, state, device));
  if (wanted.length === 0) return;
  const known = await exportsOf(qmp);
  const missing = wanted.filter(({ id }) => !known.has(id));
  if (missing.length === 0) return;
  const nodes = await nodesOf(qmp);
  for (const { device, use, id, name } of missing) {
    // A mirror sees what passes its own node: an export below it would write behind its back.
    const mirror = mirrorNodeOf(at, device);
    const active = nodes.has(mirror) ? mirror : nodeOf(at, device, activeLayer(state).id);
    await qmp.must('block-export-add', {
      type: 'nbd',
      id,
      'node-name': use === 'test' ? testNodeOf(at, device) : active,
      name,
      description: descriptionOf(at, state, device, use),
      writable: true,
    });
  }
};

export interface Removal {
  /** Whoever is attached is cut off; else an attached writer is a `conflict`. */
  readonly force: boolean;
  /** Absent: of every device of the group. */
  readonly deviceId?: string;
  /** Absent: of every compute. */
  readonly computeId?: string;
}

/** Asks for the end of one export. A client that has just gone may still be counted as attached. */
const removeExport = async (
  { at, signal }: HeldGroup,
  qmp: Qmp,
  id: string,
  force: boolean,
): Promise<void> => {
  const mode = force ? 'hard' : 'safe';
  let refused: QmpError | undefined;
  const asked = await waitFor(
    async () => {
      try {
        await unlessGone(qmp, 'block-export-del', { id, mode });
        return true;
      } catch (error) {
        if (!(error instanceof QmpError) || !/still in use/.test(error.message)) throw error;
        refused = error;
        return undefined;
      }
    },
    detachMsMax,
    signal,
  );
  if (asked || refused === undefined) return;
  throw failure('conflict', `group ${at.id} has a writer: ${refused.refusal.desc}`, {
    code: refused.refusal.class,
    hint: 'Stop what writes to it first.',
  });
};

/** Takes exports away, and waits until they are gone: no write of theirs can land any more. */
export const removeExports = async (
  held: HeldGroup,
  qmp: Qmp,
  use: Use,
  { force, deviceId, computeId }: Removal,
): Promise<void> => {
  const { at, state } = held;
  const known = await exportsOf(qmp);
  const ids = state.devices
    .filter(({ id }) => deviceId === undefined || id === deviceId)
    .flatMap((device) => {
      if (computeId !== undefined) return [exportId(use, at, device, computeId)];
      const id = exportId(use, at, device);
      return [...known].filter((one) => one === id || one.startsWith(`${id}-`));
    })
    .filter((id) => known.has(id));
  for (const id of ids) await removeExport(held, qmp, id, force);
  const gone = await waitFor(async () => {
    const left = await exportsOf(qmp);
    return ids.some((id) => left.has(id)) ? undefined : true;
  }, quitMsMax);
  if (!gone) throw failure('timeout', `exports of group ${at.id} did not end: ${ids.join(', ')}`);
};

/** Exports of computes that have no seat any more: whoever uses them is cut off. */
export const dropSeatless = async (held: HeldGroup, qmp: Qmp): Promise<void> => {
  const { at, state } = held;
  const wanted = new Set(
    state.devices.flatMap((device) => wantedOf(at, state, device).map(({ id }) => id)),
  );
  const tokens = state.devices.map((device) => `${exportId('host', at, device)}-`);
  const stale = [...(await exportsOf(qmp))].filter(
    (id) => tokens.some((token) => id.startsWith(token)) && !wanted.has(id),
  );
  for (const id of stale) await removeExport(held, qmp, id, true);
  const gone = await waitFor(async () => {
    const left = await exportsOf(qmp);
    return stale.some((id) => left.has(id)) ? undefined : true;
  }, quitMsMax);
  if (!gone) throw failure('timeout', `exports of group ${at.id} did not end: ${stale.join(', ')}`);
};
