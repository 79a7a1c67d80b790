/**
 * Starting runs: everything that must hold before the first entry, and the entry. A start is
 * deduplicated by (requester, request key); starts of one plan come one after the other.
 * Source: US 9,563,478.
 */
import { meets, type NamedRun, rivalsOf } from '../core/claims.ts';
import type { Clock } from '../core/clock.ts';
import type { RunStarted } from '../core/entries.ts';
import { SiteswapError } from '../core/errors.ts';
import { arraysOf, type Mode, type Plan } from '../core/plan.ts';
import { facing, openRunOf, unfinishedOf } from '../core/plan-state.ts';
import type { Random } from '../core/random.ts';
import type { DivergedChoice } from '../core/recovery.ts';
import { expectFresh } from '../core/retention.ts';
import { requestOf } from '../core/system.ts';
import { type Frozen, type FrozenFound, freeze, type ModeSteps } from '../planner/freeze.ts';
import { freezeDevice } from '../planner/freeze-device.ts';
import { freezeMoves } from '../planner/freeze-moves.ts';
import { Memories } from '../planner/memory.ts';
import type { Agent } from './agent.ts';
import { type Catalog, catalogMoved } from './catalog.ts';
import { learnTargets } from './device-targets.ts';
import { RunElsewhere } from './elsewhere.ts';
import { foundOf, movesIn } from './instances.ts';
import { Lines } from './lines.ts';
import { planNamed } from './named.ts';
import type { OpenCalls } from './open-calls.ts';
import type { Recoveries } from './recoveries.ts';
import {
  expectLost,
  expectMode,
  expectNoObstacle,
  expectNoRun,
  expectSites,
  type Refused,
  refusal,
  seenAhead,
  withOwnRun,
} from './refusals.ts';
import { remembered, restToBring, wantedOn } from './remembered.ts';
import type { Runs } from './runs.ts';
import type { Scout } from './scout.ts';
import type {
  DeviceRequest,
  StartedRun,
  StartRequest,
  StorageMigrationRequest,
} from './service.ts';
import type { Steering } from './steering.ts';
import { asTested, testsBeside } from './tests-left.ts';

interface StartsParts {
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly random: Random;
  readonly runs: Runs;
  readonly scout: Scout;
  readonly steering: Steering;
  readonly openCalls: OpenCalls;
  readonly recoveries: Recoveries;
  readonly modeSteps?: ModeSteps;
}

type Opened = Omit<StartedRun, 'existing'>;

interface Given {
  readonly changes?: DivergedChoice | undefined;
  readonly openRuns?: readonly NamedRun[] | undefined;
}

type Opening = Parameters<Runs['open']>[2] & {
  /** Runs that were open when the sites were asked. */
  readonly before?: readonly NamedRun[];
};

export class Starts {
  readonly #parts: StartsParts;
  readonly #lines = new Lines();
  readonly #memories = new Memories();

  constructor(parts: StartsParts) {
    this.#parts = parts;
  }

  async run(request: StartRequest): Promise<StartedRun> {
    const { planId, mode, policies, changes } = request;
    // A request without a choice reads as it did before there was one.
    const choice = changes === undefined ? [] : [changes];
    const asked = JSON.stringify([planId, mode, policies, ...choice]);
    return this.#once(request, asked, `plan ${planId}`, async (requestKey) => {
      let still = this.#judgedBy({ ...request, requestKey }, planId);
      const { plan, isTurned } = await this.#asRun(this.#plan(planId), mode);
      this.#expectReady(plan, mode, isTurned);
      const taken = this.#parts.recoveries.taken(plan, mode, changes);
      const before = await this.#parts.runs.openRuns.all();
      const found = await this.freeze(plan, mode, policies, taken, before);
      expectNoObstacle(found, plan.id);
      this.#parts.recoveries.expectChosen(plan, mode, changes);
      const made = withOwnRun(this.#parts.catalog.state, plan, mode, found);
      const runId = this.#parts.random.id();
      const superseded = await this.#stop(plan, request.requester, still);
      if (isTurned) {
        await this.#turn(plan, still);
        still = this.#judgedBy({ ...request, requestKey }, planId);
      }
      const wanted = { ...request, requestKey, initiatorId: '' };
      const opening = { superseded, still, before };
      const open = () => this.#open(runId, made, wanted, asked, opening);
      return mode === 'disaster' ? this.#whileLost(plan.protectedSiteId, open) : open();
    });
  }

  async deviceRun(request: DeviceRequest): Promise<StartedRun> {
    const { verb, arrayId, targets, args, initiatorId } = request;
    const asked = JSON.stringify([verb, arrayId, targets, args, initiatorId]);
    return this.#once(request, asked, `array ${arrayId}`, async (requestKey) => {
      const still = this.#judgedBy({ ...request, requestKey }, '');
      await learnTargets(this.#parts, request);
      const made = await this.#freezeDevice(request);
      expectNoObstacle(made, arrayId);
      const runId = this.#parts.random.id();
      return this.#open(runId, made, { ...request, requestKey }, asked, { still });
    });
  }

  /** Moves the disks of running VMs between datastores of one compute. */
  async storageMigration(request: StorageMigrationRequest): Promise<StartedRun> {
    const { computeId, moves } = request;
    const asked = JSON.stringify([computeId, moves]);
    return this.#once(request, asked, `compute ${computeId}`, async (requestKey) => {
      const { scout, random } = this.#parts;
      const still = this.#judgedBy({ ...request, requestKey }, '');
      const evidence = await scout.learn(computeId);
      const seen = {
        evidence,
        found: await foundOf(scout, computeId, moves),
        migrationIds: moves.map(() => random.id()),
      };
      const context = await this.#context({}, new Set([computeId]));
      const made = this.#expectFrozen(
        freezeMoves(request, seen, context),
        computeId,
        'MOVE_INVALID',
      );
      expectNoObstacle(made, computeId);
      const { requester } = request;
      const wanted = { requester, requestKey, initiatorId: '' };
      return this.#open(random.id(), made, wanted, asked, { still });
    });
  }

  #plan(planId: string): Plan {
    return planNamed(planId, this.#parts.catalog.state).plan;
  }

  /** With the sites that the mode runs between; `isTurned`: it goes that way from then on. */
  async #asRun(stored: Plan, mode: Mode): Promise<{ plan: Plan; isTurned: boolean }> {
    const turned = mode === 'disaster' ? facing(this.#parts.catalog.state, stored) : stored;
    const plan = await asTested(this.#parts, turned, mode);
    return { plan, isTurned: turned !== stored };
  }

  /** From here on the plan goes the other way, whatever becomes of the run. */
  async #turn(plan: Plan, still: () => boolean): Promise<void> {
    const { catalog, clock, random } = this.#parts;
    const etag = random.id().slice(0, 16);
    await catalog.append([{ type: 'plan-saved', at: clock.now(), plan, etag }], [], still);
  }

  /** A mode that the plan's history does not lead to is no fault of the plan. */
  async preview(planId: string, mode: Mode): Promise<FrozenFound> {
    const stored = this.#plan(planId);
    const { plan, isTurned } = await this.#asRun(stored, mode);
    expectSites(this.#parts.catalog.state, plan, mode);
    expectMode(this.#parts.catalog.state, plan, mode, isTurned);
    return this.#expectFrozen(await this.look(stored, mode), planId);
  }

  /** As a start would find it, of which nobody has said yet what becomes of diverged data. */
  async look(stored: Plan, mode: Mode): Promise<Frozen> {
    const { recoveries } = this.#parts;
    const { plan } = await this.#asRun(stored, mode);
    const given = { changes: recoveries.assumed(plan, mode) };
    const { state } = this.#parts.catalog;
    const found = seenAhead(state, plan, mode, await this.#frozen(plan, mode, {}, given));
    return { ...found, obstacles: [...found.obstacles, ...recoveries.obstacles(plan, mode)] };
  }

  /** The run that a plan would make now; asks both sites (those that are not lost) first. */
  async freeze(
    plan: Plan,
    mode: Mode,
    policies: StartRequest['policies'] = {},
    changes?: DivergedChoice,
    openRuns?: readonly NamedRun[],
  ): Promise<FrozenFound> {
    const made = await this.#frozen(plan, mode, policies, { changes, openRuns });
    return this.#expectFrozen(made, plan.id);
  }

  async #frozen(
    plan: Plan,
    mode: Mode,
    policies: StartRequest['policies'],
    { changes, openRuns }: Given = {},
  ): Promise<Frozen> {
    expectSites(this.#parts.catalog.state, plan, mode);
    const { scout } = this.#parts;
    const sites = [plan.recoverySiteId, plan.protectedSiteId];
    const needed = mode === 'cleanup' ? sites.slice(0, 1) : sites;
    const asked = await scout.refresh(needed, arraysOf(plan));
    const inventory = scout.inventory();
    const rest = await restToBring(this.#parts, plan, mode, inventory);
    const isStored = this.#parts.catalog.state.plans.get(plan.id)?.plan === rest.plan;
    const context = {
      ...(await this.#context(policies, asked, openRuns)),
      goesOn: unfinishedOf(this.#parts.catalog.state, plan.id) !== undefined,
      remembered: await remembered(this.#parts, plan, mode),
      wantedOn: await wantedOn(this.#parts, plan, mode),
      underWay: await this.#parts.openCalls.of(plan, mode),
      ...(changes === undefined ? {} : { changes }),
      ...(isStored ? { memory: this.#memories.of(plan.id) } : {}),
    };
    const made = freeze(rest.plan, inventory, mode, context);
    const beside = testsBeside(this.#parts.catalog.state, plan, mode);
    return { ...made, warnings: [...rest.warnings, ...made.warnings, ...beside] };
  }

  async #context(
    policies: StartRequest['policies'],
    remoteIds: ReadonlySet<string>,
    before: readonly NamedRun[] = [],
  ) {
    const { scout, catalog, modeSteps, clock, runs } = this.#parts;
    // What a run had in its hands when the sites were asked may not be as they said by now.
    const byId = new Map(
      [...before, ...(await runs.openRuns.all())].map((run) => [run.runId, run]),
    );
    const openRuns = [...byId.values()];
    return {
      ...(modeSteps === undefined ? {} : { modeSteps }),
      capabilities: await scout.capabilities(remoteIds),
      lostSites: new Set(catalog.state.lostSites.keys()),
      now: clock.now(),
      copies: catalog.state.moves,
      openRuns,
      policies,
    };
  }

  #expectFrozen(made: Frozen, subject: string, reason: Refused = 'PLAN_INVALID'): FrozenFound {
    if ('frozen' in made) return made;
    throw refusal(reason, [...made.problems, ...made.obstacles], subject);
  }

  async #freezeDevice(request: DeviceRequest): Promise<FrozenFound> {
    const context = await this.#context({}, new Set([request.arrayId]));
    const made = freezeDevice(request, this.#parts.scout.inventory(), context);
    return this.#expectFrozen(made, request.arrayId, 'INVALID_REQUEST');
  }

  /**
   * The same key from the same requester is the same run; a different request with it is refused.
   */
  async #once(
    request: { readonly requester: string; readonly requestKey: string },
    asked: string,
    line: string,
    start: (requestKey: string) => Promise<Opened>,
  ): Promise<StartedRun> {
    const { catalog, random } = this.#parts;
    const requestKey = request.requestKey === '' ? random.id() : request.requestKey;
    const key = requestOf(request.requester, requestKey);
    const judge = async (): Promise<StartedRun> => {
      const known = catalog.state.requests.get(key);
      if (known !== undefined) {
        const opened = catalog.state.runs.get(known)?.opened;
        if (opened?.request === asked) return { runId: known, existing: true, warnings: [] };
        throw new SiteswapError(
          'REQUEST_KEY_REUSED',
          `"${request.requester}" used request key "${requestKey}" for run ${known}, ` +
            'which was a different request',
          { subject: known },
        );
      }
      expectFresh(catalog.state, request.requester, requestKey);
      catalog.expectNotHeld();
      return { ...(await this.#lines.run(line, () => start(requestKey))), existing: false };
    };
    return this.#lines.run(`request ${key}`, () => catalog.judged(judge));
  }

  /** Whether what a start is judged by is still the same: asked when its entries are to land. */
  #judgedBy(
    { requester, requestKey }: { readonly requester: string; readonly requestKey: string },
    planId: string,
  ): () => boolean {
    const { catalog, runs } = this.#parts;
    const { state } = catalog;
    const before = new Set(runs.openIds());
    // A reprotect that ends turns the plan round, and leaves its etag.
    const facts = () => {
      const { etag, plan } = state.plans.get(planId) ?? {};
      return JSON.stringify([etag, plan?.protectedSiteId, ...state.lostSites.keys()]);
    };
    const was = facts();
    return () =>
      facts() === was &&
      !state.requests.has(requestOf(requester, requestKey)) &&
      runs.openIds().every((runId) => before.has(runId));
  }

  /** Refuses a mode that the plan's history does not lead to, or that the sites' state forbids. */
  #expectReady(plan: Plan, mode: Mode, isTurned: boolean): void {
    const { state } = this.#parts.catalog;
    expectNoRun(state, plan, mode);
    if (mode === 'disaster') expectLost(state, plan.protectedSiteId);
    expectSites(state, plan, mode);
    expectMode(state, plan, mode, isTurned);
  }

  /**
   * A disaster run takes over from an open run of the same plan: that one is cancelled, and its
   * calls end (those to the lost site at once). Answers the run that is to end.
   */
  async #stop(plan: Plan, requester: string, still: () => boolean): Promise<Agent | undefined> {
    const { catalog, runs, steering } = this.#parts;
    const open = openRunOf(catalog.state, plan.id);
    const agent = open && runs.agent(open.runId);
    if (open === undefined) return undefined;
    // It may have been opened, or come to this member, since this request was judged.
    if (!still()) throw catalogMoved();
    if (agent === undefined) {
      if (!runs.drivenElsewhere(open.runId)) return undefined;
      throw new RunElsewhere(open.runId);
    }
    const reason = 'superseded by a disaster run';
    await steering.cancel(open.runId, { requester, reason });
    await agent.quiet();
    return agent;
  }

  /** Somebody may have declared it reachable since the run over its loss was judged. */
  #whileLost<T>(siteId: string, work: () => Promise<T>): Promise<T> {
    const { catalog } = this.#parts;
    return catalog.losses.run(siteId, async () => {
      expectLost(catalog.state, siteId);
      return work();
    });
  }

  async #open(
    runId: string,
    { frozen, warnings }: FrozenFound,
    request: {
      readonly requester: string;
      readonly requestKey: string;
      readonly initiatorId: string;
    },
    asked: string,
    { before, ...opening }: Opening = {},
  ): Promise<Opened> {
    const { random, clock, runs, catalog } = this.#parts;
    if (before !== undefined && !catalog.isShared) {
      const known = new Set(before.map((run) => run.runId));
      if (meets(frozen, runs.openRuns.since(known))) throw catalogMoved();
    }
    const rivals = rivalsOf(frozen, before ?? []);
    const claims = rivals.length === 0 ? {} : { rivals };
    const at = clock.now();
    const { requester, requestKey } = request;
    const { planId, mode } = frozen;
    const started: RunStarted = {
      type: 'run-started',
      at,
      runId,
      requester,
      requestKey,
      initiatorId: request.initiatorId === '' ? random.id() : request.initiatorId,
      frozen,
      lostSites: [...catalog.state.lostSites.keys()],
      ...claims,
    };
    const moves = movesIn(frozen);
    const opened = { at, runId, planId, mode, requester, requestKey, request: asked, ...claims };
    await runs.open(
      { type: 'run-opened', ...opened, ...(moves.length === 0 ? {} : { moves }) },
      started,
      opening,
    );
    return { runId, warnings };
  }
}
