/** A small world for tests of the API: two sites, one plan, one frozen run. */
import type { FrozenRun, StorageItem } from '../../daemon/core/frozen.ts';
import type { Plan } from '../../daemon/core/plan.ts';
import { defaultPolicy, rerun, rollback } from '../../daemon/core/policy.ts';
import type { ItemReport, RunView } from '../../daemon/core/view.ts';
import { defaultOptions } from '../../daemon/planner/defaults.ts';
import type { RemoteState, SiteState } from '../../daemon/runner/service.ts';

/** When everything in this world was done. */
export const startedAtMs = Date.UTC(2026, 4, 3);

export const sites: readonly SiteState[] = ['east', 'west'].map((id) => ({
  id,
  name: `The ${id}`,
  lost: false,
  reason: '',
  sinceMs: 0,
  declaredBy: '',
}));

export const remotes: readonly RemoteState[] = ['east', 'west'].flatMap((siteId) =>
  (['array', 'compute'] as const).map((kind) => ({
    id: `${siteId}-${kind}`,
    kind,
    siteId,
    pluginId: 'lab',
    health: 'healthy',
    message: '',
    observedAtMs: 0,
  })),
);

export const samplePlan = (id: string): Plan => ({
  id,
  name: 'ERP',
  protectedSiteId: 'east',
  recoverySiteId: 'west',
  protectionGroups: [
    {
      id: 'data',
      groups: [{ arrayId: 'east-array', id: 'cg-1' }],
      vms: [{ id: 'vm-a', priority: 1, dependsOn: ['vm-b'] }],
    },
  ],
  policies: {
    'promote-target': {
      rules: [
        { kinds: ['busy'], do: rerun({ attemptsMax: 5, delayMsMin: 100, delayMsMax: 1_000 }) },
        { codes: ['E42'], do: { action: 'continue' } },
      ],
      otherwise: rollback('protection-group'),
    },
  },
  options: { ...defaultOptions, release: { kind: 'batch', size: 4 } },
});

const item = (id: string): StorageItem => ({
  id,
  protected: { id, devices: [`${id}-dev`] },
  recovery: { id, devices: [`${id}-dev`] },
  datastores: [],
});

const remoteIds = {
  protectedArrayId: 'east-array',
  recoveryArrayId: 'west-array',
  protectedComputeId: 'east-compute',
  recoveryComputeId: 'west-compute',
};

export const frozenRun = (planId: string): FrozenRun => ({
  mode: 'planned',
  planId,
  protectedSiteId: 'east',
  recoverySiteId: 'west',
  steps: [
    {
      name: 'promote-target',
      unit: 'storage',
      side: 'recovery',
      remote: 'array',
      timeoutMs: 120_000,
      before: true,
      undo: 'undo',
      policy: defaultPolicy,
      inFlightMax: 64,
    },
  ],
  workgroups: [
    {
      id: 's1',
      unit: 'storage',
      protectionGroupId: 'data',
      storage: 0,
      priority: 1,
      items: [item('cg-1'), item('cg-2')],
      dependsOn: [],
      ...remoteIds,
    },
    {
      id: 'v1',
      unit: 'vm',
      protectionGroupId: 'data',
      storage: 0,
      priority: 1,
      items: [{ id: 'vm-a', on: [0], datastoreIds: ['ds-1'] }],
      dependsOn: [[0, 1]],
      ...remoteIds,
    },
  ],
  gates: [
    {
      kind: 'stands-on',
      waits: { step: 0, workgroups: [0] },
      holds: { step: 0, workgroups: [1] },
    },
  ],
  inFlightMax: { 'west-array': 64 },
});

/** The report of a group that was promoted. */
export const itemDone = (itemId: string): ItemReport => ({
  itemId,
  unit: 'storage',
  protectionGroupId: 'data',
  workgroupId: 's1',
  outcome: 'done',
  evidence: { recoveryPoint: 'rp-1', recoveryPointAtMs: startedAtMs, forced: false },
  why: '',
});

/** A run of the plan `erp` that has just begun. */
export const runView = (runId: string, startedAtMs: number): RunView => ({
  runId,
  planId: 'erp',
  mode: 'planned',
  status: 'running',
  requester: 'ann',
  requestKey: '',
  initiatorId: 'initiator-1',
  startedAtMs,
  protectedSiteId: 'east',
  recoverySiteId: 'west',
  steps: [],
  workgroups: [],
  workgroupsTotal: 0,
  attention: '',
  decisionsAllowed: [],
  notes: [],
  notesTotal: 0,
  cursor: 0,
});
