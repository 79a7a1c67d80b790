/**
 * Storage verbs for recovery managers that bring their own orchestration. Each changing call is a
 * run of one step; it answers when that run has ended or parked, with one result per target.
 */
import {
  type DeepPartial,
  FailoverRequest,
  type FailoverResponse,
  ListSnapshotsRequest,
  ReplicationServiceService as methods,
  PrepareFailoverRequest,
  type PrepareFailoverResponse,
  QuerySyncRequest,
  RemoveSnapshotRequest,
  type RemoveSnapshotResponse,
  RestoreRequest,
  type RestoreResponse,
  ResyncRequest,
  type ResyncResponse,
  ReverseRequest,
  type ReverseResponse,
  SetSitePreferenceRequest,
  type SetSitePreferenceResponse,
  type SnapshotsResult,
  SyncRequest,
  type SyncResponse,
  type SyncResult,
  TestFailoverStartRequest,
  type TestFailoverStartResponse,
  TestFailoverStopRequest,
  type TestFailoverStopResponse,
} from '../../proto/gen/siteswap/v1/replication.ts';
import type { CallOptions, Channel, Method } from './channel.ts';
import { replicationDeadlineMsDefault } from './limits.ts';

/** `client.replication` */
export class Replication {
  readonly #channel: Channel;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /**
   * Copies what changed since the last sync and leaves a recovery point at the target.
   *
   * @example
   * ```ts
   * const { runId, results } = await client.replication.sync({
   *   arrayId: 'east-array',
   *   targets: [{ id: 'cg-1' }, { id: 'cg-2' }],
   *   requester: 'me',
   *   requestKey: 'sync 4711',
   * });
   * for (const { targetId, outcome } of results) console.log(runId, targetId, outcome?.$case);
   * ```
   */
  async sync(request: DeepPartial<SyncRequest>, options?: CallOptions): Promise<SyncResponse> {
    return this.#run(methods.sync, SyncRequest.fromPartial(request), options);
  }

  /**
   * How far syncs are, and the newest recovery points. Changes nothing.
   *
   * @example
   * ```ts
   * const results = await client.replication.querySync({
   *   arrayId: 'east-array',
   *   targets: [{ id: 'cg-1' }],
   * });
   * for (const { targetId, outcome } of results) {
   *   if (outcome?.$case === 'status') console.log(targetId, outcome.value.state);
   * }
   * ```
   */
  async querySync(
    request: DeepPartial<QuerySyncRequest>,
    options?: CallOptions,
  ): Promise<SyncResult[]> {
    const whole = QuerySyncRequest.fromPartial(request);
    return (await this.#channel.unary(methods.querySync, whole, options)).results;
  }

  /**
   * Demotes the source: it refuses writers from now on.
   *
   * @example
   * ```ts
   * const { runId, results } = await client.replication.prepareFailover({
   *   arrayId: 'east-array',
   *   targets: [{ id: 'cg-1' }, { id: 'cg-2' }],
   *   requester: 'me',
   *   requestKey: 'prepareFailover 4711',
   * });
   * for (const { targetId, outcome } of results) console.log(runId, targetId, outcome?.$case);
   * ```
   */
  async prepareFailover(
    request: DeepPartial<PrepareFailoverRequest>,
    options?: CallOptions,
  ): Promise<PrepareFailoverResponse> {
    return this.#run(methods.prepareFailover, PrepareFailoverRequest.fromPartial(request), options);
  }

  /**
   * Promotes the target: it accepts writers from now on. `force` when the source is gone.
   *
   * @example
   * ```ts
   * const { runId, results } = await client.replication.failover({
   *   arrayId: 'west-array',
   *   targets: [{ id: 'cg-1' }, { id: 'cg-2' }],
   *   requester: 'me',
   *   requestKey: 'failover 4711',
   *   force: true,
   * });
   * for (const { targetId, outcome } of results) console.log(runId, targetId, outcome?.$case);
   * ```
   */
  async failover(
    request: DeepPartial<FailoverRequest>,
    options?: CallOptions,
  ): Promise<FailoverResponse> {
    return this.#run(methods.failover, FailoverRequest.fromPartial(request), options);
  }

  /**
   * Makes a writable copy of the replica while replication goes on.
   *
   * @example
   * ```ts
   * const { runId, results } = await client.replication.testFailoverStart({
   *   arrayId: 'west-array',
   *   targets: [{ id: 'cg-1' }, { id: 'cg-2' }],
   *   requester: 'me',
   *   requestKey: 'testFailoverStart 4711',
   * });
   * for (const { targetId, outcome } of results) console.log(runId, targetId, outcome?.$case);
   * ```
   */
  async testFailoverStart(
    request: DeepPartial<TestFailoverStartRequest>,
    options?: CallOptions,
  ): Promise<TestFailoverStartResponse> {
    return this.#run(
      methods.testFailoverStart,
      TestFailoverStartRequest.fromPartial(request),
      options,
    );
  }

  /**
   * Takes the test copy away.
   *
   * @example
   * ```ts
   * const { runId, results } = await client.replication.testFailoverStop({
   *   arrayId: 'west-array',
   *   targets: [{ id: 'cg-1' }, { id: 'cg-2' }],
   *   requester: 'me',
   *   requestKey: 'testFailoverStop 4711',
   * });
   * for (const { targetId, outcome } of results) console.log(runId, targetId, outcome?.$case);
   * ```
   */
  async testFailoverStop(
    request: DeepPartial<TestFailoverStopRequest>,
    options?: CallOptions,
  ): Promise<TestFailoverStopResponse> {
    return this.#run(
      methods.testFailoverStop,
      TestFailoverStopRequest.fromPartial(request),
      options,
    );
  }

  /**
   * Lets replication flow back, after a failover. Called at the promoted side.
   *
   * @example
   * ```ts
   * const { runId, results } = await client.replication.reverse({
   *   arrayId: 'west-array',
   *   targets: [{ id: 'cg-1' }, { id: 'cg-2' }],
   *   requester: 'me',
   *   requestKey: 'reverse 4711',
   * });
   * for (const { targetId, outcome } of results) console.log(runId, targetId, outcome?.$case);
   * ```
   */
  async reverse(
    request: DeepPartial<ReverseRequest>,
    options?: CallOptions,
  ): Promise<ReverseResponse> {
    return this.#run(methods.reverse, ReverseRequest.fromPartial(request), options);
  }

  /**
   * Copies everything that differs to the other end, of which a snapshot is made first: after data
   * went different ways, or when the replica is damaged. Called at the side whose data stays.
   *
   * @example
   * ```ts
   * const { runId, results } = await client.replication.resync({
   *   arrayId: 'west-array',
   *   targets: [{ id: 'cg-1' }],
   *   diverged: DivergedChoice.KEEP,
   *   requester: 'me',
   *   requestKey: 'resync 4711',
   * });
   * for (const { targetId, outcome } of results) console.log(runId, targetId, outcome?.$case);
   * ```
   */
  async resync(
    request: DeepPartial<ResyncRequest>,
    options?: CallOptions,
  ): Promise<ResyncResponse> {
    return this.#run(methods.resync, ResyncRequest.fromPartial(request), options);
  }

  /**
   * Gives devices their roles back, as the undo of `prepareFailover` and `failover`.
   *
   * @example
   * ```ts
   * const { runId, results } = await client.replication.restore({
   *   arrayId: 'east-array',
   *   targets: [{ id: 'cg-1' }, { id: 'cg-2' }],
   *   requester: 'me',
   *   requestKey: 'restore 4711',
   *   directions: { 'dev-1': Direction.OUTGOING },
   * });
   * for (const { targetId, outcome } of results) console.log(runId, targetId, outcome?.$case);
   * ```
   */
  async restore(
    request: DeepPartial<RestoreRequest>,
    options?: CallOptions,
  ): Promise<RestoreResponse> {
    return this.#run(methods.restore, RestoreRequest.fromPartial(request), options);
  }

  /**
   * Which site keeps serving stretched devices when the sites lose each other.
   *
   * @example
   * ```ts
   * const { runId, results } = await client.replication.setSitePreference({
   *   arrayId: 'east-array',
   *   targets: [{ id: 'cg-1' }, { id: 'cg-2' }],
   *   siteId: 'west',
   *   requester: 'me',
   *   requestKey: 'setSitePreference 4711',
   * });
   * for (const { targetId, outcome } of results) console.log(runId, targetId, outcome?.$case);
   * ```
   */
  async setSitePreference(
    request: DeepPartial<SetSitePreferenceRequest>,
    options?: CallOptions,
  ): Promise<SetSitePreferenceResponse> {
    const whole = SetSitePreferenceRequest.fromPartial(request);
    return this.#run(methods.setSitePreference, whole, options);
  }

  /**
   * The snapshots that an array holds of groups; with no target named, of every group that has
   * some. Changes nothing.
   *
   * @example
   * ```ts
   * const results = await client.replication.listSnapshots({ arrayId: 'east-array' });
   * for (const { targetId, outcome } of results) {
   *   if (outcome?.$case === 'snapshots') console.log(targetId, outcome.value.snapshots);
   * }
   * ```
   */
  async listSnapshots(
    request: DeepPartial<ListSnapshotsRequest>,
    options?: CallOptions,
  ): Promise<SnapshotsResult[]> {
    const whole = ListSnapshotsRequest.fromPartial(request);
    return (await this.#channel.unary(methods.listSnapshots, whole, options)).results;
  }

  /**
   * Removes the snapshots of a name, at the array that holds them.
   *
   * @example
   * ```ts
   * const { runId, results } = await client.replication.removeSnapshot({
   *   arrayId: 'east-array',
   *   targets: [{ id: 'cg-1' }],
   *   name: 'before-resync-1',
   *   requester: 'me',
   *   requestKey: 'removeSnapshot 4711',
   * });
   * for (const { targetId, outcome } of results) console.log(runId, targetId, outcome?.$case);
   * ```
   */
  async removeSnapshot(
    request: DeepPartial<RemoveSnapshotRequest>,
    options?: CallOptions,
  ): Promise<RemoveSnapshotResponse> {
    return this.#run(methods.removeSnapshot, RemoveSnapshotRequest.fromPartial(request), options);
  }

  #run<Q, A>(method: Method<Q, A>, request: Q, options?: CallOptions): Promise<A> {
    const patient = { deadlineMs: replicationDeadlineMsDefault, ...options };
    return this.#channel.unary(method, request, patient);
  }
}
