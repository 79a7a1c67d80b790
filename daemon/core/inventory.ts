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

/**
 * An array's evidence as a journal tells it: recorded once, and changed since. Many changes may
 * follow each other, so each costs what it changes; the whole is made when somebody looks.
 */
export class ChangedEvidence implements RemoteEvidence {
  readonly remote: Remote;
  readonly arrays: readonly ArrayInfo[];
  readonly vms: readonly Vm[];
  readonly datastores: readonly Datastore[];
  readonly #base: RemoteEvidence;
  /** Device id → how it is now; undefined: it is gone. */
  readonly #changed = new Map<string, Device | undefined>();
  #observedAtMs: number;
  #devices: readonly Device[] | undefined;

  constructor(base: RemoteEvidence) {
    this.remote = base.remote;
    this.arrays = base.arrays;
    this.vms = base.vms;
    this.datastores = base.datastores;
    this.#base = base;
    this.#observedAtMs = base.observedAtMs;
  }

  get observedAtMs(): number {
    return this.#observedAtMs;
  }

  /** In the order of the recorded list; new ones stand at its end. */
  get devices(): readonly Device[] {
    if (this.#devices === undefined) {
      const left = new Map(this.#changed);
      const devices: Device[] = [];
      for (const device of this.#base.devices) {
        const now = left.has(device.id) ? left.get(device.id) : device;
        left.delete(device.id);
        if (now !== undefined) devices.push(now);
      }
      for (const device of left.values()) if (device !== undefined) devices.push(device);
      this.#devices = devices;
    }
    return this.#devices;
  }

  change(atMs: number, devices: readonly Device[], goneIds: readonly string[]): void {
    this.#observedAtMs = atMs;
    this.#devices = undefined;
    for (const id of goneIds) this.#changed.set(id, undefined);
    for (const device of devices) this.#changed.set(device.id, device);
  }

  toJSON(): RemoteEvidence {
    const { remote, observedAtMs, arrays, devices, vms, datastores } = this;
    return { remote, observedAtMs, arrays, devices, vms, datastores };
  }
}

/** The newest evidence of every remote that was ever heard. */
export type Inventory = ReadonlyMap<string, RemoteEvidence>;

/**
 * Evidence that is older says nothing of now: roles and health of pairs are `unknown` then. Ten
 * polls of a watcher that asks as it does by default.
 */
export const staleAfterMs = 5 * 60_000;
