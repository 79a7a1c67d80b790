/** What discovery found, with where and when: the evidence that plans are frozen from. */
import type { ArrayInfo, Datastore, Device, Vm } from '../../sdk/plugin/model.ts';

/**
 * An array or a compute, as the daemon's configuration names it: what a plugin session talks to.
 */
export interface Remote {
  readonly id: string;
  readonly kind: 'array' | 'compute';
  readonly siteId: string;
  /** Id of the plugin in the daemon's configuration. */
  readonly pluginId: string;
}

/** What one remote said of itself, whole, at one moment. */
export interface RemoteEvidence {
  readonly remote: Remote;
  readonly observedAtMs: number;
  readonly arrays: readonly ArrayInfo[];
  readonly devices: readonly Device[];
  readonly vms: readonly Vm[];
  readonly datastores: readonly Datastore[];
}

/** The newest evidence of every remote that was ever heard. */
export type Inventory = ReadonlyMap<string, RemoteEvidence>;

/**
 * Evidence that is older says nothing of now: roles and health of pairs are `unknown` then. Ten
 * polls of a watcher that asks as it does by default.
 */
export const staleAfterMs = 5 * 60_000;
