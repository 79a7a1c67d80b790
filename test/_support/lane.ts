/**
 * One world for many crashes: sites, VMs and a daemon's state are made once and copied back ahead
 * of each try, because what is tried is the crash and not the making. Its paths stay the same, for
 * plugins keep them. Tries of one lane come one after the other; several lanes go side by side.
 */
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { stopVms } from '@siteswap/plugin-files/inspect';
import { type GroupSpec, startVms } from '@siteswap/plugin-files/provision';
import type { ExecutionContext } from 'ava';
import { type DaemonConfig, startDaemon, type TestDaemon } from '../../sdk/testing/index.ts';
import {
  countVms,
  filesConfig,
  heartbeatMs,
  placesOf,
  planOver,
  rolesOf,
  untilAllWrite,
} from './daemon.ts';
import { makeSites, type Sites } from './files.ts';

/** Two groups that move side by side, with one VM on each: what is least for every entry. */
export const smallGroups: readonly GroupSpec[] = [1, 2].map((n) => ({
  id: `g${n}`,
  devices: [{ id: `d${n}`, peerId: `r${n}`, sizeBytes: 256 * 1024 }],
  vms: [`vm${n}`],
}));

const parts = ['a', 'b', 'compute-a', 'compute-b', 'state'];

export class Lane {
  readonly sites: Sites;
  readonly #config: DaemonConfig;
  readonly #groups: readonly GroupSpec[];

  private constructor(sites: Sites, config: DaemonConfig, groups: readonly GroupSpec[]) {
    this.sites = sites;
    this.#config = config;
    this.#groups = groups;
  }

  /** Makes the world, with the plan `move`, and keeps a copy. */
  static async open(
    t: ExecutionContext,
    more: Partial<DaemonConfig> = {},
    plan: object = planOver('move'),
    groups: readonly GroupSpec[] = smallGroups,
  ): Promise<Lane> {
    const sites = await makeSites(groups);
    t.teardown(() => sites.close());
    const lane = new Lane(sites, { ...filesConfig(sites), ...more }, groups);
    const daemon = await lane.#start({});
    await daemon.client.plans.create(plan);
    await daemon.stop();
    for (const part of parts) await cp(lane.#at(part), lane.#at(`kept-${part}`), copying);
    return lane;
  }

  /** The world as it was made, its VMs running; the daemon dies after `entries` (0: never). */
  async begin(entries: number): Promise<TestDaemon> {
    const { compute, directory } = this.sites;
    await this.end();
    for (const part of parts) {
      await rm(this.#at(part), { recursive: true, force: true, maxRetries: 5 });
      await cp(this.#at(`kept-${part}`), this.#at(part), copying);
    }
    const [daemon] = await Promise.all([
      this.#start({ SITESWAP_TEST_EXIT_AFTER_ENTRIES: String(entries) }),
      startVms({ directory: compute.a, arrays: { a: directory.a }, heartbeatMs }),
    ]);
    await untilAllWrite(this.sites);
    return daemon;
  }

  /** Ends the VMs of a try. */
  async end(): Promise<void> {
    const { compute } = this.sites;
    await Promise.all([stopVms(compute.a), stopVms(compute.b)]);
  }

  /** All that a run may change, as arrays and computes tell it; the VMs write `at` this site. */
  async found(at: 'a' | 'b') {
    const { sites } = this;
    await untilAllWrite(sites);
    return {
      roles: [await rolesOf(sites, 'a'), await rolesOf(sites, 'b')],
      places: [await placesOf(sites, 'a'), await placesOf(sites, 'b')],
      vms: await countVms(sites, at, this.#groups),
    };
  }

  #start(env: Readonly<Record<string, string>>): Promise<TestDaemon> {
    return startDaemon({ config: this.#config, stateDir: this.#at('state'), env });
  }

  #at(part: string): string {
    return join(this.sites.root, part);
  }
}

const copying = { recursive: true, preserveTimestamps: true } as const;
