/**
 * What Siteswap adds to a live migration of QEMU: guests moved by a run of a daemon, on devices
 * that two sites share, beside the same number moved by a bare script at the same time of day.
 * Nothing is measured where there is no QEMU.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fastGuest, quietGuest } from '@siteswap/plugin-qemu/guest';
import {
  endVms,
  enrol,
  populate,
  provisionCompute,
  startVms,
} from '@siteswap/plugin-qemu/populate';
import { provisionShared, stopArray } from '@siteswap/plugin-qemu/provision';
import { Mode, RunEventType, RunResult, type SiteswapClient } from '../sdk/client/index.ts';
import { type DaemonConfig, startDaemon } from '../sdk/testing/index.ts';
import { bareMigrations, untilBeaten } from './bare/qemu.ts';
import type { Figure } from './figures.ts';
import { median } from './numbers.ts';
import type { Scale } from './scale.ts';

const mebibyte = 1024 * 1024;
const vmsPerDevice = 10;

const hasQemu = (): boolean => {
  try {
    execFileSync('qemu-system-x86_64', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

interface World {
  readonly root: string;
  readonly config: DaemonConfig;
  readonly deviceIds: readonly string[];
}

const computesIn = (root: string) => {
  const storage = join(root, 'array');
  const at = (side: string) => ({ directory: join(root, `c${side}`), arrays: { [side]: storage } });
  return (['a', 'b'] as const).map((side) => {
    const other = side === 'a' ? 'b' : 'a';
    const computes = { [`compute-${other}`]: { site: `site-${other}`, ...at(other) } };
    return { id: `compute-${side}`, site: `site-${side}`, config: { ...at(side), computes } };
  });
};

const build = async (guests: number, image: Buffer): Promise<World> => {
  const root = mkdtempSync(join(tmpdir(), 'sqb-'));
  const storage = join(root, 'array');
  const count = Math.ceil(guests / vmsPerDevice);
  const deviceIds = Array.from({ length: count }, (_, index) => `d${index + 1}`);
  const sizeBytes = (vmsPerDevice + 2) * mebibyte;
  await provisionShared({
    storage: { id: 'a', directory: storage },
    otherId: 'b',
    siteIds: ['site-a', 'site-b'],
    groups: deviceIds.map((id) => ({ id: `g-${id}`, devices: [{ id, sizeBytes }] })),
  });
  const computes = computesIn(root);
  for (const { config } of computes) await provisionCompute(config.directory);
  const session = {
    kind: 'compute',
    ...{ id: 'compute-a', siteId: 'site-a', start: true },
    ...{ directory: join(root, 'ca'), arrays: { a: storage }, hosts: ['host-1'], computes: {} },
  } as const;
  for (const id of deviceIds) {
    const vms = Array.from({ length: vmsPerDevice }, (_, index) => `vm-${id}-${index + 1}`);
    await populate(
      session,
      `ds-${id}`,
      vms.map((vm) => ({ id: vm, image })),
    );
    for (const vm of vms) await enrol(session, vm, [`ds-${id}`]);
    await startVms(session, vms);
  }
  const remote = (id: string, site: string, config: object) => ({
    ...{ id, site, plugin: 'qemu' },
    config: config as Readonly<Record<string, unknown>>,
  });
  const shown = { present: 'shared-as-stretched', peer: 'b' } as const;
  const config: DaemonConfig = {
    site: 'site-b',
    sites: [{ id: 'site-a' }, { id: 'site-b' }],
    plugins: [{ id: 'qemu', module: '@siteswap/plugin-qemu' }],
    arrays: [
      { ...remote('a', 'site-a', { directory: storage }), ...shown },
      remote('b', 'site-b', { directory: storage }),
    ],
    computes: computes.map(({ id, site, config: own }) => remote(id, site, own)),
  };
  return { root, config, deviceIds };
};

const plan = (client: SiteswapClient, { deviceIds }: World, lanes: number): Promise<unknown> =>
  client.plans.create({
    id: 'move',
    protectedSiteId: 'site-a',
    recoverySiteId: 'site-b',
    protectionGroups: deviceIds.map((id) => ({
      id: `pg-${id}`,
      groups: [{ arrayId: 'a', id: `g-${id}` }],
    })),
    options: { liveMigration: true, limits: { perCompute: lanes }, vmWorkgroupMax: 1 },
  });

const run = async (client: SiteswapClient, mode: Mode): Promise<string> => {
  const { runId } = await client.runs.start({ planId: 'move', mode, requester: 'bench' });
  const { result } = await client.waitForRun(runId, { deadlineMs: 600_000 });
  if (result !== RunResult.SUCCEEDED) throw new Error(`the run ended ${result}`);
  return runId;
};

/** When the first was ordered to migrate and when the last had, in ms since the Unix epoch. */
const runOver = async (
  client: SiteswapClient,
): Promise<{ readonly firstMs: number; readonly lastMs: number }> => {
  const times: number[] = [];
  const runId = await run(client, Mode.PLANNED);
  for await (const { step, type, time } of client.runs.watch(runId)) {
    const counts = type === RunEventType.TASK_STARTED || type === RunEventType.TASK_OUTCOME;
    if (step === 'live-migrate' && counts && time !== undefined) times.push(time.getTime());
  }
  return { firstMs: Math.min(...times), lastMs: Math.max(...times) };
};

/** What is moved, and whether it counts until each guest has written at its destination. */
interface Moved {
  readonly guests: number;
  readonly lanes: number;
  readonly careful: boolean;
  /** Times that all go over: there, back, and there again. */
  readonly turns: number;
  readonly image: Buffer;
}

const bySiteswap = async ({ guests, lanes, careful, turns, image }: Moved): Promise<number[]> => {
  const world = await build(guests, image);
  const daemon = await startDaemon({ config: world.config });
  const spans: number[] = [];
  try {
    const { client } = daemon;
    await plan(client, world, lanes);
    for (let turn = 0; turn < turns; turn += 1) {
      if (turn > 0) await run(client, Mode.REPROTECT);
      const { firstMs, lastMs } = await runOver(client);
      if (careful) await untilBeaten(join(world.root, turn % 2 === 0 ? 'cb' : 'ca'), guests);
      spans.push((careful ? Date.now() : lastMs) - firstMs);
    }
    return spans;
  } finally {
    await daemon.stop();
    for (const side of ['ca', 'cb']) await endVms(join(world.root, side));
    await stopArray(join(world.root, 'array'), 'a');
    await rm(world.root, { recursive: true, force: true, maxRetries: 5 });
  }
};

/** Each turn with guests of its own. */
const bare = async (moved: Moved): Promise<number[]> => {
  const spans: number[] = [];
  for (let turn = 0; turn < moved.turns; turn += 1) {
    const folder = mkdtempSync(join(tmpdir(), 'sqb-'));
    try {
      spans.push(await bareMigrations(folder, moved));
    } finally {
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    }
  }
  return spans;
};

const figureOf = async (name: string, moved: Moved, than?: number): Promise<Figure> => {
  // Before and after: what else the machine has to do changes within seconds.
  const before = median(await bare(moved));
  const value = median(await bySiteswap(moved));
  const limit = { name: 'bare script', value: (before + median(await bare(moved))) / 2 };
  const figure = { name, value, unit: 'ms', limit };
  return than === undefined ? figure : { ...figure, wanted: { of: 'ratio', is: '≤', than } };
};

export const qemu = async ({ guests, turns }: Scale): Promise<readonly Figure[]> => {
  if (!hasQemu()) return [];
  const quiet = { image: quietGuest, careful: false };
  const few = { ...quiet, guests: Math.min(vmsPerDevice, guests), lanes: 1, turns };
  const many = { ...quiet, guests, lanes: 4, turns: 1 };
  const written = 'until each has written there';
  return [
    await figureOf(`${few.guests} QEMU VMs, one after the other`, few, 1.3),
    await figureOf(
      `${guests} QEMU VMs, four at a time, ${written}`,
      { ...many, careful: true },
      1.2,
    ),
    await figureOf(
      `${guests} QEMU VMs that write 18 times a second, four at a time, ${written}`,
      { ...many, image: fastGuest, careful: true },
      1.2,
    ),
    // No guest of such a script need have survived.
    await figureOf(`${guests} QEMU VMs, four at a time, taken at QEMU's word`, many),
  ];
};
