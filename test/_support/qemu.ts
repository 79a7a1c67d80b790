/** Two sites of the qemu plugin that share devices: a real storage daemon, real guests. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { VmStatus } from '@siteswap/sdk/plugin';
import type { ExecutionContext } from 'ava';
import { judgeVm, type Testimony, type VmMigration } from '../../daemon/planner/migrated.ts';
import { reachArray } from '../../plugins/qemu/array.ts';
import { readCompute, withCompute } from '../../plugins/qemu/compute.ts';
import { takeMonitor } from '../../plugins/qemu/daemon.ts';
import { faultOrUnknown } from '../../plugins/qemu/faults.ts';
import { allGroups } from '../../plugins/qemu/group.ts';
import { fastGuest } from '../../plugins/qemu/guest/index.ts';
import { type Look, lookAt, readMachine } from '../../plugins/qemu/machine.ts';
import { register, statusOfVm } from '../../plugins/qemu/machines.ts';
import { migrationStatus } from '../../plugins/qemu/migrate.ts';
import { atOf, serialFile } from '../../plugins/qemu/places.ts';
import { enrol, populate, provisionCompute } from '../../plugins/qemu/populate.ts';
import { powerOff } from '../../plugins/qemu/power.ts';
import { provisionPair, provisionShared, stopArray } from '../../plugins/qemu/provision.ts';
import type { ComputeSession } from '../../plugins/qemu/session.ts';
import { arrayVerbs } from '../../plugins/qemu/storage-verbs.ts';
import type { Licence } from '../../sdk/plugin/kit/index.ts';
import type { DaemonConfig } from '../../sdk/testing/index.ts';
import { until } from './files.ts';
import { endProcess } from './qemu-breaking.ts';

export interface QemuSites {
  readonly root: string;
  /** Directory of the array that both sites share. */
  readonly storage: string;
  readonly a: ComputeSession;
  readonly b: ComputeSession;
  readonly vmIds: readonly string[];
}

const mebibyte = 1024 * 1024;

export const vmOf = (id: string) => ({ id, instance: 'production' as const });

export const never: AbortSignal = new AbortController().signal;

let calls = 0;
/** A call of its own, unless it is given a key. */
export const callWith = (key = `call-${calls++}/x`): Licence => ({
  key,
  epoch: 1,
  signal: never,
  deadlineMs: Date.now() + 120_000,
});

export const computeAt = (root: string, storage: string, side: 'a' | 'b'): ComputeSession => ({
  kind: 'compute',
  id: `compute-${side}`,
  siteId: `site-${side}`,
  directory: join(root, `c${side}`),
  arrays: { [side]: storage },
  start: true,
  hosts: ['host-1'],
  computes: {},
});

export const knowing = (
  one: ComputeSession,
  { id, siteId, directory, arrays }: ComputeSession,
) => ({
  ...one,
  computes: { [id]: { siteId, directory, arrays } },
});

export const startArray = async (storage: string, id = 'a'): Promise<void> => {
  const monitor = await takeMonitor(await reachArray(storage, id, true), never);
  await monitor.release();
};

export interface Wish {
  readonly devices?: number;
  readonly vmsPerDevice?: number;
  readonly guest?: Buffer;
}

/** Ids of the VMs of a device. */
export const vmsOn = (deviceId: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `vm-${deviceId}-${index + 1}`);

/** VMs on the datastore of a device, known at a compute and off. */
export const putVms = async (
  compute: ComputeSession,
  deviceId: string,
  vmIds: readonly string[],
  image: Buffer = fastGuest,
): Promise<void> => {
  await populate(
    compute,
    `ds-${deviceId}`,
    vmIds.map((id) => ({ id, image })),
  );
  for (const id of vmIds) await enrol(compute, id, [`ds-${deviceId}`]);
};

/** Shared devices with VMs on them, known at site a and off. Nothing of it outlives the test. */
export const qemuSites = async (
  t: Pick<ExecutionContext, 'teardown'>,
  { devices = 1, vmsPerDevice = 1, guest = fastGuest }: Wish = {},
): Promise<QemuSites> => {
  const root = await mkdtemp(join(tmpdir(), 'sq-'));
  const storage = join(root, 'array');
  const ids = Array.from({ length: devices }, (_, index) => `d${index + 1}`);
  await provisionShared({
    storage: { id: 'a', directory: storage },
    otherId: 'b',
    siteIds: ['site-a', 'site-b'],
    groups: ids.map((id) => {
      const sizeBytes = (vmsPerDevice + 2) * mebibyte;
      return { id: `g-${id}`, devices: [{ id, sizeBytes }] };
    }),
  });
  const [one, other] = [computeAt(root, storage, 'a'), computeAt(root, storage, 'b')];
  const [a, b] = [knowing(one, other), knowing(other, one)];
  for (const { directory } of [a, b]) await provisionCompute(directory);
  const vmIds = ids.flatMap((id) => vmsOn(id, vmsPerDevice));
  const sites = { root, storage, a, b, vmIds };
  t.teardown(async () => {
    await endAll(sites);
    await stopArray(storage, 'a');
    await rm(root, { recursive: true, force: true, maxRetries: 5 });
  });
  await startArray(storage);
  for (const id of ids) await putVms(a, id, vmsOn(id, vmsPerDevice), guest);
  return sites;
};

/** Pulls the plug of every VM that runs. */
export const endAll = async ({ a, b, vmIds }: QemuSites): Promise<void> => {
  for (const compute of [a, b]) {
    for (const id of vmIds) {
      const { machine } = await look(compute, id);
      if (machine !== undefined) await powerOff(compute, callWith(), vmOf(id)).catch(() => ({}));
      await endProcess(compute, id);
    }
  }
};

export const look = (compute: ComputeSession, id: string): Promise<Look> =>
  lookAt(atOf(compute, vmOf(id)), never);

export const statusOf = async (compute: ComputeSession, id: string): Promise<Partial<VmStatus>> => {
  try {
    return await statusOfVm(compute, await readCompute(compute), vmOf(id), never);
  } catch {
    return {};
  }
};

export const goesOn = async (compute: ComputeSession, id: string): Promise<void> => {
  const before = (await statusOf(compute, id)).heartbeat ?? 0;
  await until(async () => ((await statusOf(compute, id)).heartbeat ?? 0) > before + 1);
};

/** What the guest said on its serial port at one compute, in its newest process there. */
export const saidAt = async (compute: ComputeSession, id: string): Promise<string> => {
  const at = atOf(compute, vmOf(id));
  const machine = await readMachine(at);
  return machine === undefined ? '' : readFile(serialFile(at, machine.token), 'latin1');
};

/** Every number that it said was acknowledged. It may have gone over in the middle of a line. */
export const numbersIn = (text: string): number[] => {
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  return lines.flatMap((line) =>
    /^T[0-9A-F]{8}$/.test(line) ? [Number.parseInt(line.slice(1), 16)] : [],
  );
};

const testimonyOf = async (
  { id: computeId, siteId, ...compute }: ComputeSession,
  vmId: string,
): Promise<Testimony> => {
  try {
    const session = { ...compute, id: computeId, siteId };
    return { computeId, siteId, said: await migrationStatus(session, vmOf(vmId), never) };
  } catch (error) {
    return { computeId, siteId, said: faultOrUnknown(error) };
  }
};

/** As `MigrationService` judges, of the computes that can be asked; the destination first. */
export const judgeAt = async (
  computes: readonly ComputeSession[],
  vmId: string,
): Promise<VmMigration | undefined> =>
  judgeVm(vmId, await Promise.all(computes.map((compute) => testimonyOf(compute, vmId))));

/** Registers a VM at a compute, as the verb does. */
export const enrolAt = (compute: ComputeSession, id: string): Promise<void> =>
  withCompute(compute, callWith(), async (held) =>
    held.commit(await register(compute, held, vmOf(id), callWith())),
  );

/** Fences the other site off, as a disaster run does: asked for by the compute's own site. */
export const fenceAt = async ({ siteId, arrays }: ComputeSession): Promise<void> => {
  const [[id, directory] = ['', '']] = Object.entries(arrays);
  const session = { kind: 'array', id, siteId, directory, peers: {}, start: true } as const;
  const groups = await allGroups(await reachArray(directory, id, true));
  const targets = groups.map((group) => ({ id: group.id, devices: [] }));
  const call = { ...callWith(), session, attempt: 1, targets, args: {} };
  for (const answer of await arrayVerbs.fence.run(call)) {
    if ('fault' in answer) throw new Error(answer.fault.message);
  }
};

/** A daemon's configuration over the sites: the array's devices are shown as stretched. */
export const qemuConfig = ({ storage, a, b }: QemuSites): DaemonConfig => {
  const remote = (id: string, site: string, config: object) => ({
    id,
    site,
    plugin: 'qemu',
    config: config as Readonly<Record<string, unknown>>,
  });
  const compute = ({ id, siteId, directory, arrays, computes }: ComputeSession) => {
    const others = Object.entries(computes).map(([other, { siteId: site, ...more }]) => [
      other,
      { site, ...more },
    ]);
    return remote(id, siteId, { directory, arrays, computes: Object.fromEntries(others) });
  };
  return {
    site: 'site-b',
    sites: [{ id: 'site-a' }, { id: 'site-b' }],
    plugins: [{ id: 'qemu', module: '@siteswap/plugin-qemu' }],
    arrays: [
      {
        ...remote('a', 'site-a', { directory: storage }),
        present: 'shared-as-stretched',
        peer: 'b',
      },
      remote('b', 'site-b', { directory: storage }),
    ],
    computes: [compute(a), compute(b)],
  };
};

/** Moves every device's group, and the VMs on it without a stop. */
export const qemuPlan = (id: string, { vmIds }: QemuSites) => {
  const devices = [...new Set(vmIds.map((vmId) => vmId.split('-')[1] as string))];
  return {
    id,
    protectedSiteId: 'site-a',
    recoverySiteId: 'site-b',
    protectionGroups: devices.map((device) => ({
      id: `pg-${device}`,
      groups: [{ arrayId: 'a', id: `g-${device}` }],
    })),
    options: { liveMigration: true },
  };
};

/** A replicated pair instead: one array at each site, one device and one VM. */
export const plainSites = async (t: Pick<ExecutionContext, 'teardown'>): Promise<QemuSites> => {
  const root = await mkdtemp(join(tmpdir(), 'sq-'));
  const [storage, other] = [join(root, 'array'), join(root, 'other')];
  await provisionPair({
    source: { id: 'a', directory: storage },
    target: { id: 'b', directory: other },
    groups: [{ id: 'g-d1', mode: 'synchronous', devices: [{ id: 'd1', sizeBytes: 3 * mebibyte }] }],
  });
  const [one, two] = [computeAt(root, storage, 'a'), computeAt(root, other, 'b')];
  const [a, b] = [knowing(one, two), knowing(two, one)];
  for (const { directory } of [a, b]) await provisionCompute(directory);
  const sites = { root, storage, a, b, vmIds: ['vm-d1-1'] };
  t.teardown(async () => {
    await endAll(sites);
    await stopArray(storage, 'a');
    await stopArray(other, 'b');
    await rm(root, { recursive: true, force: true, maxRetries: 5 });
  });
  await startArray(storage);
  await populate(a, 'ds-d1', [{ id: 'vm-d1-1', image: fastGuest }]);
  await enrol(a, 'vm-d1-1', ['ds-d1']);
  return sites;
};

/** The same with a pair as it is: nothing is shown as something else. */
export const pairConfig = (sites: QemuSites): DaemonConfig => {
  const config = qemuConfig(sites);
  const other = join(sites.root, 'other');
  const storage = (id: string, site: string, directory: string, peers: object) => ({
    id,
    site,
    plugin: 'qemu',
    config: { directory, peers },
  });
  return {
    ...config,
    arrays: [
      storage('a', 'site-a', sites.storage, { b: other }),
      storage('b', 'site-b', other, { a: sites.storage }),
    ],
  };
};
