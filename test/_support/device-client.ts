/**
 * A recovery manager as there are many: it knows discovery and the replication verbs, and has never
 * heard of plans, runs or VMs. What it works on it finds by itself.
 */
import { Direction, type SiteswapClient } from '../../sdk/client/index.ts';

/** A site's arrays are one array here. */
export interface Way {
  readonly from: string;
  readonly to: string;
}

interface Results {
  readonly results: readonly {
    readonly targetId: string;
    readonly outcome?: { readonly $case: string; readonly value: unknown } | undefined;
  }[];
}

export class DeviceClient {
  readonly #client: SiteswapClient;

  constructor(client: SiteswapClient) {
    this.#client = client;
  }

  /** Consistency groups, or lone devices, of an array that stand in one of these directions. */
  async found(arrayId: string, directions: readonly Direction[]): Promise<string[]> {
    const ids = new Set<string>();
    const listing = this.#client.inventory.discoverDevices({ arrayIds: [arrayId] });
    for await (const { devices } of listing) {
      for (const { id, groupId, direction, peer } of devices) {
        if (peer !== undefined && directions.includes(direction)) ids.add(groupId || id);
      }
    }
    return [...ids].sort();
  }

  /** A test beside production, of every target of replication. */
  async test(arrayId: string): Promise<void> {
    const targets = asked(arrayId, await this.found(arrayId, [Direction.INCOMING]));
    const { replication } = this.#client;
    expectWell(await replication.testFailoverStart(targets));
    expectWell(await replication.testFailoverStop(targets));
  }

  /** A test beside it, then everything over, and replication turned round. */
  async over({ from, to }: Way): Promise<void> {
    const sources = await this.found(from, [Direction.OUTGOING]);
    const targets = await this.found(to, [Direction.INCOMING]);
    if (sources.length === 0 || sources.length !== targets.length) {
      throw new Error(`${from} has ${sources}, ${to} has ${targets}`);
    }
    const { replication } = this.#client;
    await this.test(to);
    expectWell(await replication.sync(asked(from, sources)));
    expectWell({ results: await replication.querySync(asked(to, targets)) });
    expectWell(await replication.prepareFailover(asked(from, sources)));
    expectWell(await replication.failover(asked(to, targets)));
    expectWell(await replication.reverse(asked(to, targets)));
  }

  /** Stretched devices serve at both sides: a test beside them, then they prefer the other one. */
  async overStretched({ from, to }: Way): Promise<void> {
    const ids = await this.found(from, [Direction.STRETCHED]);
    if (ids.length === 0) throw new Error(`${from} has none`);
    const { replication, inventory } = this.#client;
    expectWell(await replication.testFailoverStart(asked(to, ids)));
    expectWell(await replication.testFailoverStop(asked(to, ids)));
    expectWell(await replication.sync(asked(from, ids)));
    const remotes = await inventory.remotes();
    const siteId = remotes.find(({ id }) => id === to)?.siteId ?? '';
    expectWell(await replication.setSitePreference({ ...asked(from, ids), siteId }));
  }

  /** Group or lone device → the site that it prefers, as an array shows it. */
  async preferred(arrayId: string): Promise<Record<string, string>> {
    const found: Record<string, string> = {};
    const listing = this.#client.inventory.discoverDevices({ arrayIds: [arrayId] });
    for await (const { devices } of listing) {
      for (const { id, groupId, stretched, preferredSiteId } of devices) {
        if (stretched) found[groupId || id] = preferredSiteId;
      }
    }
    return found;
  }
}

const asked = (arrayId: string, ids: readonly string[]) => ({
  arrayId,
  targets: ids.map((id) => ({ id })),
  requester: 'a recovery manager',
});

const expectWell = ({ results }: Results): void => {
  for (const { targetId, outcome } of results) {
    if (outcome?.$case === 'success' || outcome?.$case === 'status') continue;
    throw new Error(`${targetId}: ${JSON.stringify(outcome)}`);
  }
};
