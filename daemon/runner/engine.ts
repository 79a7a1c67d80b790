/** The engine as the API sees it: every question and every act, handed to whom it concerns. */
import type { MemberLease } from '../cluster/lease.ts';
import type { Clock } from '../core/clock.ts';
import { SiteswapError } from '../core/errors.ts';
import { presentationsOf } from '../core/presentation.ts';
import type { Random } from '../core/random.ts';
import { type Retention, retentionDefault } from '../core/retention.ts';
import { sourceOf } from '../core/sources.ts';
import type { Feed } from '../feed/feed.ts';
import type { Journal } from '../journal/journal.ts';
import type { ModeSteps } from '../planner/freeze.ts';
import type { Pool, RemoteConfig } from '../workers/pool.ts';
import { Catalog, markOf } from './catalog.ts';
import type { Draws } from './draws.ts';
import { EndedRuns } from './ended.ts';
import { InjectingPool } from './injecting.ts';
import { Injector } from './injector.ts';
import { resolveAt } from './instances.ts';
import { licensedPool } from './licensed.ts';
import type { RunLog } from './log.ts';
import { Losses } from './losses.ts';
import { Membership } from './membership.ts';
import { Migrations } from './migrations.ts';
import { OpenCalls } from './open-calls.ts';
import { Plans } from './plans.ts';
import { presentingPool } from './presenting.ts';
import { Recoveries } from './recoveries.ts';
import { Repairs } from './repairs.ts';
import { Keeper } from './retention.ts';
import { type Executed, Runs } from './runs.ts';
import { type PluginRef, Scout } from './scout.ts';
import type { Engine } from './service.ts';
import { type SiteRef, Sites } from './sites.ts';
import { Starts } from './starts.ts';
import { Steering } from './steering.ts';

export interface EngineParts {
  readonly journal: Journal;
  readonly pool: Pool;
  readonly feed: Feed;
  readonly clock: Clock;
  readonly random: Random;
  readonly draws: Draws;
  readonly log: RunLog;
  readonly ownSiteId: string;
  readonly sites: readonly SiteRef[];
  readonly plugins: readonly PluginRef[];
  readonly remotes: readonly RemoteConfig[];
  /** Whether a text holds a secret of the configuration. */
  readonly holdsSecret?: (text: string) => boolean;
  /** How long ended runs are kept; without it, as the limits say. */
  readonly retention?: Retention;
  /** This daemon's lease as one member of several; absent: it is alone. */
  readonly lease?: MemberLease;
  /** Which runs were executed here; absent: nobody asks. */
  readonly executed?: Executed;
  /** In place of the registry's, for benches. */
  readonly modeSteps?: ModeSteps;
}

/** The engine, and what only the daemon itself may do with it. */
export interface RunningEngine extends Engine {
  /**
   * Of an open run: whether this member drives it, and may; of one that has ended: whether it did.
   */
  executes(runId: string): boolean;
  /** Whether a run is neither ended nor unknown. */
  isOpen(runId: string): boolean;
  /** It hands over what it has, or has lost its place. */
  leaving(): boolean;
  /** The agent of a run is lost and rebuilt from the journal. */
  replaceAgent(runId: string): Promise<void>;
  /** Resolves when nothing is left to be forgotten for now. */
  tidied(): Promise<void>;
  /** Finds out, and logs, what is wrong with plugins and with what they say of configurations. */
  lookAtPlugins(): Promise<void>;
  close(): Promise<void>;
}

/** Under a lease nothing is dispatched that may be another member's by now. */
const underLease = (given: EngineParts, epochOf: (runId: string) => number | undefined): Pool =>
  given.lease === undefined ? given.pool : licensedPool(given.pool, given.lease, epochOf);

/** This daemon among others, where the journal has several. */
const membershipOf = (
  { lease, journal: { shared } }: EngineParts,
  parts: Omit<ConstructorParameters<typeof Membership>[0], 'lease' | 'shared'>,
): Membership | undefined => {
  if (lease === undefined || shared === undefined) return undefined;
  const membership = new Membership({ ...parts, lease, shared });
  parts.sites.others = membership;
  return membership;
};

/** What stands between the runner and arrays that are shown as something else than they are. */
const presented = (given: EngineParts, catalog: Catalog) => {
  const { remotes, clock } = given;
  const { state } = catalog;
  return {
    presentations: presentationsOf(remotes),
    pool: presentingPool({
      pool: new InjectingPool({ ...given, catalog }),
      remotes,
      clock,
      sourceOf: (presentation, deviceId) => sourceOf(state.sources, presentation, deviceId),
    }),
  };
};

/** Everything that the engine consists of, and nothing has begun. */
const assemble = async (given: EngineParts) => {
  const catalog = await Catalog.open(given.journal);
  if (catalog.nextSeq === 1) given.log.begun();
  const pool = underLease(given, (runId) => runs.epochOf(runId));
  const parts = { ...given, ...presented({ ...given, pool }, catalog) };
  const ended = new EndedRuns();
  const retention = parts.retention ?? retentionDefault;
  const keeper = new Keeper({ ...parts, catalog, ended, retention });
  const runs: Runs = new Runs({ ...parts, catalog, ended, keeper });
  const scout = new Scout({ ...parts, catalog });
  const sites = new Sites({ ...parts, catalog, runs });
  const losses = new Losses({ ...parts, sites, scout });
  const recoveries = new Recoveries({ catalog, scout, sites });
  const steering = new Steering({ ...parts, catalog, runs });
  const openCalls = new OpenCalls({ ...parts, catalog, runs });
  const starts = new Starts({ ...parts, catalog, runs, scout, steering, openCalls, recoveries });
  const repairs = new Repairs({ ...parts, catalog, scout });
  const migrations = new Migrations({ catalog, scout });
  const siteIds = new Set(parts.sites.map(({ id }) => id));
  const injections = new Injector({ ...parts, catalog });
  const arrays = parts.remotes.filter(({ kind }) => kind === 'array');
  const arrayIds = new Set(arrays.map(({ id }) => id));
  const plans = new Plans({ ...parts, catalog, runs, starts, siteIds, arrayIds });
  const membership = membershipOf(given, { ...parts, catalog, runs, sites });
  const questions = { injections, losses, membership, migrations, recoveries, repairs };
  return { ...parts, ...questions, catalog, keeper, runs, scout, sites, starts, steering, plans };
};

type Looks = Pick<
  RunningEngine,
  | 'listRecoveries'
  | 'migrations'
  | 'inspectPlan'
  | 'injections'
  | 'replayRun'
  | 'listPlugins'
  | 'lookAtPlugins'
>;

/** Questions about how plans and plugins stand, which change nothing. */
const looksOf = ({
  injections,
  migrations,
  recoveries,
  repairs,
  runs,
  scout,
}: Awaited<ReturnType<typeof assemble>>): Looks => ({
  listPlugins: () => scout.plugins(),
  lookAtPlugins: () => scout.lookAtPlugins(),
  listRecoveries: (filter) => recoveries.list(filter),
  migrations: (question) => migrations.list(question),
  inspectPlan: (planId) => repairs.inspect(planId),
  injections,
  replayRun: (runId) => runs.replay(runId),
});

/** How this daemon is, and who else there is. */
const clusterOf = ({
  journal,
  membership,
  pool,
  runs,
}: Awaited<ReturnType<typeof assemble>>): Pick<
  Engine,
  'listMembers' | 'drainMember' | 'health'
> => ({
  health: () => ({
    journal: membership?.health() ?? journal.health(),
    pool: pool.health(),
    openRuns: runs.openCount,
  }),
  listMembers: async () => membership?.members() ?? [],
  drainMember: async (memberId) => {
    if (membership !== undefined) return membership.drain(memberId);
    const message = 'this daemon is alone: its journal is a file';
    throw new SiteswapError('MEMBER_NOT_FOUND', message, { subject: memberId });
  },
});

/** What others may know of who executes what. */
const executionOf = (
  { lease, executed }: EngineParts,
  runs: Runs,
): Pick<RunningEngine, 'executes' | 'isOpen' | 'leaving'> => ({
  executes: (runId) => {
    if (runs.epochOf(runId) !== undefined) return lease?.licensed ?? true;
    return !runs.isOpen(runId) && executed?.has(runId) === true;
  },
  isOpen: (runId) => runs.isOpen(runId),
  leaving: () => lease?.draining === true || lease?.lost === true,
});

type StartVerbs = 'startRun' | 'startDeviceRun' | 'startStorageMigration';

const startsOf = ({
  membership,
  starts,
}: Awaited<ReturnType<typeof assemble>>): Pick<Engine, StartVerbs> => ({
  startRun: async (request) => {
    membership?.expectStarts();
    return starts.run(request);
  },
  startDeviceRun: async (request) => {
    membership?.expectStarts();
    return starts.deviceRun(request);
  },
  startStorageMigration: async (request) => {
    membership?.expectStarts();
    return starts.storageMigration(request);
  },
});

/** Reads the journal, picks up what is not ended, and answers. */
export const openEngine = async (given: EngineParts): Promise<RunningEngine> => {
  const parts = await assemble(given);
  const { catalog, keeper, plans, pool, runs, scout, sites, starts, steering } = parts;
  const { membership } = parts;
  for (const siteId of catalog.state.lostSites.keys()) pool.setSiteLost(siteId, true);
  if (membership === undefined) await runs.recover();
  await parts.injections.restore();
  if (membership === undefined) runs.goOn();
  sites.restore();
  await keeper.clear();
  await membership?.open();

  return {
    createPlan: (plan, requestId) => plans.create(plan, requestId),
    updatePlan: (plan, etag, requestId) => plans.update(plan, etag, requestId),
    deletePlan: (planId, etag, requestId) => plans.delete(planId, etag, requestId),
    getPlan: (planId) => plans.get(planId),
    listPlans: () => plans.list(),
    validatePlan: (plan) => plans.validate(plan),
    previewPlan: (planId, mode) => starts.preview(planId, mode),

    resolveInstances: (request) => resolveAt(scout, request),
    ...startsOf(parts),
    ...clusterOf(parts),
    getRun: (runId, detail) => runs.view(runId, detail),
    describeRun: (runId) => runs.describe(runId),
    listRuns: (filter) => runs.list(filter),
    resumeRun: (runId, request) => steering.resume(runId, request),
    cancelRun: (runId, requester, reason, requestId) =>
      steering.cancel(runId, { requester, reason, ...markOf(requestId) }),
    reportRun: (runId) => runs.report(runId),
    watchRun: (runId, cursor, signal) => runs.watch(runId, cursor, signal),

    listSites: () => sites.list(),
    lossWarnings: (siteId, asks) => parts.losses.warnings(siteId, asks),
    declareLost: (...asked) => sites.declare('site-lost', ...asked),
    declareReachable: (...asked) => sites.declare('site-reachable', ...asked),

    ...looksOf(parts),

    adoptPlan: (request) => parts.repairs.adopt(request).then(() => plans.get(request.planId)),

    listRemotes: () => scout.remoteStates(),
    discoverDevices: (arrayId, signal) => scout.devices(arrayId, signal),
    evidence: (remoteId, fresh, asks) => scout.evidence(remoteId, fresh, asks),
    querySync: (arrayId, targets) => scout.querySync(arrayId, targets),
    listSnapshots: (arrayId, targets) => scout.listSnapshots(arrayId, targets),

    ...executionOf(given, runs),
    replaceAgent: (runId) => runs.replaceAgent(runId),
    tidied: () => keeper.idle(),
    close: async () => {
      keeper.close();
      parts.injections.close();
      runs.close();
      await membership?.close();
    },
  };
};
