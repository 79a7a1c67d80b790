/**
 * Defects that are put into the product on purpose, to see that the checkers can accuse: each is a
 * small change of a module's compiled text as it is loaded; nothing in the product knows of it.
 */
import type { CheckerName } from './checkers/index.ts';
import { mutantsOfMembers } from './members/mutants.ts';
import { mutantsBetweenRuns } from './mutants-between-runs.ts';

export interface Patch {
  /** Module under `dist`, without its ending. */
  readonly module: string;
  /** Must stand in it exactly once. */
  readonly find: string;
  readonly put: string;
}

export interface Mutant {
  readonly defect: string;
  /** So many daemons share a database; absent: one daemon. */
  readonly members?: number;
  readonly patches: readonly Patch[];
  /** Who must accuse, within `seedsMax`. */
  readonly caughtBy: CheckerName;
  /** Tried first: it showed the defect once, and still does unless the seeds have changed. */
  readonly shownBy?: number;
}

/** Seeds that a defect may survive. */
export const seedsMax = 150;

const demoteNothing: Patch = {
  module: 'daemon/steps/demote-source',
  find: "(call) => changeGroups(call, 'prepareFailover')",
  put: 'async (call) => call.items.map(({ id }) => ({ id, ok: true }))',
};

const alwaysForce: Patch = {
  module: 'daemon/steps/promote-target',
  find: "force: call.mode === 'disaster'",
  put: 'force: true',
};

const stopNothing: Patch = {
  module: 'daemon/steps/shut-down',
  find: '    run: runShutDown,',
  put: '    run: async (call) => call.items.map(({ id }) => ({ id, ok: true })),',
};

const syncNothing: Patch = {
  module: 'daemon/steps/syncing',
  find: "(call) => changeGroups(call, 'sync')",
  put: 'async (call) => call.items.map(({ id }) => ({ id, ok: true }))',
};

/** Whatever a sync has reached counts as the last bytes. */
const proveNothing: Patch = {
  module: 'daemon/steps/proof',
  find: 'pointAtMs === undefined || atMs > pointAtMs : atMs >= clockMs',
  put: 'true : true',
};

const seeNothing: Patch = {
  module: 'daemon/steps/verify',
  find: "'fault' in answer ? answer : judge(item, answer.value, call.instance)",
  put: '{ id: item.id, ok: true }',
};

const preferNothing: Patch = {
  module: 'daemon/steps/switch-site-preference',
  find: "run: (call) => changeGroups(call, 'setSitePreference', target(call))",
  put: 'run: async (call) => call.items.map(({ id }) => ({ id, ok: true }))',
};

export const mutants: readonly Mutant[] = [
  {
    defect: 'a VM whose placeholder stands at its destination counts as migrated',
    patches: [
      {
        module: 'daemon/core/migration',
        find: 'if (started && placeholder && completed)',
        put: 'if (started && placeholder)',
      },
    ],
    caughtBy: 'migrated-is-migrated',
  },
  {
    defect: 'of two copies of a VM the last one found is started',
    patches: [
      {
        module: 'daemon/steps/resolve-instances',
        find: 'datastoreIds: resolution.datastoreIds }',
        put: 'datastoreIds: [answer.value.at(-1).datastoreId] }',
      },
    ],
    caughtBy: 'right-copy',
    shownBy: 56,
  },
  {
    defect: 'the record of a shared device does not turn with its preference',
    patches: [
      {
        module: 'daemon/core/sources',
        find: "    'switch-site-preference',\n",
        put: '',
      },
    ],
    caughtBy: 'one-source',
  },
  {
    defect: 'the lost side of stretched storage is not fenced',
    patches: [
      {
        module: 'daemon/steps/fence-lost-side',
        find: "run: (call) => changeGroups(call, 'fence')",
        put: 'run: async (call) => call.items.map(({ id }) => ({ id, ok: true }))',
      },
    ],
    caughtBy: 'returning-writer-fails',
  },
  {
    defect: 'VMs of the site that is back are switched on, not off',
    patches: [
      {
        module: 'daemon/steps/gone',
        find: 'await changeVms(call, verb)',
        put: "await changeVms(call, call.instance === 'test' ? verb : 'powerOn')",
      },
    ],
    caughtBy: 'nothing-starts-there',
  },
  {
    defect: 'the preference of a device is not switched, and its VMs go over',
    patches: [preferNothing],
    caughtBy: 'preference-first',
  },
  {
    defect: 'the source is not demoted, and its copy promoted by force',
    patches: [demoteNothing, alwaysForce],
    caughtBy: 'never-two-writers',
  },
  {
    defect: 'the last bytes are not copied nor asked for, and the copy promoted by force',
    patches: [syncNothing, proveNothing, alwaysForce],
    caughtBy: 'no-heartbeat-lost',
  },
  {
    defect: 'calls are made before their intents are durable',
    patches: [
      {
        module: 'daemon/runner/agent',
        find: 'if (batch.length > 0)\n            await this.#append(batch);',
        put: 'if (batch.length > 0)\n            void this.#append(batch);',
      },
    ],
    caughtBy: 'intent-before-call',
  },
  {
    defect: 'a rerun repeats what was done already',
    patches: [
      {
        module: 'daemon/core/engine/fold',
        find: 'makeDue(group.task, positions);\n            group.task.retryAtMs',
        put: 'makeDue(group.task, [...group.live]);\n            group.task.retryAtMs',
      },
    ],
    caughtBy: 'done-once',
    shownBy: 31,
  },
  {
    defect: 'VMs do not wait for those that they depend on',
    patches: [
      {
        module: 'daemon/planner/gates',
        find: 'registry.get(step.name)?.dependencies !== true',
        put: 'registry.get(step.name)?.dependencies !== "never"',
      },
    ],
    caughtBy: 'dependencies-first',
  },
  {
    defect: 'threads are not told that a site is lost',
    patches: [
      {
        module: 'daemon/workers/inline',
        find: 'isLost: (siteId) => lost.has(siteId)',
        put: 'isLost: () => false',
      },
      {
        module: 'daemon/workers/inline',
        find: 'gateway.siteLost(siteId);',
        put: '',
      },
    ],
    caughtBy: 'no-call-to-lost-site',
    shownBy: 67,
  },
  {
    defect: 'VMs count as off that nobody stopped',
    patches: [stopNothing],
    caughtBy: 'no-writer-at-final-sync',
  },
  {
    defect: 'VMs count as on that nobody started',
    patches: [
      {
        module: 'daemon/steps/power-on',
        find: 'evidence }), startVms)',
        put: 'evidence }), async (call) => call.items.map(({ id }) => ({ id, ok: true })))',
      },
      seeNothing,
    ],
    caughtBy: 'every-vm-once-or-reported',
  },
  {
    defect: 'a run is parked with calls in flight',
    patches: [
      {
        module: 'daemon/core/engine/decide',
        find: 'const moving = tally.started + tally.prepared',
        put: 'const moving = 0',
      },
    ],
    caughtBy: 'parked-is-at-rest',
  },
  {
    defect: 'what can still land counts as without effect',
    patches: [
      {
        module: 'daemon/workers/fold',
        find: "verdict === 'running')\n            gathering.running.push({ item: position });",
        put: "verdict === 'running')\n            gathering.absent.push(position);",
      },
    ],
    caughtBy: 'not-built-upon',
    shownBy: 33,
  },
  {
    defect: 'a rollback starts VMs that were not on',
    patches: [
      {
        module: 'daemon/steps/shut-down',
        find: "call.before[item.id] === 'on'",
        put: "call.before[item.id] === 'off'",
      },
    ],
    caughtBy: 'rollback-restores',
  },
  {
    defect: 'the report calls done what failed',
    patches: [
      {
        module: 'daemon/core/engine/report',
        find: "outcome: note?.state ?? (done ? 'done' : 'stopped')",
        put: "outcome: 'done'",
      },
    ],
    caughtBy: 'api-equals-lab',
  },
  {
    defect: 'every run has the same initiator id',
    patches: [
      {
        module: 'daemon/runner/starts',
        find: "request.initiatorId === '' ? random.id() : request.initiatorId",
        put: "'the-same'",
      },
    ],
    caughtBy: 'run-again-converges',
  },
  {
    defect: 'a request that is asked again opens another run',
    patches: [
      {
        module: 'daemon/runner/starts',
        find: 'if (known !== undefined) {',
        put: 'if (known === "never") {',
      },
    ],
    caughtBy: 'one-run-per-request',
  },
  {
    defect: 'a watcher that comes again misses an event',
    patches: [
      {
        module: 'daemon/feed/feed',
        find: 'let next = cursor + 1;\n        let',
        put: 'let next = cursor > 0 ? cursor + 2 : 1;\n        let',
      },
    ],
    caughtBy: 'no-gap-in-events',
  },
  {
    defect: 'VMs that run are said not to',
    patches: [
      {
        module: 'daemon/steps/verify',
        find: "if (status.power === 'off')",
        put: "if (status.power === 'on')",
      },
    ],
    caughtBy: 'calm-succeeds',
    shownBy: 21,
  },
  {
    defect: 'the transition table lacks an answer',
    patches: [
      {
        module: 'daemon/core/engine/table',
        find: "doubt: {\n        'task-settled': answered,",
        put: 'doubt: {',
      },
    ],
    caughtBy: 'no-defect',
  },
  {
    defect: 'nobody wakes what backs off',
    patches: [
      {
        module: 'daemon/runner/agent',
        find: 'if (decisions.wakeAtMs !== undefined)',
        put: 'if (decisions.wakeAtMs === 0)',
      },
    ],
    caughtBy: 'all-comes-to-an-end',
  },
  {
    defect: 'what was in flight at a crash is not taken up again',
    patches: [
      {
        module: 'daemon/runner/runs',
        find: "agent.interruptAll('the daemon ended while the call was in flight');",
        put: '',
      },
    ],
    caughtBy: 'all-comes-to-an-end',
  },
  {
    defect: 'a step begins beside an outcome whatever holds it',
    patches: [
      {
        module: 'daemon/core/engine/ahead',
        find: 'siteIsLostAt(state, step) || mayLoseAt(state, group, step)',
        put: 'siteIsLostAt(state, step)',
      },
      {
        module: 'daemon/core/engine/ahead',
        find: 'closedGate(state.gates, group.index, step) === undefined ? step',
        put: 'closedGate(state.gates, group.index, -1) === undefined ? step',
      },
    ],
    caughtBy: 'no-writer-at-final-sync',
  },
  ...mutantsBetweenRuns,
  ...mutantsOfMembers,
];
