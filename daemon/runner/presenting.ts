/**
 * The pool as the runner sees it when arrays are shown as something else than they are. What is
 * listed is translated here, where the record of sources stands; a command is translated in the
 * thread, around the gateway's door, by what was looked up here for it.
 *
 * A lookup is a listing that begins after its command came, so nothing is ever known from before a
 * change of roles; commands that come while one is under way share the next. The remote of a job is
 * never changed: limits and lost sites are those of the array that does the work (decision 0018).
 */
import type { Datastore, Device } from '../../sdk/plugin/model.ts';
import type { Clock } from '../core/clock.ts';
import type { StorageItem } from '../core/frozen.ts';
import {
  type Presentation,
  type Presentations,
  presentationsOf,
  renamesAt,
} from '../core/presentation.ts';
import { type End, type Ends, presentPaired } from '../present/ends.ts';
import { presentShared } from '../present/shared.ts';
import { packed } from '../workers/listing.ts';
import type {
  Job,
  JobFault,
  ListingJob,
  ListingResult,
  Pool,
  QueryJob,
  RemoteConfig,
  ResultOf,
  Staged,
  TaskJob,
} from '../workers/pool.ts';
import { Lookups } from './lookups.ts';
import { PoolLayer } from './pool-layer.ts';

interface PresentingParts {
  readonly pool: Pool;
  readonly remotes: readonly RemoteConfig[];
  readonly clock: Clock;
  /** Site of a shared device's source, as recorded; undefined: nothing is. */
  readonly sourceOf: (presentation: Presentation, deviceId: string) => string | undefined;
}

/** What a job names: ids of devices and groups, by array. */
type Named = ReadonlyMap<string, ReadonlySet<string>>;

/** The pool itself when nothing is shown as something else. */
export const presentingPool = (parts: PresentingParts): Pool => {
  const presentations = presentationsOf(parts.remotes);
  return presentations.size === 0 ? parts.pool : new PresentingPool(parts, presentations);
};

class PresentingPool extends PoolLayer {
  readonly #parts: PresentingParts;
  readonly #presentations: Presentations;
  readonly #remotes: ReadonlyMap<string, RemoteConfig>;
  readonly #lookups: Lookups;

  constructor(parts: PresentingParts, presentations: Presentations) {
    super(parts.pool);
    this.#parts = parts;
    this.#presentations = presentations;
    this.#remotes = new Map(parts.remotes.map((remote) => [remote.id, remote]));
    this.#lookups = new Lookups(parts.pool, presentations);
  }

  run<J extends Job>(job: J): Promise<ResultOf<J>> {
    return this.#run(job) as Promise<ResultOf<J>>;
  }

  /** What a job has to be translated by is looked up when it is run, and not ahead. */
  override stage(job: TaskJob, behind: TaskJob): Staged | undefined {
    return this.#named(job).size > 0 ? undefined : super.stage(job, behind);
  }

  async #run(job: Job): Promise<ResultOf<Job>> {
    if (job.kind === 'describe') return this.pool.run(job);
    return job.kind === 'listing' ? this.#list(job) : this.#command(job);
  }

  async #list(job: ListingJob): Promise<ListingResult | JobFault> {
    const { verb, remoteId } = job;
    const isShown = verb === 'discoverDevices' && this.#presentations.has(remoteId);
    if (!isShown && verb !== 'listDatastores') return this.pool.run(job);
    // What is shown depends on more than the list, which a plugin cannot vouch for.
    const { packedBy, runsOn: __, page: asked, ...question } = job;
    const { since: _, ...page } = asked;
    const result = await this.pool.run({ ...question, page });
    if (result.kind === 'fault') return result;
    const { revision: ___, ...told } = result;
    if (!isShown) return this.#datastores(job, told);
    const shown = this.#devices(remoteId, told);
    return packedBy === undefined ? shown : packed(shown, packedBy);
  }

  #devices(arrayId: string, result: ListingResult): ListingResult {
    const presentation = this.#presentations.get(arrayId);
    if (presentation === undefined) return result;
    const { as, first } = presentation;
    const source = (id: string) => this.#parts.sourceOf(presentation, id) ?? first.siteId;
    const shown = (device: Device): Device =>
      as === 'pair-as-stretched'
        ? presentPaired(presentation, arrayId, device)
        : presentShared(presentation, arrayId, device, source(device.id));
    return { ...result, items: (result.items as readonly Device[]).map(shown) };
  }

  /** A datastore stands on devices under the ids that their arrays show. */
  async #datastores(job: ListingJob, result: ListingResult): Promise<ListingResult | JobFault> {
    const datastores = result.items as readonly Datastore[];
    const arrays = new Map<string, Ends>();
    for (const { devices } of datastores) {
      for (const { arrayId } of devices) {
        if (arrays.has(arrayId) || !renamesAt(this.#presentations, arrayId)) continue;
        const found = await this.#lookups.ends(arrayId, job.timeoutMs);
        if ('fault' in found) return { kind: 'fault', ...found };
        arrays.set(arrayId, found.ends);
      }
    }
    if (arrays.size === 0) return result;
    const shown = ({ arrayId, deviceId }: Datastore['devices'][number]) => ({
      arrayId,
      deviceId: arrays.get(arrayId)?.of(deviceId)?.presented ?? deviceId,
    });
    const items = datastores.map((one) => ({ ...one, devices: one.devices.map(shown) }));
    return { ...result, items };
  }

  async #command(job: TaskJob | QueryJob): Promise<ResultOf<TaskJob | QueryJob>> {
    const { pool } = this;
    const { clock } = this.#parts;
    const named = this.#named(job);
    if (named.size === 0) return pool.run(job);
    const presentation = this.#presentations.get(job.remoteId);
    if (presentation?.as === 'shared-as-stretched') {
      const ids = [...(named.get(job.remoteId) ?? [])];
      const sources = Object.fromEntries(
        ids.flatMap((id) => {
          const siteId = this.#parts.sourceOf(presentation, id);
          return siteId === undefined ? [] : [[id, siteId]];
        }),
      );
      return pool.run({ ...job, shown: { sources } });
    }
    const dueMs = clock.now() + job.timeoutMs;
    const ends: End[] = [];
    for (const [arrayId, ids] of named) {
      const found = await this.#lookups.ends(arrayId, job.timeoutMs);
      if ('fault' in found) return { kind: 'fault', ...found };
      ends.push(...chosen(found.ends, ids));
    }
    const timeoutMs = Math.max(1, dueMs - clock.now());
    return pool.run({ ...job, timeoutMs, shown: { arrayIds: [...named.keys()], ends } });
  }

  #named(job: TaskJob | QueryJob): Named {
    const { remoteId } = job;
    const isCompute = this.#remotes.get(remoteId)?.kind === 'compute';
    const named = new Map<string, Set<string>>();
    const add = (arrayId: string, ids: readonly string[]): void => {
      const known = named.get(arrayId) ?? new Set();
      for (const id of ids) known.add(id);
      named.set(arrayId, known);
    };
    if (isCompute) {
      // Most steps at computes are on VMs: their items need not be read.
      if (job.kind === 'query' || !job.items.includes('"datastores"')) return named;
      for (const { arrayId, deviceId } of mountedBy(job)) {
        if (renamesAt(this.#presentations, arrayId)) add(arrayId, [deviceId]);
      }
    } else if (this.#presentations.has(remoteId)) {
      for (const { id, devices = [] } of groupsOf(job)) add(remoteId, [id, ...devices]);
    }
    return named;
  }
}

interface AnyGroup {
  readonly id: string;
  readonly devices?: readonly string[];
}

const groupsOf = (job: TaskJob | QueryJob): readonly AnyGroup[] => {
  if (job.kind === 'query') return job.targets;
  const items = JSON.parse(job.items) as readonly StorageItem[];
  return items.map((item) => item[job.side]);
};

/** Devices of the datastores of a storage workgroup, as the job's side has them. */
const mountedBy = (job: TaskJob) => {
  const items = JSON.parse(job.items) as readonly Partial<StorageItem>[];
  return items.flatMap(({ datastores = [] }) =>
    datastores.flatMap(({ protectedDevices, recoveryDevices }) =>
      job.side === 'protected' ? protectedDevices : recoveryDevices,
    ),
  );
};

/** The ends that are shown under one of the ids, or belong to the group of that id. */
const chosen = (ends: Ends, ids: ReadonlySet<string>): Iterable<End> => {
  const found = new Set<End>();
  for (const id of ids) {
    for (const end of ends.named(id)) found.add(end);
    for (const end of ends.inGroup(id)) found.add(end);
  }
  return found;
};
