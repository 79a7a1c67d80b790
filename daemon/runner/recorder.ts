/**
 * Records what remotes answered as evidence: once, when it is new. An answer may be older than what
 * was done meanwhile: what it says of the sources of shared devices counts only while nobody has
 * turned one since the question was asked.
 */
import { SiteswapError } from '../core/errors.ts';
import type { RemoteEvidence } from '../core/inventory.ts';
import type { Presentations } from '../core/presentation.ts';
import { sourcesSettled, turnsOf } from '../core/sources.ts';
import type { SystemEntry } from '../core/system.ts';
import type { Catalog } from './catalog.ts';
import { ArrayEvidence, heardAt } from './devices.ts';
import { sameFacts } from './facts.ts';
import { Lines } from './lines.ts';
import type { Lists } from './lists.ts';

interface RecorderParts {
  readonly catalog: Catalog;
  readonly presentations: Presentations;
  readonly lists: Lists;
}

/** What a remote answered, and whether it is on record. */
interface Recorded {
  readonly evidence: RemoteEvidence;
  readonly kept: boolean;
}

/** The whole, or what of an array's devices is different. */
const recordingOf = (found: RemoteEvidence, recorded: RemoteEvidence | undefined): SystemEntry => {
  const changed =
    found instanceof ArrayEvidence && recorded !== undefined ? found.since(recorded) : undefined;
  return changed ?? { type: 'inventory-recorded', at: found.observedAtMs, evidence: found };
};

export class Recorder {
  readonly #parts: RecorderParts;
  readonly #lines = new Lines();
  /** Remote id → when it last said what is recorded of it. */
  readonly #confirmed = new Map<string, number>();

  constructor(parts: RecorderParts) {
    this.#parts = parts;
  }

  /** Recorded once, and heard again since: the same evidence is not recorded twice. */
  confirmedOf(recorded: RemoteEvidence): RemoteEvidence {
    const atMs = this.#confirmed.get(recorded.remote.id) ?? 0;
    return atMs > recorded.observedAtMs ? heardAt(recorded, atMs) : recorded;
  }

  /** To be taken when a remote is asked, and handed to `record` with its answer. */
  turns(remoteId: string): number {
    const { catalog, presentations } = this.#parts;
    return turnsOf(presentations, catalog.state.sources, remoteId);
  }

  /**
   * Only what is new is journaled: the same answer again is the same evidence. A journal that is
   * held does not keep people from looking, but what it did not take is for nobody to decide by.
   */
  record(found: RemoteEvidence, turns: number): Promise<Recorded> {
    return this.#lines.run(found.remote.id, () => this.#recordNext(found, turns));
  }

  /** One after the other for each remote. */
  async #recordNext(found: RemoteEvidence, turns: number): Promise<Recorded> {
    const { id } = found.remote;
    const { catalog } = this.#parts;
    const { inventory } = catalog.state;
    const recorded = inventory.get(id);
    const kept = recorded !== undefined && sameFacts(found, recorded) ? recorded : undefined;
    if (kept !== undefined) this.#confirm(kept, found);
    else if (catalog.held) return { evidence: found, kept: false };
    else {
      // A change is told by what was before, which others must not have changed meanwhile.
      const before = catalog.isShared ? undefined : recorded;
      await catalog.append([recordingOf(found, before)], [], undefined, found);
    }
    if (!catalog.held) await this.#settleSources(found, turns);
    return { evidence: this.confirmedOf(inventory.get(id) ?? found), kept: true };
  }

  async #settleSources(found: RemoteEvidence, turns: number) {
    const { catalog, presentations } = this.#parts;
    const { remote, observedAtMs } = found;
    // Devices become objects only where somebody decides by them.
    if (!presentations.has(remote.id)) return;
    const { devices } = found;
    const news = () =>
      sourcesSettled(presentations, catalog.state.sources, remote.id, devices, observedAtMs);
    if (news().length === 0) return;
    await catalog.quiet();
    const still = () => this.turns(remote.id) === turns;
    if (!still()) return;
    try {
      await catalog.append(news(), [], still);
    } catch (error) {
      // Somebody turned one this very moment: the next look settles what is left.
      if (!(error instanceof SiteswapError && error.reason === 'CATALOG_MOVED')) throw error;
    }
  }

  /** It was heard again: what was recorded stands, with the lists that it has. */
  #confirm(kept: RemoteEvidence, found: RemoteEvidence): void {
    const { id, kind } = kept.remote;
    const { lists, catalog } = this.#parts;
    this.#confirmed.set(id, found.observedAtMs);
    if (kind === 'array') {
      lists.replace(id, 'discoverArrays', kept.arrays);
      // What was read from the journal stands as objects: from now on as bytes.
      if (kept instanceof ArrayEvidence) lists.replaceDevices(id, kept.list);
      else catalog.recast(heardAt(found, kept.observedAtMs));
    } else {
      lists.replace(id, 'listVms', kept.vms);
      lists.replace(id, 'listDatastores', kept.datastores);
    }
  }
}
