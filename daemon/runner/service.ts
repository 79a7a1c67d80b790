/** What the API asks of the engine. All answers are values; all errors are SiteswapError. */
import type { Fault } from '../../sdk/plugin/fault.ts';
import type { FoundInstance, Instance, Snapshot } from '../../sdk/plugin/model.ts';
import type { SyncStatus, ValueAnswer } from '../../sdk/plugin/verbs.ts';
import type { Rule } from '../../sdk/scenario/rule.ts';
import type { Standing } from '../core/adoption.ts';
import type { Decision } from '../core/entries.ts';
import type { Violation } from '../core/errors.ts';
import type { Resolution } from '../core/instances/resolve.ts';
import type { RemoteEvidence } from '../core/inventory.ts';
import type { Mode, Plan } from '../core/plan.ts';
import type { PlanState } from '../core/plan-state.ts';
import type { Policy } from '../core/policy.ts';
import type { DivergedChoice, RecoveryRecord, RecoveryState } from '../core/recovery.ts';
import type { Replay } from '../core/replay.ts';
import type { RunReport, RunSummary, RunView } from '../core/view.ts';
import type { EventPage } from '../feed/page.ts';
import type { JournalHealth } from '../journal/journal.ts';
import type { Member } from '../journal/shared.ts';
import type { Found, FrozenFound } from '../planner/freeze.ts';
import type { MovesAsked } from '../planner/freeze-moves.ts';
import type { VmMigration } from '../planner/migrated.ts';
import type { Looked } from '../planner/standing.ts';
import type { Writer } from '../planner/writers.ts';
import type { DeviceVerb } from '../steps/device.ts';
import type { PluginDescription, PoolHealth } from '../workers/pool.ts';
import type { InjectionStatus } from './injector.ts';

export interface StoredPlan {
  readonly plan: Plan;
  readonly etag: string;
  readonly savedAtMs: number;
  /** What may be run next, by the plan's own history. */
  readonly state: PlanState | 'testing' | 'running' | 'parked';
  readonly openRunId?: string;
}

export interface SiteState {
  readonly id: string;
  readonly name: string;
  readonly lost: boolean;
  readonly reason: string;
  readonly sinceMs: number;
  readonly declaredBy: string;
}

/** A plan whose sites were parted by a disaster run: who writes where, and what to do next. */
export interface Recovery extends RecoveryRecord {
  readonly state: RecoveryState;
  readonly oldWriter: Writer;
  readonly newWriter: Writer;
  readonly nextActions: readonly string[];
}

/** How a plan really stands, beside what the journal believes. */
export interface Inspection extends Looked {
  readonly planId: string;
  readonly believed: Pick<Standing, 'protectedSiteId' | 'recoverySiteId'> & {
    readonly state: PlanState;
  };
  readonly digest: string;
}

export interface AdoptRequest {
  readonly planId: string;
  readonly requester: string;
  readonly reason: string;
  /** Of the inspection that was shown. */
  readonly digest: string;
  /** Where both sites accept writers, the one whose data stays; empty: as it was shown. */
  readonly currentSiteId?: string;
  readonly requestId?: string;
}

export interface MigrationQuestion {
  readonly planId: string;
  /** Empty: every VM of the plan that has had a migration. */
  readonly vmIds: readonly string[];
}

export interface RecoveryFilter {
  readonly planId?: string;
  readonly siteId?: string;
  /** Tell what was recorded last; else the sites that can be asked are asked. */
  readonly recorded?: boolean;
}

export interface RemoteState {
  readonly id: string;
  readonly kind: 'array' | 'compute';
  readonly siteId: string;
  readonly pluginId: string;
  readonly health: 'unknown' | 'healthy' | 'unreachable' | 'lost';
  readonly message: string;
  readonly observedAtMs: number;
}

/** One daemon of several that share a journal. */
export interface MemberState extends Member {
  /** Entries of the catalog that it does not act on yet. */
  readonly lag: number;
}

export interface PluginState {
  readonly id: string;
  readonly module: string;
  /** Absent: it did not load; `problem` says why. */
  readonly description?: PluginDescription;
  readonly problem: string;
  /** What is wrong in the configuration of its arrays and computes, one text for each. */
  readonly misconfigured: readonly string[];
}

export interface StartRequest {
  readonly planId: string;
  readonly mode: Mode;
  readonly requester: string;
  /** Empty: one is made, and the call is not deduplicated. */
  readonly requestKey: string;
  /** Step name → policy, over the plan's. */
  readonly policies: Readonly<Record<string, Policy>>;
  /** What becomes of data that only a returned site holds. */
  readonly changes?: DivergedChoice;
}

export interface StartedRun {
  readonly runId: string;
  readonly existing: boolean;
  /** What the caller should know; empty when the run was there already. */
  readonly warnings: readonly Violation[];
}

export interface PlanFindings extends Found {
  /** With any of these the plan cannot be stored or run. */
  readonly problems: readonly Violation[];
}

export interface ResumeRequest {
  readonly requester: string;
  readonly decision: Decision;
  readonly policies: Readonly<Record<string, Policy>>;
  readonly requestId?: string;
}

export interface CancelRequest {
  readonly requester: string;
  readonly reason: string;
  readonly requestId?: string;
}

export interface DeviceRequest {
  readonly verb: DeviceVerb;
  readonly arrayId: string;
  /** Groups by id, with the devices; an id without devices is looked up in the inventory. */
  readonly targets: readonly { readonly id: string; readonly deviceIds: readonly string[] }[];
  readonly args: Readonly<Record<string, unknown>>;
  readonly requester: string;
  readonly requestKey: string;
  /** The caller's own initiator id; empty: one is made. */
  readonly initiatorId: string;
}

export interface StorageMigrationRequest extends MovesAsked {
  readonly requester: string;
  readonly requestKey: string;
}

export interface InstancesRequest {
  readonly computeId: string;
  readonly vmIds: readonly string[];
  /** As which the datastores are mounted: a test run mounts copies. */
  readonly instance: Instance;
}

/** Which copy of a VM would be chosen, and why; nothing is changed by asking. */
export interface ResolvedVm {
  readonly vmId: string;
  readonly copies: readonly FoundInstance[];
  readonly resolution: Resolution | { readonly kind: 'failed'; readonly fault: Fault };
}

export type { EventPage };

/**
 * What is needed to tell a run's entries by name, made from `run-started` and the splits so far.
 */
export interface RunDescription {
  readonly runId: string;
  readonly planId: string;
  readonly mode: Mode | 'device';
  readonly requester: string;
  readonly initiatorId: string;
  readonly startedAtMs: number;
  /** Sites that were declared lost when the run started. */
  readonly lostSites: readonly string[];
  /** Names by position. */
  readonly steps: readonly string[];
  /** By position; workgroups that were split off stand at the end, as they came. */
  readonly workgroups: readonly { readonly id: string; readonly itemIds: readonly string[] }[];
}

/** Failures on purpose, as people switch them. */
export interface Injections {
  readonly on: boolean;
  readonly seed: number;
  rules(): readonly Rule[];
  status(): InjectionStatus;
  /** `seed` 0: as it is; `forMs` 0: until somebody switches it off. */
  enable(requester: string, reason: string, seed: number, forMs: number): Promise<InjectionStatus>;
  /** Resolves when nothing is modified any more. */
  disable(requester: string, reason: string): Promise<InjectionStatus>;
  add(requester: string, rules: readonly Rule[]): Promise<InjectionStatus>;
  remove(requester: string, names: readonly string[]): Promise<InjectionStatus>;
}

/** What has a `requestId` is done once for each, whichever members it is asked of. */
export interface Engine {
  createPlan(plan: Plan, requestId?: string): Promise<StoredPlan>;
  updatePlan(plan: Plan, etag: string, requestId?: string): Promise<StoredPlan>;
  deletePlan(planId: string, etag: string, requestId?: string): Promise<void>;
  getPlan(planId: string): StoredPlan;
  listPlans(): readonly StoredPlan[];
  /** Every finding at once; touches nothing but discovery. */
  validatePlan(plan: Plan): Promise<PlanFindings>;
  /** What a run would do, and what is in its way now; touches nothing but discovery. */
  previewPlan(planId: string, mode: Mode): Promise<FrozenFound>;

  startRun(request: StartRequest): Promise<StartedRun>;
  startDeviceRun(
    request: DeviceRequest,
  ): Promise<{ readonly runId: string; readonly existing: boolean }>;
  /** `basic` leaves `workgroups` and `notes` empty, and costs the same for every size of run. */
  startStorageMigration(request: StorageMigrationRequest): Promise<StartedRun>;
  /** Changes nothing: what `resolve-instances` would choose among what is mounted now. */
  resolveInstances(request: InstancesRequest): Promise<readonly ResolvedVm[]>;
  getRun(runId: string, detail: 'basic' | 'full'): Promise<RunView>;
  describeRun(runId: string): Promise<RunDescription>;
  /** Newest first. */
  listRuns(filter: { readonly planId?: string; readonly openOnly: boolean }): readonly RunSummary[];
  resumeRun(runId: string, request: ResumeRequest): Promise<void>;
  cancelRun(runId: string, requester: string, reason: string, requestId?: string): Promise<void>;
  reportRun(runId: string): Promise<RunReport>;
  /** Pages of events after `cursor` (0: from the beginning); ends after the run's last one. */
  watchRun(runId: string, cursor: number, signal: AbortSignal): AsyncIterable<EventPage>;

  /** Ordered by id; none where this daemon is alone. */
  listMembers(): Promise<readonly MemberState[]>;
  drainMember(memberId: string): Promise<void>;

  listSites(): readonly SiteState[];
  declareLost(
    siteId: string,
    requester: string,
    reason: string,
    requestId?: string,
  ): Promise<SiteState>;
  /** What speaks against a loss; `asks`: arrays there are asked, briefly. Throws SITE_NOT_FOUND. */
  lossWarnings(siteId: string, asks: boolean): Promise<readonly Violation[]>;
  declareReachable(
    siteId: string,
    requester: string,
    reason: string,
    requestId?: string,
  ): Promise<SiteState>;

  /** Changes nothing. Ordered by plan id. */
  listRecoveries(filter: RecoveryFilter): Promise<readonly Recovery[]>;

  /** Where each VM is, by what its two computes say now. Changes nothing. Ordered by VM id. */
  migrations(question: MigrationQuestion): Promise<readonly VmMigration[]>;

  inspectPlan(planId: string): Promise<Inspection>;
  adoptPlan(request: AdoptRequest): Promise<StoredPlan>;

  readonly injections: Injections;
  /** Rules that make the faults of a run again. */
  replayRun(runId: string): Promise<Replay>;

  listPlugins(): Promise<readonly PluginState[]>;
  listRemotes(): readonly RemoteState[];
  /** Asks the remote, page by page; records what it said as evidence at the end. */
  /** In portions: `devices` of DiscoverDevicesResponse, as the contract encodes them. */
  discoverDevices(arrayId: string, signal: AbortSignal): AsyncIterable<readonly Uint8Array[]>;
  /** Fresh where the site can be asked, else the newest recorded; `asks` false: that alone. */
  evidence(remoteId: string, fresh: boolean, asks?: boolean): Promise<RemoteEvidence>;
  querySync(
    arrayId: string,
    targets: DeviceRequest['targets'],
  ): Promise<readonly ValueAnswer<SyncStatus>[]>;
  /** Without targets: of every group that has some. */
  listSnapshots(
    arrayId: string,
    targets: DeviceRequest['targets'],
  ): Promise<readonly ValueAnswer<readonly Snapshot[]>[]>;

  health(): {
    readonly journal: JournalHealth;
    readonly pool: PoolHealth;
    readonly openRuns: number;
  };
}
