/** Two sites of the qemu plugin, and a pair of arrays that serves both: its role goes with VMs. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Device } from '@siteswap/sdk/plugin';
import type { ExecutionContext } from 'ava';
import { reachArray } from '../../plugins/qemu/array.ts';
import { imageFileOf, stateOf } from '../../plugins/qemu/inspect.ts';
import { operationStatus } from '../../plugins/qemu/operations.ts';
import { provisionCompute } from '../../plugins/qemu/populate.ts';
import { provisionPair, stopArray } from '../../plugins/qemu/provision.ts';
import type { ArraySession, ComputeSession } from '../../plugins/qemu/session.ts';
import { arrayVerbs } from '../../plugins/qemu/storage-verbs.ts';
import { until } from './files.ts';
import {
  callWith,
  computeAt,
  endAll,
  knowing,
  never,
  putVms,
  type QemuSites,
  startArray,
  vmsOn,
} from './qemu.ts';

const run = promisify(execFile);
const mebibyte = 1024 * 1024;

export interface MetroSites extends QemuSites {
  /** Directory of the array at site b; `storage` is that at site a. */
  readonly other: string;
}

export const arrayAt = (sites: MetroSites, side: 'a' | 'b'): ArraySession => ({
  ...{ kind: 'array', id: side, siteId: `site-${side}`, start: true },
  directory: side === 'a' ? sites.storage : sites.other,
  peers: side === 'a' ? { b: sites.other } : { a: sites.storage },
});

type Verb =
  | 'sync'
  | 'fence'
  | 'resync'
  | 'reverse'
  | 'setSitePreference'
  | 'suspendReplication'
  | 'resumeReplication';

/** A verb on a group at one end, polled to its end. Throws its fault. */
export const doAt = async (
  sites: MetroSites,
  side: 'a' | 'b',
  verb: Verb,
  args: object = {},
  id = 'g-d1',
): Promise<void> => {
  const session = arrayAt(sites, side);
  const targets = [{ id, devices: [] }];
  const call = { ...callWith(), session, attempt: 1, targets, args };
  for (const answer of await arrayVerbs[verb].run(call as never)) {
    if ('fault' in answer) throw new Error(`${verb}: ${answer.fault.message}`);
    if (!('accepted' in answer)) continue;
    const { operation } = answer.accepted;
    const storage = await reachArray(session.directory, side, true);
    await until(async () => {
      const found = await operationStatus(session, storage, { id, operation }, never);
      if (found.state === 'failed') throw new Error(found.fault.message);
      return found.state === 'done';
    });
  }
};

/** Synchronised, the VMs known at site a and off. */
export const metroSites = async (
  t: Pick<ExecutionContext, 'teardown'>,
  { devices = 1, vmsPerDevice = 1 } = {},
): Promise<MetroSites> => {
  const root = await mkdtemp(join(tmpdir(), 'sq-'));
  const [storage, other] = [join(root, 'array'), join(root, 'other')];
  const ids = Array.from({ length: devices }, (_, index) => `d${index + 1}`);
  const sizeBytes = (vmsPerDevice + 2) * mebibyte;
  await provisionPair({
    source: { id: 'a', directory: storage },
    target: { id: 'b', directory: other },
    groups: ids.map((id) => ({
      ...{ id: `g-${id}`, mode: 'synchronous', metro: ['site-a', 'site-b'] },
      devices: [{ id, sizeBytes }],
    })),
  });
  const [one, two] = [computeAt(root, storage, 'a'), computeAt(root, other, 'b')];
  const [a, b]: [ComputeSession, ComputeSession] = [knowing(one, two), knowing(two, one)];
  for (const { directory } of [a, b]) await provisionCompute(directory);
  const vmIds = ids.flatMap((id) => vmsOn(id, vmsPerDevice));
  const sites = { root, storage, other, a, b, vmIds };
  t.teardown(async () => {
    await endAll(sites);
    await stopArray(storage, 'a');
    await stopArray(other, 'b');
    await rm(root, { recursive: true, force: true, maxRetries: 5 });
  });
  await startArray(storage);
  await startArray(other, 'b');
  for (const id of ids) {
    await putVms(a, id, vmsOn(id, vmsPerDevice));
    await doAt(sites, 'a', 'sync', {}, `g-${id}`);
  }
  return sites;
};

/** How the array at one end tells of the device that a VM stands on. */
export const shownAt = async (
  sites: MetroSites,
  side: 'a' | 'b',
  vmId: string,
): Promise<Partial<Device>> => {
  const session = arrayAt(sites, side);
  const page = { sizeMax: 1_000 };
  const call = { ...callWith(), session, attempt: 1, page };
  const { items } = await arrayVerbs.discoverDevices(call);
  return items.find(({ id }) => id === vmId.split('-')[1]) ?? {};
};

/** Nobody writes any more: synchronised, stopped, and compared. Answers those that are equal. */
export const equalAtRest = async (sites: MetroSites): Promise<readonly string[]> => {
  const ids = [...new Set(sites.vmIds.map((id) => id.split('-')[1] as string))];
  for (const id of ids) {
    const { role } = await stateOf(sites.storage, 'a', id);
    await doAt(sites, role === 'source' ? 'a' : 'b', 'sync', {}, `g-${id}`);
  }
  await stopArray(sites.storage, 'a');
  await stopArray(sites.other, 'b');
  const equal: string[] = [];
  for (const id of ids) {
    const files = [
      await imageFileOf(sites.storage, 'a', id),
      await imageFileOf(sites.other, 'b', id),
    ];
    const { stdout } = await run('qemu-img', ['compare', ...files]).catch((error) => error);
    if (String(stdout).trim() === 'Images are identical.') equal.push(id);
  }
  return equal;
};
