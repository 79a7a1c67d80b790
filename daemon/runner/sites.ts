/** Sites, and the act of declaring one lost: explicit, durable, global to all runs. */
import type { Clock } from '../core/clock.ts';
import type { SystemEntry } from '../core/system.ts';
import type { SiteDeclared } from '../core/system-entries.ts';
import type { Pool } from '../workers/pool.ts';
import type { Agent } from './agent.ts';
import { type Catalog, markOf } from './catalog.ts';
import { RunElsewhere } from './elsewhere.ts';
import { siteNamed } from './named.ts';
import { disasterOf, expectNoDisaster } from './refusals.ts';
import type { Runs } from './runs.ts';
import type { SiteState } from './service.ts';

export interface SiteRef {
  readonly id: string;
  readonly name: string;
}

/** Other members, where there are any. */
interface Others {
  /** Resolves when all of them act on what the catalog holds now. */
  acknowledged(): Promise<void>;
}

interface SitesParts {
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly pool: Pool;
  readonly runs: Runs;
  readonly sites: readonly SiteRef[];
}

export class Sites {
  readonly #parts: SitesParts;
  /** Set by whoever knows of them; alone, there is nobody to wait for. */
  others: Others = { acknowledged: async () => {} };

  constructor(parts: SitesParts) {
    this.#parts = parts;
  }

  /** At boot: the gateway and every open run know what was declared before. */
  restore(): void {
    const { lostSites } = this.#parts.catalog.state;
    for (const siteId of lostSites.keys()) this.#parts.pool.setSiteLost(siteId, true);
    for (const agent of this.#parts.runs.openAgents()) void this.#tell(agent).catch(() => {});
  }

  /** What other members have declared. */
  heard(entries: readonly SystemEntry[]): void {
    for (const { type, siteId } of entries.filter(isDeclaration)) {
      this.#parts.pool.setSiteLost(siteId, type === 'site-lost');
    }
    if (entries.some(isDeclaration)) this.restore();
  }

  list(): readonly SiteState[] {
    return this.#parts.sites.map((site) => this.#stateOf(site));
  }

  async declare(
    what: 'site-lost' | 'site-reachable',
    siteId: string,
    requester: string,
    reason: string,
    requestId?: string,
  ): Promise<SiteState> {
    const site = siteNamed(siteId, this.#parts.sites);
    const lost = what === 'site-lost';
    const { catalog } = this.#parts;
    if (catalog.state.lostSites.has(siteId) === lost) return this.#stateOf(site);
    if (requestId !== undefined) await catalog.refresh();
    if (catalog.isDone(requestId)) return this.#stateOf(site);
    catalog.expectNotHeld();
    // A lost site gets no call from this moment on, whatever becomes of the entry.
    if (lost) this.#parts.pool.setSiteLost(siteId, true);
    const at = this.#parts.clock.now();
    const entry = { type: what, at, siteId, requester, reason, ...markOf(requestId) };
    if (lost) await catalog.append([entry], [], () => !catalog.isDone(requestId));
    else await catalog.losses.run(siteId, () => this.#takeBack(entry, requestId));
    await this.others.acknowledged();
    if (!lost) this.#parts.pool.setSiteLost(siteId, false);
    const open = this.#parts.runs.openAgents();
    await Promise.all(open.map((agent) => this.#tell(agent)));
    return this.#stateOf(site);
  }

  /** Unless a disaster run goes by the loss. */
  async #takeBack(entry: SiteDeclared, requestId: string | undefined): Promise<void> {
    const { catalog } = this.#parts;
    const { siteId } = entry;
    expectNoDisaster(catalog.state, siteId);
    const isFree = () => disasterOf(catalog.state, siteId) === undefined;
    await catalog.append([entry], [], () => !catalog.isDone(requestId) && isFree());
  }

  /** Brings a run's own list of lost sites up to date; recorded in its stream. */
  async #tell(agent: Agent): Promise<void> {
    const { lostSites } = this.#parts.catalog.state;
    const { frozen, lostSites: known } = agent.state;
    const at = this.#parts.clock.now();
    const own = [...new Set([frozen.protectedSiteId, frozen.recoverySiteId])];
    const news = own.filter((siteId) => lostSites.has(siteId) !== known.has(siteId));
    if (news.length === 0) return;
    const entries = news.map((siteId) => {
      const type = lostSites.has(siteId) ? 'run-site-lost' : 'run-site-reachable';
      return { type, at, siteId } as const;
    });
    await agent.record(entries).catch((error: unknown) => {
      // The member that has the run now hears of the site by itself.
      if (!(error instanceof RunElsewhere)) throw error;
    });
  }

  #stateOf(site: SiteRef): SiteState {
    const declared = this.#parts.catalog.state.lostSites.get(site.id);
    return {
      ...site,
      lost: declared !== undefined,
      reason: declared?.reason ?? '',
      sinceMs: declared?.at ?? 0,
      declaredBy: declared?.requester ?? '',
    };
  }
}

const isDeclaration = (entry: SystemEntry): entry is SiteDeclared =>
  entry.type === 'site-lost' || entry.type === 'site-reachable';
