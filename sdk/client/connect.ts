/** `connect`: one connection to a daemon, and everything that it offers. */
import {
  HealthCheckRequest,
  HealthCheckResponse_ServingStatus,
  HealthService,
} from '../../proto/gen/grpc/health/v1/health.ts';
import { type Run, RunEventType, RunStatus } from '../../proto/gen/siteswap/v1/run.ts';
import { type CallOptions, type Channel, openChannel } from './channel.ts';
import { Cluster } from './cluster.ts';
import { Injections } from './injections.ts';
import { Inventory } from './inventory.ts';
import { Migrations } from './migrations.ts';
import { Plans } from './plans.ts';
import { Repair } from './repair.ts';
import { Replication } from './replication.ts';
import { Runs } from './runs.ts';
import { Sites } from './sites.ts';
import type { WatchOptions } from './watch.ts';

/** Whether the daemon takes work, in the words of the standard health service. */
export const Serving = HealthCheckResponse_ServingStatus;
export type Serving = HealthCheckResponse_ServingStatus;

/** Statuses in which a run moves no more by itself. */
const settled: ReadonlySet<RunStatus> = new Set([
  RunStatus.PARKED,
  RunStatus.STUCK,
  RunStatus.ENDED,
]);

/** What a connection takes. */
export interface ConnectOptions {
  /** For calls that name no deadline of their own, in milliseconds. Default: one minute. */
  readonly deadlineMs?: number;
  /** The token of the role `injector`, which `client.injections` needs. */
  readonly injectorToken?: string;
}

/** A daemon, as its callers see it. Made by `connect`. */
export class SiteswapClient {
  readonly injections: Injections;
  readonly inventory: Inventory;
  readonly cluster: Cluster;
  readonly migrations: Migrations;
  readonly repair: Repair;
  readonly replication: Replication;
  readonly plans: Plans;
  readonly runs: Runs;
  readonly sites: Sites;
  readonly #channel: Channel;

  constructor(channel: Channel) {
    this.#channel = channel;
    this.injections = new Injections(channel);
    this.inventory = new Inventory(channel);
    this.cluster = new Cluster(channel);
    this.migrations = new Migrations(channel);
    this.repair = new Repair(channel);
    this.replication = new Replication(channel);
    this.plans = new Plans(channel);
    this.runs = new Runs(channel);
    this.sites = new Sites(channel);
  }

  /**
   * Waits until the daemon answers, up to the deadline: for daemons that were just started.
   *
   * @example
   * ```ts
   * await client.ready({ deadlineMs: 5_000 });
   * ```
   */
  async ready(options?: CallOptions): Promise<void> {
    await this.#channel.ready(options);
  }

  /**
   * Whether the last answer said that injections are on: calls fail on purpose.
   *
   * @example
   * ```ts
   * await client.inventory.sites();
   * if (client.injecting) console.log('somebody fails calls on purpose');
   * ```
   */
  get injecting(): boolean {
    return this.#channel.injecting();
  }

  /**
   * Whether the last answer said that the journal is held: nothing new is started until it takes
   * entries again.
   *
   * @example
   * ```ts
   * await client.inventory.sites();
   * if (client.held) console.log('make room where the journal is');
   * ```
   */
  get held(): boolean {
    return this.#channel.held();
  }

  /**
   * Whether the daemon takes work: `NOT_SERVING` while its journal is held or it is ending.
   *
   * @example
   * ```ts
   * if ((await client.health()) !== Serving.SERVING) console.log('it takes no new work now');
   * ```
   */
  async health(options?: CallOptions): Promise<Serving> {
    const request = HealthCheckRequest.fromPartial({});
    return (await this.#channel.unary(HealthService.check, request, options)).status;
  }

  /**
   * Waits until a run needs no more waiting: it has ended, or it is parked or stuck and needs a
   * person. The caller looks at `status`.
   *
   * @example
   * ```ts
   * const { runId } = await client.runs.start({ planId: 'erp', mode: Mode.TEST, requester: 'me' });
   * const run = await client.waitForRun(runId, { deadlineMs: 60_000 });
   * console.log(run.status === RunStatus.ENDED ? run.result : run.attention);
   * ```
   */
  async waitForRun(runId: string, options?: WatchOptions): Promise<Run> {
    for await (const page of this.runs.watchPages(runId, options)) {
      if (!page.last && !page.events.some((event) => event.type === RunEventType.RUN_PARKED))
        continue;
      const run = await this.runs.get(runId);
      // It may have been resumed since it parked: then there is more to wait for.
      if (settled.has(run.status)) return run;
    }
    return this.runs.get(runId);
  }

  /**
   * Lets go of the connection. Calls under way fail; what they started in the daemon goes on.
   *
   * @example
   * ```ts
   * client.close();
   * ```
   */
  close(): void {
    this.#channel.close();
  }
}

/**
 * A client of the daemon at `address`: `unix:PATH` or `HOST:PORT`. Connects at the first call, and
 * again by itself whenever the connection breaks.
 *
 * @example
 * ```ts
 * const daemon = connect(process.env.SITESWAP_ADDRESS ?? 'unix:/run/siteswap/siteswap.sock');
 * console.log(await daemon.inventory.sites());
 * daemon.close();
 * ```
 */
export const connect = (address: string, options: ConnectOptions = {}): SiteswapClient =>
  new SiteswapClient(openChannel(address, options));
