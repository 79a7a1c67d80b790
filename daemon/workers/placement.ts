/**
 * Which threads a plugin's calls go to. All plugins share the pool's threads, except those that
 * ask for a single instance, and those that are suspected of having ended a thread: each of these
 * has a thread of its own, so that the next time it costs nobody else anything.
 *
 * Every plugin is first loaded in a thread of its own and asked what it is: an endless loop at
 * import is found there.
 */
import type { Clock } from '../core/clock.ts';
import { probeAgainMs } from './limits.ts';
import type { ProbeResult } from './messages.ts';
import type { ThreadGroup } from './thread-group.ts';

export interface PlacementParts {
  readonly clock: Clock;
  readonly shared: ThreadGroup;
  /** Starts a thread for one plugin only. */
  readonly ownGroup: (pluginId: string) => ThreadGroup;
  /** Never rejects: a thread that ends is a fault of the plugin. */
  readonly probe: (group: ThreadGroup, pluginId: string, module: string) => Promise<ProbeResult>;
}

interface Probe {
  readonly result: Promise<ProbeResult>;
  known?: ProbeResult;
  knownAtMs: number;
}

export class Placement {
  readonly #parts: PlacementParts;
  readonly #own = new Map<string, ThreadGroup>();
  readonly #probes = new Map<string, Probe>();
  readonly #isolated = new Set<string>();
  readonly #singles = new Set<string>();

  constructor(parts: PlacementParts) {
    this.#parts = parts;
  }

  get groups(): readonly ThreadGroup[] {
    return [this.#parts.shared, ...this.#own.values()];
  }

  /** What the plugin is; known at once after the first time. */
  describe(pluginId: string, module: string): ProbeResult | Promise<ProbeResult> {
    const probe = this.#probes.get(pluginId);
    if (probe === undefined) return this.#probe(pluginId, module);
    if (probe.known === undefined) return probe.result;
    const stale = this.#parts.clock.now() > probe.knownAtMs + probeAgainMs;
    return 'fault' in probe.known && stale ? this.#probe(pluginId, module) : probe.known;
  }

  groupFor(remoteId: string, pluginId: string): ThreadGroup {
    const apart = this.#isolated.has(pluginId) || this.#singles.has(remoteId);
    return apart ? this.#ownGroup(pluginId) : this.#parts.shared;
  }

  /** From now on the plugin's calls go to a thread of its own. */
  isolate(pluginId: string): void {
    this.#isolated.add(pluginId);
  }

  #ownGroup(pluginId: string): ThreadGroup {
    let group = this.#own.get(pluginId);
    if (group === undefined) {
      group = this.#parts.ownGroup(pluginId);
      this.#own.set(pluginId, group);
    }
    return group;
  }

  async #probe(pluginId: string, module: string): Promise<ProbeResult> {
    const group = this.#ownGroup(pluginId);
    const result = this.#parts.probe(group, pluginId, module);
    const probe: Probe = { result, knownAtMs: 0 };
    this.#probes.set(pluginId, probe);
    probe.known = await result;
    probe.knownAtMs = this.#parts.clock.now();
    const singles = 'fault' in probe.known ? [] : probe.known.singles;
    for (const remoteId of singles) this.#singles.add(remoteId);
    if (singles.length === 0 && !this.#isolated.has(pluginId)) {
      this.#own.delete(pluginId);
      group.close();
    }
    return probe.known;
  }
}
