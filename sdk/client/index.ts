/** What recovery managers and tools import: `@siteswap/sdk/client`. */

export type { Member } from '../../proto/gen/siteswap/v1/cluster.ts';
export {
  type Fault,
  FaultKind,
  FaultOwner,
  type ItemFaults,
  Mode,
  type Policy,
  type PolicyAction,
  PolicyActionType,
  type PolicyRule,
  Reach,
  Side,
  Unit,
} from '../../proto/gen/siteswap/v1/common.ts';
export type { Violation } from '../../proto/gen/siteswap/v1/error.ts';
export {
  DelayDistribution,
  type InjectionEffect,
  InjectionEffectType,
  InjectionPhase,
  type InjectionRule,
  type InjectionRuleStatus,
  type InjectionStatus,
  type Toxic,
  ToxicType,
  WireStream,
} from '../../proto/gen/siteswap/v1/injection.ts';
export {
  Access,
  type Array,
  type Datastore,
  type Device,
  type DeviceRef,
  Direction,
  type DiscoverArraysRequest,
  type DiscoverArraysResponse,
  type DiscoverDevicesRequest,
  type DiscoverDevicesResponse,
  type DiscoveryProblem,
  Instance,
  type ListRemotesRequest,
  PairState,
  type Peer,
  type Plugin,
  type PluginProperties,
  PowerState,
  type RecoveryPoint,
  type Remote,
  RemoteHealth,
  RemoteKind,
  UpdateMode,
  type VerbSupport,
  type Vm,
} from '../../proto/gen/siteswap/v1/inventory.ts';
export {
  Departure,
  Execution,
  type MigrationFacts,
  MigrationVerdict,
  type ResolvedVm,
  type VmMigration,
} from '../../proto/gen/siteswap/v1/migration.ts';
export {
  type GateEnd,
  GateKind,
  type GroupRef,
  type Plan,
  type PlanLimits,
  type PlanOptions,
  PlanState,
  type PlanVm,
  type PreviewGate,
  type PreviewPlanResponse,
  type PreviewStep,
  type PreviewWorkgroup,
  type ProtectionGroup,
  type StoredPlan,
  Undo,
  type ValidatePlanResponse,
  type VmSelection,
} from '../../proto/gen/siteswap/v1/plan.ts';
export {
  type AdoptRequest,
  type Difference,
  DifferenceKind,
  type Inspection,
  type Standing,
} from '../../proto/gen/siteswap/v1/repair.ts';
export {
  type FailoverRequest,
  type FailoverResponse,
  type GroupTarget,
  type PrepareFailoverRequest,
  type PrepareFailoverResponse,
  type QuerySyncRequest,
  type RestoreRequest,
  type RestoreResponse,
  type ReverseRequest,
  type ReverseResponse,
  type SyncRequest,
  type SyncResponse,
  type SyncResult,
  SyncState,
  type SyncStatus,
  type TargetOpen,
  type TargetResult,
  type TargetSuccess,
  type TestFailoverStartRequest,
  type TestFailoverStartResponse,
  type TestFailoverStopRequest,
  type TestFailoverStopResponse,
} from '../../proto/gen/siteswap/v1/replication.ts';
export {
  type AcceptedOperation,
  type CancelRunRequest,
  Decision,
  DivergedChoice,
  type ItemEvidence,
  type ItemNote,
  ItemOutcome,
  type ItemReport,
  type ItemsUnknowable,
  type Progress,
  type ResumeRunRequest,
  type Run,
  RunDetail,
  type RunEvent,
  RunEventType,
  type RunReport,
  RunResult,
  RunStatus,
  type RunStep,
  type RunSummary,
  type StartRunRequest,
  type StartRunResponse,
  type StepTiming,
  TaskDirection,
  TaskStatus,
  type WatchRunResponse,
  type Workgroup,
} from '../../proto/gen/siteswap/v1/run.ts';
export {
  type Recovery,
  RecoveryState,
  type Site,
  type Writer,
  type WriterDevice,
} from '../../proto/gen/siteswap/v1/site.ts';
export type { CallOptions } from './channel.ts';
export { type ConnectOptions, connect, Serving, SiteswapClient } from './connect.ts';
export { CallError, type StatusName } from './errors.ts';
export { type GameDay, type GameDayRequest, playGameDay, type Reaction } from './game-day.ts';
export type { Inventory } from './inventory.ts';
export type { Plans } from './plans.ts';
export type { Repair } from './repair.ts';
export type { Replication } from './replication.ts';
export type { Runs } from './runs.ts';
export type { Declaration, Sites } from './sites.ts';
export type { WatchOptions } from './watch.ts';
