/** Written by `npm run gen` from the option `kind` of each method; not changed by hand. */

export interface Method {
  readonly kind: 'monitoring' | 'changing' | 'local';
  /** Its request has a `run_id`. */
  readonly namesRun: boolean;
  /** Its answer is a stream. */
  readonly streams: boolean;
}

/** By path, as gRPC spells it. */
export const methods: Readonly<Record<string, Method>> = {
  '/siteswap.v1.ClusterService/ListMembers': {
    kind: 'monitoring',
    namesRun: false,
    streams: false,
  },
  '/siteswap.v1.ClusterService/DrainMember': {
    kind: 'changing',
    namesRun: false,
    streams: false,
  },
  '/siteswap.v1.InjectionService/EnableInjections': {
    kind: 'local',
    namesRun: false,
    streams: false,
  },
  '/siteswap.v1.InjectionService/DisableInjections': {
    kind: 'local',
    namesRun: false,
    streams: false,
  },
  '/siteswap.v1.InjectionService/AddInjectionRules': {
    kind: 'local',
    namesRun: false,
    streams: false,
  },
  '/siteswap.v1.InjectionService/RemoveInjectionRules': {
    kind: 'local',
    namesRun: false,
    streams: false,
  },
  '/siteswap.v1.InjectionService/ListInjectionRules': {
    kind: 'local',
    namesRun: false,
    streams: false,
  },
  '/siteswap.v1.InjectionService/GetInjectionStatus': {
    kind: 'local',
    namesRun: false,
    streams: false,
  },
  '/siteswap.v1.InjectionService/ReplayRun': {
    kind: 'local',
    namesRun: true,
    streams: false,
  },
  '/siteswap.v1.InventoryService/ListPlugins': {
    kind: 'monitoring',
    namesRun: false,
    streams: false,
  },
  '/siteswap.v1.InventoryService/ListSites': {
    kind: 'monitoring',
    namesRun: false,
    streams: false,
  },
  '/siteswap.v1.InventoryService/ListRemotes': {
    kind: 'monitoring',
    namesRun: false,
    streams: false,
  },
  '/siteswap.v1.InventoryService/DiscoverArrays': {
    kind: 'monitoring',
    namesRun: false,
    streams: true,
  },
  '/siteswap.v1.InventoryService/DiscoverDevices': {
    kind: 'monitoring',
    namesRun: false,
    streams: true,
  },
  '/siteswap.v1.InventoryService/WatchDevices': {
    kind: 'monitoring',
    namesRun: false,
    streams: true,
  },
  '/siteswap.v1.InventoryService/ListVms': {
    kind: 'monitoring',
    namesRun: false,
    streams: false,
  },
  '/siteswap.v1.InventoryService/ListDatastores': {
    kind: 'monitoring',
    namesRun: false,
    streams: false,
  },
  '/siteswap.v1.MigrationService/GetStatus': {
    kind: 'monitoring',
    namesRun: false,
    streams: false,
  },
  '/siteswap.v1.MigrationService/MigrateStorage': {
    kind: 'changing',
    namesRun: false,
    streams: false,
  },
  '/siteswap.v1.MigrationService/ResolveInstances': {
    kind: 'monitoring',
    namesRun: false,
    streams: false,
  },
  '/siteswap.v1.PlanService/CreatePlan': {
    kind: 'changing',
    namesRun: false,
    streams: false,
  },
  '/siteswap.v1.PlanService/GetPlan': {
    kind: 'monitoring',
    namesRun: false,
    streams: false,
  },
  '/siteswap.v1.PlanService/ListPlans': {
    kind: 'monitoring',
    namesRun: false,
    streams: false,
  },
  '/siteswap.v1.PlanService/UpdatePlan': {
    kind: 'changing',
    namesRun: false,
    streams: false,
  },
  '/siteswap.v1.PlanService/DeletePlan': {
    kind: 'changing',
    namesRun: false,
    streams: false,
  },
  '/siteswap.v1.PlanService/ValidatePlan': {
    kind: 'monitoring',
    namesRun: false,
    streams: false,
  },
  '/siteswap.v1.PlanService/PreviewPlan': {
    kind: 'monitoring',
    namesRun: false,
    streams: false,
  },
  '/siteswap.v1.RepairService/Inspect': {
    kind: 'monitoring',
    namesRun: false,
    streams: false,
  },
  '/siteswap.v1.RepairService/Adopt': {
    kind: 'changing',
    namesRun: false,
    streams: false,
  },
  '/siteswap.v1.ReplicationService/Sync': {
    kind: 'changing',
    namesRun: false,
    streams: false,
  },
  '/siteswap.v1.ReplicationService/QuerySync': {
    kind: 'monitoring',
    namesRun: false,
    streams: false,
  },
  '/siteswap.v1.ReplicationService/PrepareFailover': {
    kind: 'changing',
    namesRun: false,
    streams: false,
  },
  '/siteswap.v1.ReplicationService/Failover': {
    kind: 'changing',
    namesRun: false,
    streams: false,
  },
  '/siteswap.v1.ReplicationService/TestFailoverStart': {
    kind: 'changing',
    namesRun: false,
    streams: false,
  },
  '/siteswap.v1.ReplicationService/TestFailoverStop': {
    kind: 'changing',
    namesRun: false,
    streams: false,
  },
  '/siteswap.v1.ReplicationService/Reverse': {
    kind: 'changing',
    namesRun: false,
    streams: false,
  },
  '/siteswap.v1.ReplicationService/Resync': {
    kind: 'changing',
    namesRun: false,
    streams: false,
  },
  '/siteswap.v1.ReplicationService/Restore': {
    kind: 'changing',
    namesRun: false,
    streams: false,
  },
  '/siteswap.v1.ReplicationService/SetSitePreference': {
    kind: 'changing',
    namesRun: false,
    streams: false,
  },
  '/siteswap.v1.ReplicationService/ListSnapshots': {
    kind: 'monitoring',
    namesRun: false,
    streams: false,
  },
  '/siteswap.v1.ReplicationService/RemoveSnapshot': {
    kind: 'changing',
    namesRun: false,
    streams: false,
  },
  '/siteswap.v1.RunService/StartRun': {
    kind: 'changing',
    namesRun: false,
    streams: false,
  },
  '/siteswap.v1.RunService/GetRun': {
    kind: 'monitoring',
    namesRun: true,
    streams: false,
  },
  '/siteswap.v1.RunService/ListRuns': {
    kind: 'monitoring',
    namesRun: false,
    streams: false,
  },
  '/siteswap.v1.RunService/WatchRun': {
    kind: 'monitoring',
    namesRun: true,
    streams: true,
  },
  '/siteswap.v1.RunService/ResumeRun': {
    kind: 'changing',
    namesRun: true,
    streams: false,
  },
  '/siteswap.v1.RunService/CancelRun': {
    kind: 'changing',
    namesRun: true,
    streams: false,
  },
  '/siteswap.v1.RunService/ReportRun': {
    kind: 'monitoring',
    namesRun: true,
    streams: false,
  },
  '/siteswap.v1.SiteService/DeclareLost': {
    kind: 'changing',
    namesRun: false,
    streams: false,
  },
  '/siteswap.v1.SiteService/CheckLoss': {
    kind: 'monitoring',
    namesRun: false,
    streams: false,
  },
  '/siteswap.v1.SiteService/DeclareReachable': {
    kind: 'changing',
    namesRun: false,
    streams: false,
  },
  '/siteswap.v1.SiteService/ListRecoveries': {
    kind: 'monitoring',
    namesRun: false,
    streams: false,
  },
};
