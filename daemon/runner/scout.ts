/**
 * The scout asks remotes what they have and records the answers as evidence. Evidence is what plans
 * are frozen from; a disaster run lives on what was recorded before.
 */
import type { MigrationStatus } from '../../sdk/plugin/migration.ts';
import type { ArrayInfo, Datastore, FoundInstance, Snapshot, Vm } from '../../sdk/plugin/model.ts';
import type { SyncStatus, ValueAnswer, VmTarget } from '../../sdk/plugin/verbs.ts';
import type { Clock } from '../core/clock.ts';
import { SiteswapError } from '../core/errors.ts';
import {
  type Inventory,
  type Remote,
  type RemoteEvidence,
  staleAfterMs,
} from '../core/inventory.ts';
import type { Presentations } from '../core/presentation.ts';
import type {
  Described,
  PluginDescription,
  Pool,
  QueryJob,
  RemoteConfig,
} from '../workers/pool.ts';
import type { Catalog } from './catalog.ts';
import { ArrayEvidence, groupsOf } from './devices.ts';
import { failed, Lists, listingTimeoutMs, withHint } from './lists.ts';
import type { RunLog } from './log.ts';
import { Recorder } from './recorder.ts';
import type { DeviceRequest, PluginState, RemoteState } from './service.ts';

/** The import of a plugin: seconds, not minutes. */
const describeTimeoutMs = 15_000;

/** Groups that an array is asked about in one question. */
const groupsPerQueryMax = 1_000;

export interface PluginRef {
  readonly id: string;
  readonly module: string;
}

interface ScoutParts {
  readonly pool: Pool;
  readonly clock: Clock;
  readonly catalog: Catalog;
  readonly remotes: readonly RemoteConfig[];
  readonly plugins: readonly PluginRef[];
  readonly presentations: Presentations;
  readonly log: Pick<RunLog, 'remote' | 'plugin' | 'misconfigured'>;
}

export class Scout {
  readonly #parts: ScoutParts;
  readonly #lists: Lists;
  readonly #recorder: Recorder;
  readonly #described = new Map<string, Promise<PluginState>>();
  /** Plugin id → why it cannot be used, and what to do, as far as it was asked what it is. */
  readonly #problems = new Map<string, string>();
  /** Remote id → what its plugin says is wrong in its configuration. */
  readonly #misconfigured = new Map<string, string>();

  constructor(parts: ScoutParts) {
    this.#parts = parts;
    const { pool, clock, log } = parts;
    this.#lists = new Lists(pool, clock, (id, { message }) => {
      if (message !== this.#problemOf(this.remote(id))) log.remote(id, message);
    });
    this.#recorder = new Recorder({ ...parts, lists: this.#lists });
  }

  remote(remoteId: string): RemoteConfig {
    const remote = this.#parts.remotes.find(({ id }) => id === remoteId);
    if (remote !== undefined) return remote;
    throw new SiteswapError('REMOTE_NOT_FOUND', `no array or compute has the id "${remoteId}"`, {
      subject: remoteId,
    });
  }

  /** As `remote`, for what only an array can do. */
  storage(arrayId: string): RemoteConfig {
    const remote = this.remote(arrayId);
    if (remote.kind === 'array') return remote;
    const message = `no array has the id "${arrayId}": it is a compute`;
    throw new SiteswapError('REMOTE_NOT_FOUND', message, { subject: arrayId });
  }

  remotesAt(siteIds: readonly string[]): readonly RemoteConfig[] {
    return this.#parts.remotes.filter(({ siteId }) => siteIds.includes(siteId));
  }

  inventory(): Inventory {
    return this.#parts.catalog.state.inventory;
  }

  /** The same, as of when each remote last said so: what is heard again is not recorded twice. */
  heard(): Inventory {
    const heard = [...this.inventory().values()].map((one) => this.#recorder.confirmedOf(one));
    return new Map(heard.map((evidence) => [evidence.remote.id, evidence]));
  }

  /**
   * Asks what a plan over these arrays depends on, at once, as far as its site is not lost: the
   * arrays, their peers, and every compute of the sites, for a VM may run at any of them. Another
   * array's trouble is not the plan's. What does not answer is named. Answers the ids of them all.
   */
  async refresh(
    siteIds: readonly string[],
    arrayIds: readonly string[],
  ): Promise<ReadonlySet<string>> {
    const { lostSites } = this.#parts.catalog.state;
    const reachable = siteIds.filter((siteId) => !lostSites.has(siteId));
    const asked = new Set<string>();
    const learning = new Map<string, Promise<RemoteEvidence>>();
    const learn = ({ id }: RemoteConfig): Promise<RemoteEvidence> => {
      const found = learning.get(id) ?? this.learn(id);
      learning.set(id, found);
      return found;
    };
    for (let ids = new Set(arrayIds); ids.size > 0; ids = this.#peersOf(ids, asked)) {
      const concerned = this.remotesAt(reachable).filter(
        ({ id, kind }) => !asked.has(id) && (kind === 'compute' || ids.has(id)),
      );
      for (const id of [...ids, ...concerned.map((remote) => remote.id)]) asked.add(id);
      // Who was a peer the last time is asked along; it counts only if it still is one.
      const peers = this.#peersOf(ids, asked);
      for (const remote of this.remotesAt(reachable)) {
        if (peers.has(remote.id)) learn(remote).catch(() => {});
      }
      await Promise.all(concerned.map(learn));
    }
    return asked;
  }

  /** Arrays that hold peers of devices of these arrays, without those in `known`. */
  #peersOf(arrayIds: ReadonlySet<string>, known: ReadonlySet<string>): Set<string> {
    const peers = new Set<string>();
    for (const id of arrayIds) {
      for (const { peer } of this.inventory().get(id)?.devices ?? []) {
        if (peer !== undefined && !known.has(peer.arrayId)) peers.add(peer.arrayId);
      }
    }
    return peers;
  }

  /** `asks` false: what is recorded, or an error; nobody is asked. */
  async evidence(remoteId: string, fresh: boolean, asks = true): Promise<RemoteEvidence> {
    const remote = this.remote(remoteId);
    const recorded = this.#parts.catalog.state.inventory.get(remoteId);
    const lost = this.#parts.catalog.state.lostSites.has(remote.siteId);
    if (recorded !== undefined && (!fresh || lost)) return this.#recorder.confirmedOf(recorded);
    if (lost) throw this.#lost(remote);
    if (!asks) {
      const message = `nothing is recorded of ${remoteId} yet, and nobody was asked`;
      const hint = 'Ask it, without `recorded`.';
      throw new SiteswapError('REMOTE_UNREACHABLE', message, { subject: remoteId, hint });
    }
    return (await this.#askAndRecord(remote)).evidence;
  }

  /**
   * Asked now, or recorded where the site is lost, for who decides by what is recorded. Throws
   * JOURNAL_HELD when the answer could not be: what is on record may be long past.
   */
  async learn(remoteId: string): Promise<RemoteEvidence> {
    const remote = this.remote(remoteId);
    if (this.#parts.catalog.state.lostSites.has(remote.siteId))
      return this.evidence(remoteId, true);
    const { evidence, kept } = await this.#askAndRecord(remote);
    if (kept) return evidence;
    throw new SiteswapError('JOURNAL_HELD', `what ${remoteId} answered could not be recorded`);
  }

  async #askAndRecord(remote: RemoteConfig) {
    const turns = this.#recorder.turns(remote.id);
    return this.#recorder.record(await this.#ask(remote), turns);
  }

  /**
   * Devices as they come, in portions as the contract encodes them; the whole is recorded at the
   * end.
   */
  async *devices(arrayId: string, signal: AbortSignal): AsyncIterable<readonly Uint8Array[]> {
    const remote = this.storage(arrayId);
    if (this.#parts.catalog.state.lostSites.has(remote.siteId)) throw this.#lost(remote);
    const arrays = this.#lists.whole<ArrayInfo>(remote, 'discoverArrays');
    // It is waited for at the end; until then nobody hears of its failure.
    arrays.catch(() => {});
    const turns = this.#recorder.turns(arrayId);
    const listing = this.#lists.devices(remote);
    for (;;) {
      const { value, done } = await listing.next();
      if (signal.aborted) return;
      if (done) {
        const found = new ArrayEvidence(this.#headOf(remote, await arrays), value);
        await this.#recorder.record(found, turns);
        return;
      }
      yield value;
    }
  }

  /** How far the synchronisation of groups is; asks the array now. */
  querySync(
    arrayId: string,
    targets: DeviceRequest['targets'],
  ): Promise<readonly ValueAnswer<SyncStatus>[]> {
    return this.#ofGroups<SyncStatus>('syncStatus', arrayId, targets);
  }

  /** The snapshots of groups; without any named, of all that have some. Asks the array now. */
  async listSnapshots(
    arrayId: string,
    targets: DeviceRequest['targets'],
  ): Promise<readonly ValueAnswer<readonly Snapshot[]>[]> {
    const found = await this.#ofGroups<readonly Snapshot[]>('listSnapshots', arrayId, targets);
    if (targets.length > 0) return found;
    return found.filter((answer) => 'fault' in answer || answer.value.length > 0);
  }

  async #ofGroups<V>(
    verb: QueryJob['verb'],
    arrayId: string,
    targets: DeviceRequest['targets'],
  ): Promise<readonly ValueAnswer<V>[]> {
    const remote = this.storage(arrayId);
    if (this.#parts.catalog.state.lostSites.has(remote.siteId)) throw this.#lost(remote);
    const { devices } = await this.evidence(arrayId, false);
    const members = (id: string) =>
      devices.filter((device) => device.id === id || device.groupId === id).map(({ id }) => id);
    const named = targets.map(({ id, deviceIds }) => ({
      id,
      devices: deviceIds.length > 0 ? deviceIds : members(id),
    }));
    const groups = named.length > 0 ? named : groupsOf(devices);
    const answers: ValueAnswer<V>[] = [];
    for (let at = 0; at < groups.length; at += groupsPerQueryMax) {
      const some = groups.slice(at, at + groupsPerQueryMax);
      answers.push(...(await this.#query<V>(remote, verb, some)));
    }
    return answers;
  }

  /** What a compute knows of its VMs' migrations; asks it now. */
  async migrations(
    computeId: string,
    targets: readonly VmTarget[],
  ): Promise<readonly ValueAnswer<MigrationStatus>[]> {
    const remote = this.remote(computeId);
    if (this.#parts.catalog.state.lostSites.has(remote.siteId)) throw this.#lost(remote);
    return this.#query<MigrationStatus>(remote, 'migrationStatus', targets);
  }

  async #query<V>(
    remote: RemoteConfig,
    verb: QueryJob['verb'],
    targets: QueryJob['targets'],
    args: object = {},
  ): Promise<readonly ValueAnswer<V>[]> {
    const question = { kind: 'query', remoteId: remote.id, verb, targets, args } as const;
    const result = await this.#lists.run<QueryJob>({ ...question, timeoutMs: listingTimeoutMs });
    if (result.kind === 'fault') throw failed(remote, result.fault);
    return result.answers as readonly ValueAnswer<V>[];
  }

  /** What files of VMs the datastores of a compute hold; asks the compute now. */
  async findInstances(
    computeId: string,
    targets: readonly VmTarget[],
    digests: boolean,
  ): Promise<readonly ValueAnswer<readonly FoundInstance[]>[]> {
    const remote = this.remote(computeId);
    if (this.#parts.catalog.state.lostSites.has(remote.siteId)) throw this.#lost(remote);
    const args = { digests };
    return this.#query<readonly FoundInstance[]>(remote, 'findInstances', targets, args);
  }

  remoteStates(): readonly RemoteState[] {
    const { inventory, lostSites } = this.#parts.catalog.state;
    return this.#parts.remotes.map(({ id, kind, siteId, pluginId }) => {
      const heard = this.#lists.heard(id);
      const isOld = heard === undefined || this.#parts.clock.now() - heard.atMs > staleAfterMs;
      const problem = this.#problemOf({ id, pluginId });
      const said = isOld ? 'unknown' : heard.ok ? 'healthy' : 'unreachable';
      const health = problem === undefined ? said : 'unreachable';
      return {
        id,
        kind,
        siteId,
        pluginId,
        health: lostSites.has(siteId) ? 'lost' : health,
        message: problem ?? heard?.message ?? '',
        observedAtMs: heard?.atMs ?? inventory.get(id)?.observedAtMs ?? 0,
      };
    });
  }

  plugins(): Promise<readonly PluginState[]> {
    return Promise.all(this.#parts.plugins.map((plugin) => this.#describe(plugin)));
  }

  /** Asks each what it is, one after the other: nobody waits, and nobody is to be kept waiting. */
  async lookAtPlugins(): Promise<void> {
    for (const plugin of this.#parts.plugins) await this.#describe(plugin);
  }

  /** Remote id → what its plugin offers; remotes whose plugin does not work are left out. */
  async capabilities(
    remoteIds: ReadonlySet<string>,
  ): Promise<ReadonlyMap<string, PluginDescription['verbs']>> {
    const remotes = this.#parts.remotes.filter(({ id }) => remoteIds.has(id));
    const wanted = new Set(remotes.map(({ pluginId }) => pluginId));
    const asked = this.#parts.plugins.filter(({ id }) => wanted.has(id));
    const described = await Promise.all(asked.map((plugin) => this.#describe(plugin)));
    const plugins = new Map(described.map((plugin) => [plugin.id, plugin]));
    return new Map(
      remotes.flatMap(({ id, pluginId }) => {
        const verbs = plugins.get(pluginId)?.description?.verbs;
        return verbs === undefined ? [] : [[id, verbs] as const];
      }),
    );
  }

  /** A plugin that could not be described is asked again the next time. */
  async #describe({ id, module }: PluginRef): Promise<PluginState> {
    const known = this.#described.get(id);
    if (known !== undefined) return known;
    const asked = this.#parts.pool
      .run({ kind: 'describe', pluginId: id, module, timeoutMs: describeTimeoutMs })
      .then((result): PluginState => {
        if (result.kind !== 'fault') {
          this.#problems.delete(id);
          const { misconfigured, ...description } = result;
          const texts = this.#takeMisconfigured(misconfigured);
          return { id, module, description, problem: '', misconfigured: texts };
        }
        const problem = withHint(result.fault);
        const isNews = this.#problems.get(id) !== problem && result.fault.owner === 'plugin';
        if (isNews) this.#parts.log.plugin(id, problem);
        this.#problems.set(id, problem);
        this.#described.delete(id);
        return { id, module, problem, misconfigured: [] };
      });
    this.#described.set(id, asked);
    return asked;
  }

  /** What is known to be wrong, whoever asks the remote; it has been logged. */
  #problemOf({ id, pluginId }: Pick<RemoteConfig, 'id' | 'pluginId'>): string | undefined {
    return this.#problems.get(pluginId) ?? this.#misconfigured.get(id);
  }

  /** A plugin is described once: what is logged here is logged once. */
  #takeMisconfigured(faults: Described['misconfigured']): readonly string[] {
    const texts = Object.entries(faults).map(([id, fault]) => [id, withHint(fault)] as const);
    for (const [id, text] of texts) {
      this.#misconfigured.set(id, text);
      this.#parts.log.misconfigured(id, text);
    }
    return texts.map(([, text]) => text);
  }

  async #ask(remote: RemoteConfig): Promise<RemoteEvidence> {
    if (remote.kind === 'array') {
      const [arrays, list] = await Promise.all([
        this.#lists.whole<ArrayInfo>(remote, 'discoverArrays'),
        this.#lists.allDevices(remote),
      ]);
      return new ArrayEvidence(this.#headOf(remote, arrays), list);
    }
    const [vms, datastores] = await Promise.all([
      this.#lists.whole<Vm>(remote, 'listVms'),
      this.#lists.whole<Datastore>(remote, 'listDatastores'),
    ]);
    return { ...this.#headOf(remote, []), devices: [], vms, datastores };
  }

  #headOf({ id, kind, siteId, pluginId }: Remote, arrays: readonly ArrayInfo[]) {
    const observedAtMs = this.#parts.clock.now();
    return { remote: { id, kind, siteId, pluginId }, observedAtMs, arrays };
  }

  #lost(remote: RemoteConfig): SiteswapError {
    const message = `site "${remote.siteId}" of ${remote.id} is declared lost: it is not asked`;
    return new SiteswapError('SITE_LOST', message, { subject: remote.siteId });
  }
}
