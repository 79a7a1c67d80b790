/**
 * A daemon with a world of VMs that have failed over, so that a step which only looks at them can
 * be run again and again: what is measured then is Siteswap, not a storage system.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, Mode, RunDetail, type SiteswapClient } from '../sdk/client/index.ts';
import type { BenchDaemon } from './daemon.ts';
import { BenchProcess } from './process.ts';

const planId = 'bench';

export interface Sizes {
  /** Consistency groups of 100 VMs each. */
  readonly groups: number;
  readonly vmWorkgroupMax: number;
  /** 0: workgroups flow; else batches of that many, all of which is a barrier after each step. */
  readonly releaseBatchSize?: number;
  readonly liveMigration?: boolean;
}

/** One run, from StartRun to the last event at a watcher. */
export interface Timed {
  readonly runId: string;
  readonly startMs: number;
  readonly totalMs: number;
  readonly vmSteps: number;
  readonly events: number;
}

export class World {
  readonly daemon: BenchProcess;
  readonly client: SiteswapClient;
  readonly state: string;

  private constructor(daemon: BenchProcess, client: SiteswapClient, state: string) {
    this.daemon = daemon;
    this.client = client;
    this.state = state;
  }

  static async open(
    options: Omit<BenchDaemon, 'state' | 'vmsPerGroup'>,
    state = mkdtempSync(join(tmpdir(), 'siteswap-bench-')),
  ): Promise<World> {
    const argument: BenchDaemon = { ...options, vmsPerGroup, state };
    const daemon = await BenchProcess.module('daemon', argument);
    return new World(daemon, connect(daemon.ready.split(' ')[0] ?? ''), state);
  }

  /** Makes the plan and fails over, in ten real steps. */
  async failOver({ groups, releaseBatchSize = 0, ...options }: Sizes): Promise<Timed> {
    const names = Array.from({ length: groups }, (_, at) => String(at + 1).padStart(4, '0'));
    await this.client.plans.create({
      id: planId,
      name: planId,
      protectedSiteId: 'site-a',
      recoverySiteId: 'site-b',
      protectionGroups: names.map((name) => ({
        id: `pg-${name}`,
        groups: [{ arrayId: 'lab-a', id: `cg-${name}` }],
      })),
      options: { ...options, releaseBatchSize },
    });
    return this.run(Mode.PLANNED);
  }

  async start(mode: Mode): Promise<string> {
    return (await this.client.runs.start({ planId, mode, requester: 'bench' })).runId;
  }

  async run(mode: Mode = Mode.REPROTECT): Promise<Timed> {
    const begunMs = performance.now();
    const runId = await this.start(mode);
    const startMs = performance.now() - begunMs;
    let events = 0;
    for await (const page of this.client.runs.watchPages(runId)) events += page.events.length;
    const totalMs = performance.now() - begunMs;
    return { runId, startMs, totalMs, vmSteps: await this.#vmSteps(runId), events };
  }

  async #vmSteps(runId: string): Promise<number> {
    const { steps } = await this.client.runs.get(runId, { detail: RunDetail.BASIC });
    return steps.reduce((total, step) => total + step.itemsDone + step.itemsFailed, 0);
  }

  async close(): Promise<void> {
    this.client.close();
    await this.daemon.stop();
    rmSync(this.state, { recursive: true, force: true });
  }
}

export const vmsPerGroup = 100;
