/** The engine on the lab plugin: memory journal, inline pool, real time, no sockets. */

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
import { systemClock } from '../../daemon/workers/system-clock.ts';
import {
  controlLab,
  inlineLab,
  type LabControl,
  type LabOptions,
} from '../../plugins/lab/control.ts';
import labPlugin from '../../plugins/lab/index.ts';
import type { CallRule } from '../../sdk/scenario/rule.ts';

let worlds = 0;
let ids = 0;

export interface Rig {
  engine: RunningEngine;
  readonly journal: Journal;
  readonly lab: LabControl;
  /** Lets go of the engine as a crash would, and opens another on the same journal and world. */
  restart(): Promise<void>;
}

export const sites = [
  { id: 'site-a', name: 'A' },
  { id: 'site-b', name: 'B' },
];

/** A world of `groups` consistency groups with `vms` VMs on each, and an engine that sees it. */
export const rig = async (
  options: {
    groups?: number;
    vms?: number;
    /** More of the world's options. */
    world?: LabOptions;
    rules?: CallRule[];
    journal?: Journal;
    retention?: Retention;
    now?: () => number;
    /** In place of ids that no other engine has. */
    id?: () => string;
    /** How lab-a is shown, together with lab-b. */
    present?: PresentedAs;
  } = {},
): Promise<Rig> => {
  const name = `engine-${++worlds}`;
  const lab = inlineLab(name, {
    options: {
      groups: options.groups ?? 2,
      vmsPerGroup: options.vms ?? 3,
      priorities: [1, 2, 3],
      ...options.world,
    },
  });
  const remote = (id: string, kind: 'array' | 'compute', siteId: string): RemoteConfig => ({
    id,
    kind,
    siteId,
    pluginId: 'lab',
    module: 'lab',
    config: { world: { inline: name } },
  });
  const remotes = [
    {
      ...remote('lab-a', 'array', 'site-a'),
      ...(options.present && { present: { as: options.present, peerArrayId: 'lab-b' } }),
    },
    remote('lab-b', 'array', 'site-b'),
    remote('lab-compute-a', 'compute', 'site-a'),
    remote('lab-compute-b', 'compute', 'site-b'),
  ];
  const journal = options.journal ?? new MemoryJournal();
  const clock = { ...systemClock(), ...(options.now && { now: options.now }) };
  const open = () =>
    openEngine({
      journal,
      pool: createInlinePool({ remotes, plugins: new Map([['lab', labPlugin]]), clock }),
      feed: createFeed(journal, clock),
      clock,
      random: { id: options.id ?? (() => `id-${++ids}`), fraction: () => 0.5 },
      draws: new Draws(options.rules ?? []),
      log: {
        ...silentLog,
        broken: (_runId, error) => {
          throw error;
        },
      },
      ownSiteId: 'site-b',
      sites,
      plugins: [{ id: 'lab', module: 'lab' }],
      remotes,
      ...(options.retention && { retention: options.retention }),
    });
  const made: Rig = {
    engine: await open(),
    journal,
    lab: controlLab(lab),
    restart: async () => {
      void made.engine.close();
      made.engine = await open();
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
