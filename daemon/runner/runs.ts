/**
 * The runs of a daemon: starts them, finds them again, and picks them up at boot. A run that is
 * open has an agent; one that has ended is read from the journal when somebody asks.
 */

import { aboutOf } from '../core/about.ts';
import { begin } from '../core/engine/fold.ts';
import { reportOf } from '../core/engine/report.ts';
import type { RunState } from '../core/engine/state.ts';
import { summaryOf, viewOf } from '../core/engine/view.ts';
import type { Entry, RunEnded, RunStarted } from '../core/entries.ts';
import { decode, encode, entriesMissing } from '../core/entry-text.ts';
import { SiteswapError } from '../core/errors.ts';
import type { FrozenRun } from '../core/frozen.ts';
import { inFlightPerRemoteDefault, openRunsMax, workgroupsPerViewMax } from '../core/limits.ts';
import { isOfTests } from '../core/plan.ts';
import { openRunOf } from '../core/plan-state.ts';
import { type Replay, replayOf } from '../core/replay.ts';
import { expectRun } from '../core/retention.ts';
import type { RunOpened } from '../core/system-entries.ts';
import type { RunReport, RunSummary, RunView } from '../core/view.ts';
import type { EventPage } from '../feed/page.ts';
import { Agent } from './agent.ts';
import type { AgentParts } from './agent-parts.ts';
import { catalogMoved } from './catalog.ts';
import { descriptionOf, foldRun } from './describe.ts';
import type { EndedRuns } from './ended.ts';
import { OpenRuns } from './open-runs.ts';
import type { Keeper } from './retention.ts';
import { Rivals } from './rivals.ts';
import type { RunDescription } from './service.ts';
import { RemoteLoad, RunSlots } from './slots.ts';
import { pagesOf } from './streams.ts';

/** Keeps which runs were executed here. */
export interface Executed {
  has(runId: string): boolean;
  note(runId: string): void;
}

interface RunsParts extends Omit<AgentParts, 'slots' | 'fenced' | 'rivals' | 'returning'> {
  readonly executed?: Executed;
  readonly ended: EndedRuns;
  readonly keeper: Keeper;
}

interface Opening {
  /** The run that it takes over from, which ends in the same append; it is parked, or has ended. */
  readonly superseded?: Agent | undefined;
  /** Whether what it was judged by still holds. */
  readonly still?: () => boolean;
}

export class Runs {
  readonly #parts: RunsParts;
  readonly #load = new RemoteLoad();
  readonly #agents = new Map<string, Agent>();
  readonly #rivals: Rivals;
  /** Runs that are about to undo. */
  readonly #returning = new Set<string>();
  /** Those that are not ended, as others have to know them. */
  readonly openRuns: OpenRuns;

  constructor(parts: RunsParts) {
    this.#parts = parts;
    const drivenHere = (runId: string) => this.#agents.get(runId)?.state;
    this.#rivals = new Rivals({ ...parts, drivenHere });
    this.openRuns = new OpenRuns({
      ...parts,
      openIds: () => this.openIds(),
      agentOf: (runId) => this.#agents.get(runId),
    });
  }

  get openCount(): number {
    return this.#agents.size;
  }

  /** Reads every run that is not ended; appends nothing: a damaged journal stays as it is. */
  async recover(): Promise<void> {
    for (const runId of this.openIds()) await this.#revive(runId);
    await this.#parts.journal.check();
  }

  /** Goes on with what was recovered: what was in flight is in doubt, the rest goes on. */
  goOn(): void {
    for (const agent of this.#agents.values()) {
      agent.interruptAll('the daemon ended while the call was in flight');
      agent.wake();
    }
  }

  /** Every run that is not ended, whoever drives it. */
  openIds(): readonly string[] {
    return [...this.#parts.catalog.state.openRuns.keys()];
  }

  /**
   * This member has the licence of a run now: says so in the run's stream before anything else, and
   * goes on with it. False: there is nothing to go on with.
   */
  async takeOver(runId: string, epoch: number, memberId: string): Promise<boolean> {
    const record = this.#parts.catalog.state.runs.get(runId);
    if (record === undefined || record.closed !== undefined) return false;
    this.drop(runId);
    const state = await this.#fold(runId);
    // Watchers of it see what the last member appended before they see anything of ours.
    await this.#parts.feed.refresh(runId);
    const agent = this.#adopt(state);
    const at = this.#parts.clock.now();
    agent.offer([{ type: 'run-taken-over', at, memberId, epoch }]);
    agent.interruptAll('the member that drove the run is gone');
    agent.wake();
    return true;
  }

  /** Lets go of a run that another member has, or may have. */
  drop(runId: string): void {
    const agent = this.#agents.get(runId);
    this.#agents.delete(runId);
    agent?.kill();
  }

  /** Not ended, whoever drives it. */
  isOpen(runId: string): boolean {
    return this.#parts.catalog.state.openRuns.has(runId);
  }

  /** Not ended, and not driven by this member of several. */
  drivenElsewhere(runId: string): boolean {
    const { shared } = this.#parts.journal;
    return shared !== undefined && this.isOpen(runId) && !this.#agents.has(runId);
  }

  drivenHere(): readonly string[] {
    return [...this.#agents.keys()];
  }

  /** Starts nothing more of a run; resolves when no call of it is in flight. */
  async atRest(runId: string): Promise<void> {
    await this.#agents.get(runId)?.rest();
  }

  /** The licence under which a run is driven here, if it is. */
  epochOf(runId: string): number | undefined {
    return this.#agents.get(runId)?.state.epoch;
  }

  async #revive(runId: string): Promise<Agent> {
    return this.#adopt(await this.#fold(runId));
  }

  #adopt(state: RunState): Agent {
    const { runId } = state.started;
    const wake = () => this.agent(runId)?.wake();
    const slots = new RunSlots(state.frozen, this.#load, inFlightPerRemoteDefault, wake);
    const fenced = () => this.drop(runId);
    const shared = { rivals: this.#rivals, returning: this.#returning };
    const agent = new Agent(state, { ...this.#parts, ...shared, slots, fenced });
    this.#agents.set(runId, agent);
    this.#parts.executed?.note(runId);
    void this.#retire(agent);
    this.#parts.feed.open(runId, state.cursor + 1);
    return agent;
  }

  /** For the proof of S8: the agent is lost, and rebuilt from the journal. */
  async replaceAgent(runId: string): Promise<void> {
    const old = this.#agents.get(runId);
    if (old === undefined) return;
    old.kill();
    const agent = await this.#revive(runId);
    agent.interruptAll('the agent was lost while the call was in flight');
    agent.wake();
  }

  /**
   * Makes a run durable and starts it. The caller has checked that it may start.
   */
  async open(
    opened: RunOpened,
    started: RunStarted,
    { superseded, still }: Opening = {},
  ): Promise<void> {
    if (this.#agents.size >= openRunsMax) {
      throw new SiteswapError('TOO_MANY_RUNS', `${openRunsMax} runs are open already`);
    }
    const entries = [opened];
    const appends = [{ stream: started.runId, seq: 1, bodies: [encode(started)], epoch: 1 }];
    const { at, runId: byRunId } = opened;
    const ended: RunEnded = { type: 'run-ended', at, result: 'superseded', byRunId };
    await this.openRuns.while(started, async () => {
      const end = await superseded?.end(ended, { entries, appends });
      // A person lets it go on: it is to be stopped once more.
      if (end === 'moved') throw catalogMoved();
      if (end !== 'landed') {
        await this.#expectNotTurned(started.frozen);
        await this.#parts.catalog.append(entries, appends, still);
      }
      this.#adopt(begin(started)).wake();
    });
  }

  /**
   * A reprotect that ended since the run was frozen has turned the plan round. A journal of one
   * daemon alone does not ask `still` when entries land.
   */
  async #expectNotTurned({ planId, mode, protectedSiteId }: FrozenRun): Promise<void> {
    const { catalog } = this.#parts;
    if (isOfTests(mode)) return;
    if (openRunOf(catalog.state, planId) !== undefined) await catalog.quiet();
    const plan = catalog.state.plans.get(planId)?.plan;
    if (plan !== undefined && plan.protectedSiteId !== protectedSiteId) throw catalogMoved();
  }

  /** A run that has ended needs no agent; its state is kept a while for those who ask. */
  async #retire(agent: Agent): Promise<void> {
    await agent.over;
    const { state } = agent;
    const { runId } = state.started;
    if (this.#agents.get(runId) !== agent) return;
    this.#agents.delete(runId);
    this.#returning.delete(runId);
    if (this.openAgents().every((one) => !hasRivals(one))) this.#rivals.clear();
    this.#parts.ended.keep(state);
    // Should that fail, the next look finds it.
    void this.#parts.journal.shared?.members.release(runId).catch(() => {});
    this.#parts.keeper.wake();
  }

  /** The run's agent when it is open. */
  agent(runId: string): Agent | undefined {
    const agent = this.#agents.get(runId);
    return agent?.state.result === undefined ? agent : undefined;
  }

  openAgents(): readonly Agent[] {
    return [...this.#agents.keys()].flatMap((runId) => this.agent(runId) ?? []);
  }

  /** A run's state: the agent's own, or folded from the journal. */
  async state(runId: string): Promise<RunState> {
    const known = this.#agents.get(runId)?.state ?? this.#parts.ended.get(runId);
    if (known !== undefined) return known;
    const state = await this.#fold(runId);
    if (state.result !== undefined) this.#parts.ended.keep(state);
    return state;
  }

  async #fold(runId: string): Promise<RunState> {
    const state = await foldRun(this.#parts.journal, runId);
    if (state !== undefined) return state;
    this.expectKnown(runId);
    throw entriesMissing(runId);
  }

  /** Throws RUN_NOT_FOUND or RUN_EXPIRED. */
  expectKnown(runId: string): void {
    expectRun(this.#parts.catalog.state, runId);
  }

  /** Events of a run, whoever drives it. Throws RUN_NOT_FOUND or RUN_EXPIRED. */
  watch(runId: string, cursor: number, signal: AbortSignal): AsyncIterable<EventPage> {
    if (this.#parts.journal.shared === undefined) this.expectKnown(runId);
    return this.#watch(runId, cursor, signal);
  }

  async *#watch(runId: string, cursor: number, signal: AbortSignal): AsyncIterable<EventPage> {
    const { catalog, feed } = this.#parts;
    // Another member may have started it a moment ago.
    if (!catalog.state.runs.has(runId)) await catalog.refresh();
    this.expectKnown(runId);
    if (this.drivenElsewhere(runId)) {
      feed.open(runId, 1);
      await feed.refresh(runId);
    }
    yield* feed.watch(runId, cursor, signal);
  }

  async *entries(runId: string): AsyncIterable<Entry> {
    for await (const page of pagesOf(this.#parts.journal, runId)) {
      for (const { body } of page) yield decode<Entry>(body);
    }
  }

  async view(runId: string, detail: 'basic' | 'full'): Promise<RunView> {
    const view = viewOf(await this.state(runId), detail === 'basic' ? 0 : workgroupsPerViewMax);
    const defect = this.#agents.get(runId)?.broken;
    if (defect === undefined) return view;
    const attention =
      `a defect of Siteswap stopped this run: ${defect.message}. ` +
      'Nothing that was journaled is lost: restart the daemon, and report the defect';
    return { ...view, attention };
  }

  async describe(runId: string): Promise<RunDescription> {
    return descriptionOf(await this.state(runId));
  }

  /** Newest first; ended runs are told from the catalog alone. */
  list(filter: { readonly planId?: string; readonly openOnly: boolean }): readonly RunSummary[] {
    const found: RunSummary[] = [];
    for (const { opened, closed } of [...this.#parts.catalog.state.runs.values()].reverse()) {
      if (filter.planId !== undefined && opened.planId !== filter.planId) continue;
      if (filter.openOnly && closed !== undefined) continue;
      const agent = this.#agents.get(opened.runId);
      const about = aboutOf(opened);
      if (agent !== undefined) found.push({ ...summaryOf(agent.state), ...about });
      else {
        found.push({
          runId: opened.runId,
          planId: opened.planId,
          mode: opened.mode,
          status: closed === undefined ? 'running' : 'ended',
          ...(closed === undefined ? {} : { result: closed.result, endedAtMs: closed.at }),
          requester: opened.requester,
          startedAtMs: opened.at,
          ...about,
        });
      }
    }
    return found;
  }

  async report(runId: string): Promise<RunReport> {
    const state = await this.state(runId);
    const entries: Entry[] = [];
    for await (const entry of this.entries(runId)) entries.push(entry);
    return reportOf(state, entries, this.#parts.clock.now());
  }

  /** Rules that make the faults of a run again. */
  async replay(runId: string): Promise<Replay> {
    const state = await this.state(runId);
    const entries: Entry[] = [];
    for await (const entry of this.entries(runId)) entries.push(entry);
    return replayOf(state, entries, this.#parts.catalog.state.injections.intervals);
  }

  /** Ends agents; their runs go on when the daemon is started again. */
  close(): void {
    for (const agent of this.#agents.values()) agent.kill();
    this.#agents.clear();
  }
}

const hasRivals = ({ state }: Agent): boolean => state.started.rivals !== undefined;
