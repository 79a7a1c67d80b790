/** Pools and jobs for tests: the puppet plugin at remotes of two sites, and what arrived there. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInlinePool } from '../../daemon/workers/inline.ts';
import type { Pool, RemoteConfig, TaskJob } from '../../daemon/workers/pool.ts';
import { systemClock } from '../../daemon/workers/system-clock.ts';
import { createThreadPool } from '../../daemon/workers/threads.ts';
import puppet from './plugins/puppet.ts';

export type PoolKind = 'inline' | 'threads';

export const canary = 'canary/9f31"c7+e';

const moduleOf = (name: string): string => new URL(`./plugins/${name}.js`, import.meta.url).href;

export interface Stage {
  readonly pool: Pool;
  /** What arrived at the plugin, one line for each entry. */
  readonly arrived: () => string[];
  readonly end: () => Promise<void>;
}

export interface StageOptions {
  /** More configuration of array a1. */
  readonly a1?: Readonly<Record<string, unknown>>;
  /** Plugin modules beside the puppet, by plugin id: each at an array of its own, of that id. */
  readonly others?: readonly string[];
  readonly threads?: number;
  readonly heapMbMax?: number;
  readonly coolDownMs?: number;
}

/** Arrays `a1` (site west) and `a2` (site east); `b1` is at west with a puppet of its own id. */
export const stage = (kind: PoolKind, options: StageOptions = {}): Stage => {
  const dir = mkdtempSync(join(tmpdir(), 'siteswap-pool-'));
  const log = join(dir, 'log');
  writeFileSync(log, '');
  const remote = (id: string, siteId: string, pluginId: string, module = 'puppet') => ({
    id,
    kind: 'array' as const,
    siteId,
    pluginId,
    module: moduleOf(module),
    config: { log, token: canary },
  });
  const remotes: RemoteConfig[] = [
    { ...remote('a1', 'west', 'puppet'), config: { log, token: canary, ...options.a1 } },
    remote('a2', 'east', 'puppet'),
    remote('b1', 'west', 'other-puppet'),
    ...(options.others ?? []).map((name) => remote(name, 'west', name, name)),
  ];
  const plugins = new Map<string, unknown>([
    ['puppet', puppet],
    ['other-puppet', puppet],
  ]);
  const pool =
    kind === 'inline'
      ? createInlinePool({ remotes, plugins, clock: systemClock() })
      : createThreadPool({
          remotes,
          siteIds: ['west', 'east'],
          threads: options.threads ?? 1,
          pluginPlaces: new Map(
            (options.others ?? []).map((id, at) => [id, `plugins[${at}], s.yaml:${at + 7}:5`]),
          ),
          silentMsMax: 1_500,
          coolDownMs: options.coolDownMs ?? 60_000,
          ...(options.heapMbMax !== undefined && { heapMbMax: options.heapMbMax }),
        });
  return {
    pool,
    arrived: () => readFileSync(log, 'utf8').split('\n').filter(Boolean),
    end: async () => {
      await pool.close();
      rmSync(dir, { recursive: true });
    },
  };
};

export const groupsJson = (ids: readonly string[]): string =>
  JSON.stringify(
    ids.map((id) => ({
      id,
      protected: { id, devices: [`${id}-p`] },
      recovery: { id, devices: [`${id}-r`] },
      datastores: [],
    })),
  );

/** A promote-target task on groups of these ids at array a1. */
export const task = (ids: readonly string[], more: Partial<TaskJob> = {}): TaskJob => ({
  kind: 'task',
  remoteId: 'a1',
  step: 'promote-target',
  phase: 'run',
  runId: 'run-1',
  workgroup: 's1',
  mode: 'planned',
  side: 'recovery',
  items: groupsJson(ids),
  key: 'i1/promote-target/run/1',
  attempt: 1,
  epoch: 1,
  timeoutMs: 20_000,
  direction: 'run',
  ...more,
});
