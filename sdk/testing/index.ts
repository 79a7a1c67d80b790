/**
 * `@siteswap/sdk/testing`: a private daemon for the tests of whatever is built on the SDK.
 *
 * ```ts
 * const daemon = await startDaemon({ seed: 7, world: { groups: 2, vmsPerGroup: 3 } });
 * await daemon.client.plans.create({ id: 'p', ... });
 * const { runId } = await daemon.client.runs.start({ planId: 'p', mode: Mode.PLANNED, ... });
 * await daemon.kill();
 * await daemon.restart();
 * const run = await untilRun(daemon.client, runId, 'ended');
 * await daemon.stop();
 * ```
 *
 * To break things: give `world` the socket of a lab world in a process of its own (`startLabWorld`
 * of `@siteswap/plugin-lab/control`) and order its failures there; or `config.injections`; or
 * `daemon.kill()`.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Run, RunStatus } from '../../proto/gen/siteswap/v1/run.ts';
import { connect, type SiteswapClient } from '../client/index.ts';
import { type DaemonConfig, type LabWorld, labConfig, type WorldHandle } from './config.ts';
import { DaemonProcess, findLauncher } from './launcher.ts';

export {
  type DaemonConfig,
  type LabWorld,
  labConfig,
  type PluginEntry,
  type RemoteEntry,
  type WorldHandle,
} from './config.ts';
export { LauncherMissing } from './launcher.ts';

/** A daemon that is not healthy after this long never will be. */
const startMsMax = 60_000;

/** Between two looks at a daemon that is starting. */
const lookMs = 25;

/** `untilRun` gives up after this long. */
const untilMsDefault = 60_000;

export interface StartOptions {
  /** Seed of the lab's chance. Default: 1. */
  readonly seed?: number;
  /** The lab's world: its options, or the socket of one in a process of its own. */
  readonly world?: LabWorld | WorldHandle;
  /** Parts of the configuration that replace those of the lab. */
  readonly config?: Partial<DaemonConfig>;
  /** More plugins for the configuration. */
  readonly plugins?: DaemonConfig['plugins'];
  /** `unix:PATH` or `HOST:PORT`. Default: a unix socket in the state directory. */
  readonly listen?: string;
  /** Where the daemon keeps its state. Default: a temporary directory, removed by `stop`. */
  readonly stateDir?: string;
  /** The `siteswap` launcher. Default: SITESWAP_BIN, this checkout's, or the one on PATH. */
  readonly launcher?: string;
  /** `front`: a balancer in front of members, which `config` names the database of. */
  readonly program?: 'daemon' | 'front';
  /** More arguments for the program. */
  readonly args?: readonly string[];
  /** More environment for the daemon. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A private daemon. */
export interface TestDaemon {
  readonly address: string;
  /** Connected, and connecting again by itself after `kill` and `restart`. */
  readonly client: SiteswapClient;
  readonly stateDir: string;
  /** Of the process that runs now, or ran last. */
  readonly pid: number;
  /** The newest lines of the daemon's log, over all its processes. */
  readonly log: readonly string[];
  /** Ends the daemon in order, closes the client, removes what was temporary. */
  stop(): Promise<void>;
  /** SIGKILL. Its state stays; `restart` goes on with it. */
  kill(): Promise<void>;
  /** Resolves when the process that runs now has ended, with how: for deaths of its own. */
  ended(): Promise<string>;
  /**
   * Starts it again on the same state and address; ends it in order first if it runs. `config`
   * replaces parts of the configuration from now on; `env` is for this process alone.
   */
  restart(config?: Partial<DaemonConfig>, env?: Readonly<Record<string, string>>): Promise<void>;
}

class PrivateDaemon implements TestDaemon {
  readonly address: string;
  readonly client: SiteswapClient;
  readonly stateDir: string;
  readonly #directory: string;
  readonly #launcher: string;
  readonly #program: 'daemon' | 'front';
  readonly #args: readonly string[];
  readonly #env: NodeJS.ProcessEnv;
  readonly #log: string[] = [];
  #config: DaemonConfig;
  #process: DaemonProcess | undefined;

  constructor(directory: string, config: DaemonConfig, options: StartOptions) {
    this.#config = config;
    this.#directory = directory;
    this.#launcher = findLauncher(options.launcher);
    this.#program = options.program ?? 'daemon';
    this.#args = options.args ?? [];
    this.#env = { ...process.env, ...options.env };
    this.stateDir = options.stateDir ?? join(directory, 'state');
    this.address = options.listen ?? `unix:${join(directory, 'd.sock')}`;
    this.client = connect(this.address);
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  get log(): readonly string[] {
    return [...this.#log, ...(this.#process?.log ?? [])];
  }

  async start(env: Readonly<Record<string, string>> = {}): Promise<void> {
    const { stateDir, address } = this;
    const config = join(this.#directory, 'config.yaml');
    // JSON is YAML, so nothing has to be translated.
    await writeFile(config, JSON.stringify(this.#config, null, 2));
    const args = [this.#program, '--config', config, '--state', stateDir, '--listen', address];
    const daemon = new DaemonProcess(this.#launcher, [...args, ...this.#args], {
      ...this.#env,
      ...env,
    });
    this.#log.push(...(this.#process?.log ?? []));
    this.#process = daemon;
    await this.#untilHealthy(daemon);
  }

  async #untilHealthy(daemon: DaemonProcess): Promise<void> {
    for (const endMs = Date.now() + startMsMax; Date.now() < endMs; ) {
      if (daemon.end !== undefined) break;
      const health = await this.client.health({ deadlineMs: 1_000 }).catch(() => 'none');
      if (health === 'SERVING') return;
      await delay(lookMs);
    }
    if (daemon.end === undefined) await daemon.kill();
    if (daemon.missing !== undefined) throw daemon.missing;
    const last = daemon.log.slice(-20).join('\n');
    throw new Error(`the daemon did not become healthy: ${daemon.end ?? ''}\n${last}`);
  }

  async stop(): Promise<void> {
    this.client.close();
    await this.#process?.stop();
    await rm(this.#directory, { recursive: true, force: true });
  }

  async kill(): Promise<void> {
    await this.#process?.kill();
  }

  async ended(): Promise<string> {
    return this.#process?.ended ?? 'it was never started';
  }

  async restart(
    config: Partial<DaemonConfig> = {},
    env: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    await this.#process?.stop();
    this.#config = { ...this.#config, ...config };
    await this.start(env);
  }
}

/**
 * Starts a private daemon and waits until it takes work. Always `stop` it. Throws LauncherMissing
 * where there is no program `siteswap`.
 *
 * @example
 * ```ts
 * const daemon = await startDaemon({ world: { groups: 1, vmsPerGroup: 2 } });
 * console.log(await daemon.client.inventory.sites());
 * await daemon.stop();
 * ```
 */
export const startDaemon = async (options: StartOptions = {}): Promise<TestDaemon> => {
  const directory = await mkdtemp(join(tmpdir(), 'siteswap-'));
  const config = { ...labConfig(options.seed ?? 1, options.world), ...options.config };
  const plugins = [...config.plugins, ...(options.plugins ?? [])];
  const daemon = new PrivateDaemon(directory, { ...config, plugins }, options);
  await mkdir(daemon.stateDir, { recursive: true });
  try {
    await daemon.start();
  } catch (error) {
    await daemon.stop();
    throw error;
  }
  return daemon;
};

/** Where a run can be waited for. */
export type AwaitedStatus = 'running' | 'parked' | 'stuck' | 'ended';

const statuses: Readonly<Record<AwaitedStatus, RunStatus>> = {
  running: RunStatus.RUNNING,
  parked: RunStatus.PARKED,
  stuck: RunStatus.STUCK,
  ended: RunStatus.ENDED,
};

/**
 * Waits until a run has this status; looks at every event, over restarts of the daemon. Throws
 * when the run ends without it, or after `timeoutMs` (one minute).
 *
 * @example
 * ```ts
 * const run = await untilRun(daemon.client, runId, 'parked');
 * console.log(run.attention);
 * ```
 */
export const untilRun = async (
  client: SiteswapClient,
  runId: string,
  status: AwaitedStatus,
  { timeoutMs = untilMsDefault }: { readonly timeoutMs?: number } = {},
): Promise<Run> => {
  const signal = AbortSignal.timeout(timeoutMs);
  let run: Run | undefined;
  try {
    for await (const page of client.runs.watchPages(runId, { signal })) {
      run = await client.runs.get(runId, { signal });
      if (run.status === statuses[status]) return run;
      if (page.last) break;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  const seen = run === undefined ? 'never seen' : `${run.status}, ${run.attention}`;
  const how = signal.aborted ? ` within ${timeoutMs} ms` : '';
  throw new Error(`run ${runId} was not ${status}${how}: ${seen}`);
};
