/**
 * Exports: who may reach the bytes, over NBD. A host's export carries the lineage in its name, so a
 * writer of an older one finds nothing to write to; a replica's carries its peer's identity, which
 * QEMU itself knows at the source only. Nothing locks on NBD: to take an export away is the fence.
 */
import { failure, QmpError } from './faults.ts';
import {
  acceptsWriters,
  activeLayer,
  type GroupAt,
  type GroupState,
  type HeldGroup,
  type Seat,
  type StoredDevice,
  tokenOf,
} from './group.ts';
import { unlessGone } from './jobs.ts';
import { detachMsMax, quitMsMax } from './limits.ts';
import { waitFor } from './locks.ts';
import { nodeOf, testNodeOf } from './names.ts';
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

const exportId = (use: Use, at: GroupAt, device: StoredDevice): string =>
  `${use}-${tokenOf(at, device)}`;

/** Ids of the exports that the daemon has. */
const exportsOf = async (qmp: Qmp): Promise<ReadonlySet<string>> => {
  const found = await qmp.must<readonly { id: string }[]>('query-block-exports');
  return new Set(found.map(({ id }) => id));
};

/** Uses of a device that the group's state asks for. */
const usesOf = (state: GroupState, { id }: StoredDevice): readonly Use[] => {
  const hasSeat = (seats: readonly Seat[] = []): boolean =>
    seats.some(({ deviceId }) => deviceId === id);
  const uses: Use[] = [];
  if (state.role === 'replica') uses.push('replica');
  if (acceptsWriters(state) && hasSeat(state.hosts)) uses.push('host');
  if (hasSeat(state.test?.hosts)) uses.push('test');
  return uses;
};

/** Adds the exports that the group's state asks for; who changes it takes the others away. */
export const ensureExports = async ({ at, state }: HeldGroup, qmp: Qmp): Promise<void> => {
  const wanted = state.devices.flatMap((device) =>
    usesOf(state, device).map((use) => ({ device, use, id: exportId(use, at, device) })),
  );
  if (wanted.length === 0) return;
  const known = await exportsOf(qmp);
  for (const { device, use, id } of wanted.filter((one) => !known.has(one.id))) {
    const active = nodeOf(at, device, activeLayer(state).id);
    await qmp.must('block-export-add', {
      type: 'nbd',
      id,
      'node-name': use === 'test' ? testNodeOf(at, device) : active,
      name: exportNameOf(use, device, state),
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
  { force, deviceId }: Removal,
): Promise<void> => {
  const { at, state } = held;
  const known = await exportsOf(qmp);
  const ids = state.devices
    .filter(({ id }) => deviceId === undefined || id === deviceId)
    .map((device) => exportId(use, at, device))
    .filter((id) => known.has(id));
  for (const id of ids) await removeExport(held, qmp, id, force);
  const gone = await waitFor(async () => {
    const left = await exportsOf(qmp);
    return ids.some((id) => left.has(id)) ? undefined : true;
  }, quitMsMax);
  if (!gone) throw failure('timeout', `exports of group ${at.id} did not end: ${ids.join(', ')}`);
};
