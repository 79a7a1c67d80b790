/** Looking into an array from outside, and breaking it on purpose: for tests and demonstrations. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { ownLicence } from '@siteswap/sdk/plugin/kit';
import { nbdUri, reachArray } from './array.ts';
import { daemonPid, killDaemon } from './daemon.ts';
import { hostExportOf, removeExports } from './exports.ts';
import {
  acceptsWriters,
  activeLayer,
  findGroup,
  type GroupState,
  readGroup,
  type StoredDevice,
  withGroup,
} from './group.ts';
import { live } from './layers.ts';
import { imageOf } from './names.ts';

const run = promisify(execFile);

/** Process id of the array's daemon, if it lives. */
export const pidOf = async (directory: string, id: string): Promise<number | undefined> =>
  daemonPid(await reachArray(directory, id, false));

/** SIGKILL to the array's daemon, and its end. */
export const killArray = async (directory: string, id: string): Promise<void> =>
  killDaemon(await reachArray(directory, id, false));

/** Durable state of the group that holds a device. */
export const stateOf = async (
  directory: string,
  id: string,
  deviceId: string,
): Promise<GroupState> => {
  const storage = await reachArray(directory, id, false);
  return readGroup(await findGroup(storage, { id: deviceId, devices: [] }));
};

/**
 * Writes one block as a host would, under a lineage (default: the current one): an export is made
 * for it when none is there, as a mount does, and what cannot be reached by its name is refused.
 * `siteId`: of the host, where two sites share the device.
 */
export const writeAs = async (
  directory: string,
  id: string,
  deviceId: string,
  lineage?: string,
  siteId = '',
): Promise<'written' | 'refused'> => {
  const storage = await reachArray(directory, id, true);
  const at = await findGroup(storage, { id: deviceId, devices: [] });
  return withGroup(at, ownLicence(), async (held) => {
    const { qmp } = await live(held);
    const { state } = held;
    if (!acceptsWriters(state)) return 'refused';
    if (state.shared?.isolatedSiteId === siteId) return 'refused';
    const licence = lineage ?? state.lineage;
    const seat = { computeId: 'inspect', deviceId, siteId, lineage: state.lineage };
    await held.commit({ ...state, hosts: [...state.hosts, seat] });
    await live(held);
    try {
      const name = hostExportOf({ id: deviceId }, { ...seat, lineage: licence });
      const uri = nbdUri(storage.address, name);
      await run('qemu-io', ['-f', 'raw', '-c', 'write -P 0x5a 0 4096', '-c', 'flush', uri]);
      return 'written';
    } catch (error) {
      if (/not available|not found|No export/.test(String((error as { stderr?: string }).stderr))) {
        return 'refused';
      }
      throw error;
    } finally {
      await held.commit({ ...held.state, hosts: state.hosts });
      const removal = { force: true, computeId: seat.computeId } as const;
      await removeExports(held, qmp, 'host', removal);
    }
  });
};

/** The image that holds a device's newest bytes, upon those below it. */
export const imageFileOf = async (
  directory: string,
  id: string,
  deviceId: string,
): Promise<string> => {
  const storage = await reachArray(directory, id, false);
  const at = await findGroup(storage, { id: deviceId, devices: [] });
  const state = await readGroup(at);
  const device = state.devices.find((one) => one.id === deviceId) as StoredDevice;
  return imageOf(at, device, activeLayer(state).id);
};
