/**
 * What the toy plugin's sessions talk to: two arrays and two computes, in memory. It is what a
 * vendor's remote would be, so it outlives sessions and knows nothing of them.
 */
import type { Access, Direction, PairState, RecoveryPoint } from '@siteswap/sdk/plugin';

export type Side = 'source' | 'target';

export interface ToyDevice {
  readonly id: string;
  readonly groupId: string;
  direction: Direction;
  access: Access;
  pairState: PairState;
  lineage: string;
  /** Of a stretched one. */
  preferredSiteId?: string;
  /** Last heartbeat written to it, and as far as the pair copied it. */
  heartbeat: number;
}

export interface ToyVm {
  registered: boolean;
  on: boolean;
  boot: number;
  resumedAt: number;
}

export interface ToySide {
  readonly devices: Map<string, ToyDevice>;
  readonly mounted: Set<string>;
  readonly vms: Map<string, ToyVm>;
  readonly testCopies: Set<string>;
  readonly files: Map<string, string>;
  readonly points: Map<string, RecoveryPoint[]>;
  /** Key and target id → what was done under it. */
  readonly done: Map<string, Readonly<Record<string, string | number>>>;
  /** Initiator and target id → newest epoch seen. */
  readonly epochs: Map<string, number>;
  readonly operations: Map<string, number>;
  delayMs: number;
  cut: boolean;
}

export const groups: Readonly<Record<string, readonly string[]>> = {
  g1: ['d1', 'd2'],
  g2: ['d3'],
  g3: ['s1'],
};
export const datastoreOf: Readonly<Record<string, string>> = { ds1: 'd1', ds2: 'd3', ds3: 's1' };
export const vmOn: Readonly<Record<string, string>> = { vm1: 'ds1', vm2: 'ds2', vm3: 'ds3' };

/** `g3`, and what lives on it. */
export const isStretched = (id: string): boolean => ['g3', 'ds3', 'vm3'].includes(id);
export const siteOf = (side: Side): string => `site-${side}`;

const bothServe = {
  direction: 'stretched',
  access: 'read-write',
  preferredSiteId: siteOf('source'),
} as const;

const newSide = (side: Side): ToySide => ({
  devices: new Map(
    Object.entries(groups).flatMap(([groupId, ids]) =>
      ids.map((id): [string, ToyDevice] => [
        id,
        {
          id,
          groupId,
          direction: side === 'source' ? 'outgoing' : 'incoming',
          access: side === 'source' ? 'read-write' : 'read-only',
          pairState: 'synchronized',
          lineage: 'lineage-0',
          heartbeat: 0,
          ...(isStretched(groupId) ? bothServe : {}),
        },
      ]),
    ),
  ),
  mounted: new Set(),
  vms: new Map(),
  testCopies: new Set(),
  files: new Map(),
  points: new Map(),
  done: new Map(),
  epochs: new Map(),
  operations: new Map(),
  delayMs: 0,
  cut: false,
});

export class ToyStore {
  source = newSide('source');
  target = newSide('target');
  /** VMs that went over, and were not started since. */
  readonly migrated = new Set<string>();
  #count = 0;

  /** A number that was never given before. */
  next(): number {
    this.#count += 1;
    return this.#count;
  }

  side(side: Side): ToySide {
    return this[side];
  }

  devicesOf(side: Side, ids: readonly string[]): ToyDevice[] {
    return ids.flatMap((id) => this[side].devices.get(id) ?? []);
  }
}

const stores = new Map<string, ToyStore>();

/** The store of a name: sessions find it by their configuration, as a remote by its address. */
export const storeOf = (name: string): ToyStore => {
  const store = stores.get(name) ?? new ToyStore();
  stores.set(name, store);
  return store;
};
