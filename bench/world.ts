/**
 * A daemon with a world of VMs that have failed over, so that a step which only looks at them can
 * be run again and again: what is measured then is Siteswap, not a storage system.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, Mode, RunDetail, type SiteswapClient } from '../sdk/client/index.ts';
import { Caller } from './callers.ts';
import type { BenchDaemon } from './daemon.ts';
import { namesOf, planOver } from './plans.ts';
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
}

export class World {
  readonly daemon: BenchProcess;
  readonly client: SiteswapClient;
  readonly state: string;
  readonly #watcher: Caller;

  private constructor(daemon: BenchProcess, state: string) {
    const address = daemon.ready.split(' ')[0] ?? '';
    this.daemon = daemon;
    this.client = connect(address);
    this.state = state;
    this.#watcher = new Caller(address);
  }

  static async open(
    options: Omit<BenchDaemon, 'state' | 'vmsPerGroup'> & { readonly vmsPerGroup?: number },
    state = mkdtempSync(join(tmpdir(), 'siteswap-bench-')),
  ): Promise<World> {
    const argument: BenchDaemon = { vmsPerGroup, ...options, state };
    const daemon = await BenchProcess.module('daemon', argument);
    return new World(daemon, state);
  }

  /** Makes the plan and fails over, in ten real steps. */
  async failOver({ groups, releaseBatchSize = 0, ...options }: Sizes): Promise<Timed> {
    const plan = planOver(planId, namesOf(1, groups));
    await this.client.plans.create({ ...plan, options: { ...options, releaseBatchSize } });
    return this.run(Mode.PLANNED);
  }

  async start(mode: Mode, plan = planId): Promise<string> {
    return (await this.client.runs.start({ planId: plan, mode, requester: 'bench' })).runId;
  }

  /** Watched to its last event, which is not decoded: that would be the client's time. */
  async run(mode: Mode = Mode.REPROTECT, plan = planId): Promise<Timed> {
    const begunMs = performance.now();
    const runId = await this.start(mode, plan);
    const startMs = performance.now() - begunMs;
    await this.#watcher.watch(runId);
    const totalMs = performance.now() - begunMs;
    return { runId, startMs, totalMs, vmSteps: await this.#vmSteps(runId) };
  }

  async #vmSteps(runId: string): Promise<number> {
    const { steps } = await this.client.runs.get(runId, { detail: RunDetail.BASIC });
    return steps.reduce((total, step) => total + step.itemsDone + step.itemsFailed, 0);
  }

  async close(): Promise<void> {
    this.client.close();
    this.#watcher.close();
    await this.daemon.stop();
    rmSync(this.state, { recursive: true, force: true });
  }
}

export const vmsPerGroup = 100;
