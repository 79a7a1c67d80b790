/**
 * Which threads a plugin's calls go to: always threads of its own, so that whatever it does to them
 * costs nobody else anything. Remotes that ask for the daemon's single instance share one thread,
 * the others the plugin's pool.
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
  /** One thread for a plugin, or as many as the configuration gives each. */
  readonly startGroup: (kind: 'single' | 'many', pluginId: string) => ThreadGroup;
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
  /** By plugin. */
  readonly #single = new Map<string, ThreadGroup>();
  readonly #many = new Map<string, ThreadGroup>();
  readonly #probes = new Map<string, Probe>();
  /** Remotes that want the single instance. */
  readonly #singles = new Set<string>();

  constructor(parts: PlacementParts) {
    this.#parts = parts;
  }

  /** Plugin id → one of its groups. */
  *groups(): Iterable<readonly [string, ThreadGroup]> {
    yield* this.#single;
    yield* this.#many;
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
    return this.#group(this.#singles.has(remoteId) ? 'single' : 'many', pluginId);
  }

  #group(kind: 'single' | 'many', pluginId: string): ThreadGroup {
    const groups = kind === 'single' ? this.#single : this.#many;
    let group = groups.get(pluginId);
    if (group === undefined) {
      group = this.#parts.startGroup(kind, pluginId);
      groups.set(pluginId, group);
    }
    return group;
  }

  async #probe(pluginId: string, module: string): Promise<ProbeResult> {
    const group = this.#group('single', pluginId);
    const result = this.#parts.probe(group, pluginId, module);
    const probe: Probe = { result, knownAtMs: 0 };
    this.#probes.set(pluginId, probe);
    probe.known = await result;
    probe.knownAtMs = this.#parts.clock.now();
    const singles = 'fault' in probe.known ? [] : probe.known.singles;
    for (const remoteId of singles) this.#singles.add(remoteId);
    if (singles.length === 0) {
      this.#single.delete(pluginId);
      group.close();
    }
    return probe.known;
  }
}
