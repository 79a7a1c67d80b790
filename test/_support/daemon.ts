/**
 * A real daemon process over the files plugin: two sites of real bytes and real writers, which are
 * counted from the outside after whatever a test does to the daemon.
 */
import {
  countHeartbeats,
  countLoss,
  readAcknowledged,
  readHeartbeats,
  registeredVms,
  runningVms,
} from '@siteswap/plugin-files/inspect';
import { type GroupSpec, startVms } from '@siteswap/plugin-files/provision';
import type { ExecutionContext } from 'ava';
import { type RunEvent, RunEventType } from '../../sdk/client/index.ts';
import { type DaemonConfig, startDaemon, type TestDaemon } from '../../sdk/testing/index.ts';
import { makeSites, type Sites, until } from './files.ts';

export const heartbeatMs = 20;

/** Group n has the device `dn` (its peer `rn`) and two VMs on it. */
const groupOf = (n: number): GroupSpec => ({
  id: `g${n}`,
  devices: [{ id: `d${n}`, peerId: `r${n}`, sizeBytes: 512 * 1024 }],
  vms: [`vm${n * 2 - 1}`, `vm${n * 2}`],
});

export const groups: readonly GroupSpec[] = [groupOf(1), groupOf(2)];
export const vmIds = groups.flatMap(({ vms = [] }) => vms as readonly string[]);

export const filesConfig = ({ directory, compute }: Sites): DaemonConfig => {
  const storage = (id: 'a' | 'b', peer: 'a' | 'b') => ({
    id,
    site: `site-${id}`,
    plugin: 'files',
    config: { directory: directory[id], peers: { [peer]: directory[peer] } },
  });
  const standing = (id: 'a' | 'b') => ({
    directory: compute[id],
    arrays: { [id]: directory[id] },
  });
  const computeAt = (id: 'a' | 'b', peer: 'a' | 'b') => ({
    id: `c${id}`,
    site: `site-${id}`,
    plugin: 'files',
    config: { ...standing(id), computes: { [`c${peer}`]: standing(peer) }, heartbeatMs },
  });
  return {
    site: 'site-b',
    sites: [{ id: 'site-a' }, { id: 'site-b' }],
    plugins: [{ id: 'files', module: '@siteswap/plugin-files' }],
    arrays: [storage('a', 'b'), storage('b', 'a')],
    computes: [computeAt('a', 'b'), computeAt('b', 'a')],
  };
};

/** Moves both groups, each as a protection group of its own, from `site-a` to `site-b`. */
export const planOver = (id: string, groupIds: readonly string[] = ['g1', 'g2']) => ({
  id,
  protectedSiteId: 'site-a',
  recoverySiteId: 'site-b',
  protectionGroups: groupIds.map((groupId) => ({
    id: `pg-${groupId}`,
    groups: [{ arrayId: 'a', id: groupId }],
  })),
});

export interface FilesDaemon {
  readonly daemon: TestDaemon;
  readonly sites: Sites;
}

/**
 * Sites with their VMs running, and daemons that share a database; the first knows the plan.
 * `postgres`: its URL, for each of them or for all.
 */
export const startMembers = async (
  t: ExecutionContext,
  postgres: string | readonly string[],
  names: readonly string[],
  more: Partial<DaemonConfig> = {},
  planId = 'move',
): Promise<{ readonly members: readonly TestDaemon[]; readonly sites: Sites }> => {
  const sites = await makeSites(groups);
  t.teardown(() => sites.close());
  const { directory, compute } = sites;
  await startVms({ directory: compute.a, arrays: { a: directory.a }, heartbeatMs });
  const members: TestDaemon[] = [];
  for (const [at, member] of names.entries()) {
    const url = typeof postgres === 'string' ? postgres : (postgres[at] as string);
    const config = { ...filesConfig(sites), journal: { postgres: url }, member, ...more };
    const daemon = await startDaemon({ config });
    t.teardown(() => daemon.stop());
    members.push(daemon);
  }
  await members[0]?.client.plans.create(planOver(planId));
  return { members, sites };
};

/** Sites with their VMs running, and a daemon that knows the plan `move`. */
export const startOnFiles = async (
  t: ExecutionContext,
  more: Partial<DaemonConfig> = {},
  specs: readonly GroupSpec[] = groups,
  moreOf: (sites: Sites) => Partial<DaemonConfig> = () => ({}),
): Promise<FilesDaemon> => {
  const sites = await makeSites(specs, undefined, { a: 'site-a', b: 'site-b' });
  t.teardown(() => sites.close());
  const { directory, compute } = sites;
  await startVms({ directory: compute.a, arrays: { a: directory.a }, heartbeatMs });
  const daemon = await startDaemon({
    config: { ...filesConfig(sites), ...more, ...moreOf(sites) },
  });
  t.teardown(() => daemon.stop());
  await daemon.client.plans.create(planOver('move'));
  return { daemon, sites };
};

/** What became of a VM's heartbeats and boots, wherever it was. */
export interface VmCount {
  readonly vmId: string;
  readonly boots: number;
  readonly lost: number;
  readonly duplicates: number;
  readonly missing: number;
  readonly doubleWriters: number;
}

/** Counts at the array where the VMs write now (or wrote last). */
export const countVms = async (
  sites: Sites,
  at: 'a' | 'b',
  of: readonly GroupSpec[] = groups,
): Promise<VmCount[]> => {
  const counts: VmCount[] = [];
  for (const { id: groupId, vms = [] } of of) {
    for (const vmId of vms as readonly string[]) {
      const boots = readAcknowledged([sites.compute.a, sites.compute.b], vmId);
      const { lost, duplicates } = countLoss(boots);
      const bytes = { directory: sites.directory[at], groupId };
      const { missing, doubleWriters } = countHeartbeats(await readHeartbeats(bytes, vmId));
      counts.push({ vmId, boots: boots.length, lost, duplicates, missing, doubleWriters });
    }
  }
  return counts;
};

/**
 * Every VM that runs has acknowledged a heartbeat since it was started: a boot that ends before, or
 * is looked at before, is not seen by those who count.
 */
export const untilAllWrite = async ({ compute }: Sites): Promise<void> => {
  const computes = [compute.a, compute.b];
  await until(async () => {
    const running = (await Promise.all(computes.map(runningVms))).flat();
    return running.every(({ vmId, bootId }) =>
      readAcknowledged(computes, vmId).some((boot) => boot.bootId === bootId),
    );
  });
};

/** Nothing lost, nothing written twice, and each VM was started this often in all. */
export const unharmed = (boots: number): VmCount[] =>
  vmIds.map((vmId) => ({ vmId, boots, lost: 0, duplicates: 0, missing: 0, doubleWriters: 0 }));

/** Who runs and who is registered at a site; a process that has said its end runs no VM. */
export const placesOf = async (sites: Sites, at: 'a' | 'b') => ({
  running: (await runningVms(sites.compute[at]))
    .filter(({ phase }) => phase !== 'ended')
    .map(({ vmId }) => vmId)
    .sort(),
  registered: (await registeredVms(sites.compute[at])).sort(),
});

/** Access to every device and direction of its pair, as an array tells it. */
export const rolesOf = async (sites: Sites, at: 'a' | 'b'): Promise<string[]> =>
  ((await sites[at].list('discoverDevices')) as { id: string; access: string; direction: string }[])
    .map(({ id, access, direction }) => `${id} ${access} ${direction}`)
    .sort();

/**
 * Tasks that were started again though an outcome or a settlement had completed them: what a crash
 * must never do.
 */
export const repeatedTasks = (events: readonly RunEvent[]): string[] => {
  const completed = new Set<string>();
  const repeated: string[] = [];
  for (const event of events) {
    const task = `${event.workgroupId} ${event.step} ${event.direction}`;
    if (event.type === RunEventType.TASK_STARTED && completed.has(task)) repeated.push(task);
    const answered =
      event.type === RunEventType.TASK_OUTCOME || event.type === RunEventType.TASK_SETTLED;
    if (answered && event.itemsDone > 0 && event.faults.length === 0) completed.add(task);
  }
  return repeated;
};

/** Members over one database, and a front before them. */
export interface Fronted {
  readonly members: readonly TestDaemon[];
  readonly front: TestDaemon;
  readonly postgres: string;
}

export const startFronted = async (
  t: ExecutionContext,
  postgres: string,
  names: readonly string[],
  more: Partial<DaemonConfig> = {},
  args: readonly string[] = [],
): Promise<Fronted> => {
  const { members } = await startMembers(t, postgres, names, more);
  const front = await startDaemon({ program: 'front', config: { journal: { postgres } }, args });
  t.teardown(() => front.stop());
  return { members, front, postgres };
};
