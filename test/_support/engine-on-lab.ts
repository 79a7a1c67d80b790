/**
 * The engine on the lab plugin: memory journal, inline pool, real time, no sockets. Or threads, and
 * a world in a process of its own that they reach.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../../daemon/core/clock.ts';
import type { Plan } from '../../daemon/core/plan.ts';
import type { PresentedAs } from '../../daemon/core/presentation.ts';
import type { Retention } from '../../daemon/core/retention.ts';
import { createFeed } from '../../daemon/feed/feed.ts';
import type { RemoteConfig } from '../../daemon/host/remote.ts';
import type { Journal } from '../../daemon/journal/journal.ts';
import { MemoryJournal } from '../../daemon/journal/memory.ts';
import { defaultOptions } from '../../daemon/planner/defaults.ts';
import { Draws } from '../../daemon/runner/draws.ts';
import { openEngine, type RunningEngine } from '../../daemon/runner/engine.ts';
import { silentLog } from '../../daemon/runner/log.ts';
import { createInlinePool } from '../../daemon/workers/inline.ts';
import type { Pool } from '../../daemon/workers/pool.ts';
import { systemClock } from '../../daemon/workers/system-clock.ts';
import { createThreadPool } from '../../daemon/workers/threads.ts';
import {
  connectLab,
  controlLab,
  inlineLab,
  type LabControl,
  type LabOptions,
  labSpec,
  startLabWorld,
} from '../../plugins/lab/control.ts';
import labPlugin from '../../plugins/lab/index.ts';
import type { CallRule } from '../../sdk/scenario/rule.ts';
import type { JumpingTime } from './jumping-time.ts';

const labModule = fileURLToPath(new URL('../../plugins/lab/index.js', import.meta.url));

let worlds = 0;
let ids = 0;

export interface Rig {
  engine: RunningEngine;
  readonly journal: Journal;
  readonly lab: LabControl;
  /** Lets go of the engine as a crash would, and opens another on the same journal and world. */
  restart(): Promise<void>;
  /** Needed where threads were asked for: they and their world would stay. */
  close(): Promise<void>;
}

export const sites = [
  { id: 'site-a', name: 'A' },
  { id: 'site-b', name: 'B' },
];

interface Placed {
  readonly config: Readonly<Record<string, unknown>>;
  readonly lab: LabControl;
  readonly close: () => Promise<void>;
}

const inlineWorld = (name: string, options: LabOptions, time?: JumpingTime): Placed => {
  const lab = controlLab(inlineLab(name, { options, ...(time && { time }) }));
  return { config: { world: { inline: name } }, lab, close: async () => {} };
};

const processWorld = async (options: LabOptions): Promise<Placed> => {
  const directory = await mkdtemp(join(tmpdir(), 'siteswap-lab-'));
  const socket = join(directory, 'lab.sock');
  const world = await startLabWorld({ socket, spec: labSpec(options) });
  const lab = connectLab(socket);
  const close = async () => {
    lab.close();
    await world.close();
    await rm(directory, { recursive: true, force: true });
  };
  return { config: { world: { socket } }, lab, close };
};

export interface RigOptions {
  readonly groups?: number;
  readonly vms?: number;
  /** More of the world's options. */
  readonly world?: LabOptions;
  readonly rules?: CallRule[];
  readonly journal?: Journal;
  readonly retention?: Retention;
  readonly now?: () => number;
  /** In place of ids that no other engine has. */
  readonly id?: () => string;
  /** How lab-a is shown, together with lab-b. */
  readonly present?: PresentedAs;
  /** In place of the inline pool. */
  readonly threads?: number;
  /** Of engine and world, in place of the real one. */
  readonly time?: JumpingTime;
}

const remotesAt = ({ config }: Placed, { present, threads }: RigOptions): RemoteConfig[] => {
  const remote = (id: string, kind: 'array' | 'compute', siteId: string): RemoteConfig => ({
    ...{ id, kind, siteId, config },
    pluginId: 'lab',
    module: threads === undefined ? 'lab' : labModule,
  });
  return [
    {
      ...remote('lab-a', 'array', 'site-a'),
      ...(present && { present: { as: present, peerArrayId: 'lab-b' } }),
    },
    remote('lab-b', 'array', 'site-b'),
    remote('lab-compute-a', 'compute', 'site-a'),
    remote('lab-compute-b', 'compute', 'site-b'),
  ];
};

/** A world of `groups` consistency groups with `vms` VMs on each, and an engine that sees it. */
export const rig = async (options: RigOptions = {}): Promise<Rig> => {
  const { threads, time } = options;
  const world = {
    groups: options.groups ?? 2,
    vmsPerGroup: options.vms ?? 3,
    priorities: [1, 2, 3],
    ...options.world,
  };
  const placed =
    threads === undefined
      ? inlineWorld(`engine-${++worlds}`, world, time)
      : await processWorld(world);
  const remotes = remotesAt(placed, options);
  const journal = options.journal ?? new MemoryJournal();
  const { now, wakeAt, soon }: Clock = time ?? systemClock();
  const clock = { wakeAt, soon, now: options.now ?? now };
  const pools: Pool[] = [];
  const newPool = (): Pool => {
    const pool =
      threads === undefined
        ? createInlinePool({ remotes, plugins: new Map([['lab', labPlugin]]), clock })
        : createThreadPool({ remotes, siteIds: sites.map(({ id }) => id), threads });
    pools.push(pool);
    return pool;
  };
  const log = {
    ...silentLog,
    broken: (_runId: string, error: unknown) => {
      throw error;
    },
  };
  const open = () =>
    openEngine({
      ...{ journal, clock, log, sites, remotes },
      pool: newPool(),
      feed: createFeed(journal, clock),
      random: { id: options.id ?? (() => `id-${++ids}`), fraction: () => 0.5 },
      draws: new Draws(options.rules ?? []),
      ownSiteId: 'site-b',
      plugins: [{ id: 'lab', module: 'lab' }],
      ...(options.retention && { retention: options.retention }),
    });
  return rigOf(open, { journal, placed, pools });
};

const rigOf = async (
  open: () => Promise<RunningEngine>,
  { journal, placed, pools }: { journal: Journal; placed: Placed; pools: readonly Pool[] },
): Promise<Rig> => {
  const made: Rig = {
    engine: await open(),
    journal,
    lab: placed.lab,
    restart: async () => {
      void made.engine.close();
      made.engine = await open();
    },
    close: async () => {
      await made.engine.close();
      for (const pool of pools) await pool.close();
      await placed.close();
    },
  };
  return made;
};

/** Each group of the world in a protection group of its own, with VMs of three priorities. */
export const planFor = (groups: number, vmsPerGroup = 3, more: Partial<Plan> = {}): Plan => ({
  id: 'payroll',
  name: 'Payroll',
  protectedSiteId: 'site-a',
  recoverySiteId: 'site-b',
  protectionGroups: Array.from({ length: groups }, (_, at) => ({
    id: `pg-${at + 1}`,
    groups: [{ arrayId: 'lab-a', id: `cg-${String(at + 1).padStart(4, '0')}` }],
    vms: Array.from({ length: vmsPerGroup }, (_, vm) => ({
      id: `vm-${String(at * vmsPerGroup + vm + 1).padStart(5, '0')}`,
      priority: 1 + (vm % 3),
      dependsOn: [],
    })),
  })),
  policies: {},
  options: defaultOptions,
  ...more,
});

/** Follows a run's events (after `cursor`) until it is parked or has ended. */
export const untilRest = async (
  engine: RunningEngine,
  runId: string,
  cursor = 0,
): Promise<string[]> => {
  const types: string[] = [];
  for await (const page of engine.watchRun(runId, cursor, new AbortController().signal)) {
    for (const { body } of page.events) types.push((JSON.parse(body) as { type: string }).type);
    if (types.includes('run-parked')) return types;
  }
  return types;
};
