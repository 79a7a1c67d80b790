/** Two arrays of the qemu plugin in a temporary directory, called as the suite of vendors calls. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import plugin from '@siteswap/plugin-qemu';
import { imageFileOf, killArray, stateOf } from '@siteswap/plugin-qemu/inspect';
import {
  type ArraySpec,
  type GroupSpec,
  provisionPair,
  stopArray,
} from '@siteswap/plugin-qemu/provision';
import type { ExecutionContext } from 'ava';
import { boundsDefault } from '../../../sdk/conformance/limits.ts';
import { Remote } from '../../../sdk/conformance/remote.ts';
import type { Device, DeviceStatus, PluginDefinition } from '../../../sdk/plugin/index.ts';
import type { NbdAddress } from './nbd.ts';

const run = promisify(execFile);

export type End = 'a' | 'b';
export type Mode = 'synchronous' | 'asynchronous';

export const sizeBytes = 8 * 1024 * 1024;

/** Of a device's number: `d`, then `d2` … at array a, `r`, then `r2` … at array b. */
const deviceAt = (end: End, index: number): string =>
  `${end === 'a' ? 'd' : 'r'}${index === 0 ? '' : index + 1}`;

const other = { a: 'b', b: 'a' } as const;

/** As the daemon holds it: any plugin. */
const definition = plugin as unknown as PluginDefinition;

/** A remote called as the suite of vendors calls. */
export const remoteAt = (id: string, end: End, config: object): Remote => {
  const fixture = { id, siteId: `site-${end}`, config: { ...config } };
  return new Remote(definition, fixture, boundsDefault, undefined);
};

/** A pair of arrays with the group `g`, of the device `d` (`r` at array b) and maybe more. */
export class Rig {
  readonly root: string;
  readonly devices: number;
  readonly array: Readonly<Record<End, Remote>>;
  readonly compute: Readonly<Record<End, Remote>>;

  constructor(root: string, devices = 1) {
    this.root = root;
    this.devices = devices;
    const arrayAt = (end: End): Remote => {
      const peer = other[end];
      return remoteAt(end, end, {
        directory: this.directory(end),
        peers: { [peer]: this.directory(peer) },
      });
    };
    const computeAt = (end: End): Remote =>
      remoteAt(`compute-${end}`, end, {
        directory: join(root, `compute-${end}`),
        arrays: { [end]: this.directory(end) },
      });
    this.array = { a: arrayAt('a'), b: arrayAt('b') };
    this.compute = { a: computeAt('a'), b: computeAt('b') };
  }

  directory(end: End): string {
    return join(this.root, end);
  }

  /** Where hosts and peers reach a daemon. */
  address(end: End): NbdAddress {
    return { path: join(this.directory(end), 'nbd.sock') };
  }

  ids(end: End): string[] {
    return Array.from({ length: this.devices }, (_, index) => deviceAt(end, index));
  }

  group(end: End) {
    return { id: 'g', devices: this.ids(end) };
  }

  /** Name of the export that a mount of a device gives to hosts. */
  async exportName(end: End, index = 0): Promise<string> {
    const { lineage } = await this.state(end);
    return `${deviceAt(end, index)}@${lineage}/compute-${end}`;
  }

  state(end: End): ReturnType<typeof stateOf> {
    return stateOf(this.directory(end), end, deviceAt(end, 0));
  }

  datastores(end: End, instance: 'production' | 'test' = 'production') {
    return this.ids(end).map((deviceId, index) => {
      const devices = [{ arrayId: end, deviceId }];
      return { id: `ds-${deviceAt('a', index)}`, instance, devices };
    });
  }

  mount(end: End, instance?: 'test') {
    return this.compute[end].must('mount', this.datastores(end, instance));
  }

  unmount(end: End, instance?: 'test') {
    return this.compute[end].must('unmount', this.datastores(end, instance));
  }

  /** A verb on the group at one end, polled to its end; it must succeed. Answers the evidence. */
  async must(end: End, verb: Parameters<Remote['must']>[0], args: object = {}) {
    const [ended] = await this.array[end].must(verb, [this.group(end)], { args });
    return ended?.evidence ?? {};
  }

  /** The same; it must not succeed. Answers the fault. */
  async fault(end: End, verb: Parameters<Remote['must']>[0], args: object = {}) {
    const [ended] = await this.array[end].call(verb, [this.group(end)], { args });
    return ended?.fault;
  }

  /** Names of the snapshots at one end. */
  async kept(end: End): Promise<readonly string[]> {
    const found = await this.array[end].value<readonly { name: string }[]>(
      'listSnapshots',
      this.group(end),
    );
    return (found ?? []).map(({ name }) => name);
  }

  async status(end: End): Promise<DeviceStatus> {
    const found = await this.array[end].value<readonly DeviceStatus[]>(
      'deviceStatus',
      this.group(end),
    );
    return found?.[0] as DeviceStatus;
  }

  async device(end: End): Promise<Device> {
    const [device] = await this.array[end].all<Device>('discoverDevices', 100);
    return device as Device;
  }

  kill(end: End): Promise<void> {
    return killArray(this.directory(end), end);
  }

  stop(end: End): Promise<void> {
    return stopArray(this.directory(end), end);
  }

  /** Both daemons are stopped cleanly; says whether both images of a device hold the same bytes. */
  async equalAtRest(index = 0): Promise<string> {
    const files: string[] = [];
    for (const end of ['a', 'b'] as const) {
      await this.stop(end);
      files.push(await imageFileOf(this.directory(end), end, deviceAt(end, index)));
    }
    const { stdout } = await run('qemu-img', ['compare', ...files]).catch((error) => error);
    return String(stdout).trim();
  }

  async close(): Promise<void> {
    for (const remote of Object.values({ ...this.array, ...this.compute })) {
      await remote.forgetSession();
    }
    for (const end of ['a', 'b'] as const) await this.kill(end);
    await rm(this.root, { recursive: true, force: true });
  }
}

export const identical = 'Images are identical.';

interface RigSpec {
  readonly links: ArraySpec['links'];
  readonly devices: number;
  /** Groups beside `g`. */
  readonly beside: readonly GroupSpec[];
}

/** Provisioned, both daemons started by their arrays; everything ends with the test. */
export const makeRig = async (
  t: ExecutionContext,
  mode: Mode,
  { links, devices = 1, beside = [] }: Partial<RigSpec> = {},
): Promise<Rig> => {
  const rig = new Rig(await mkdtemp(join(tmpdir(), 'siteswap-qemu-')), devices);
  const specs = rig.ids('a').map((id, index) => ({ id, peerId: deviceAt('b', index), sizeBytes }));
  t.teardown(() => rig.close());
  await provisionPair({
    source: { id: 'a', directory: rig.directory('a'), ...(links === undefined ? {} : { links }) },
    target: { id: 'b', directory: rig.directory('b') },
    groups: [{ id: 'g', mode, devices: specs }, ...beside],
  });
  for (const end of ['a', 'b'] as const) await rig.device(end);
  return rig;
};
