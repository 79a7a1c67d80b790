/**
 * The runs of a daemon: starts them, finds them again, and picks them up at boot. A run that is
 * open has an agent; one that has ended is read from the journal when somebody asks.
 */
import { begin, fold, foldAll } from '../core/engine/fold.ts';
import { reportOf } from '../core/engine/report.ts';
import type { RunState } from '../core/engine/state.ts';
import { decisionsFor, summaryOf, viewOf } from '../core/engine/view.ts';
import type { Decision, Entry, RunEnded, RunStarted } from '../core/entries.ts';
import { SiteswapError } from '../core/errors.ts';
import { inFlightPerRemoteDefault, openRunsMax, workgroupsPerViewMax } from '../core/limits.ts';
import type { Policy } from '../core/policy.ts';
import { type Replay, replayOf } from '../core/replay.ts';
import { expectRun, runExpired } from '../core/retention.ts';
import type { RunOpened } from '../core/system-entries.ts';
import type { RunReport, RunSummary, RunView } from '../core/view.ts';
import { Agent, type AgentParts } from './agent.ts';
import type { EndedRuns } from './ended.ts';
import type { Keeper } from './retention.ts';
import type { RunDescription } from './service.ts';
import { RemoteLoad, RunSlots } from './slots.ts';
import { decode, encode, entriesPerReadMax } from './streams.ts';

interface RunsParts extends Omit<AgentParts, 'slots'> {
  readonly ended: EndedRuns;
  readonly keeper: Keeper;
}

export class Runs {
  readonly #parts: RunsParts;
  readonly #load = new RemoteLoad();
  readonly #agents = new Map<string, Agent>();

  constructor(parts: RunsParts) {
    this.#parts = parts;
  }

  get openCount(): number {
    return this.#agents.size;
  }

  /** Picks up every run that is not ended: what was in flight is in doubt, the rest goes on. */
  async recover(): Promise<void> {
    const { runs } = this.#parts.catalog.state;
    for (const { opened, closed } of runs.values()) {
      if (closed !== undefined) continue;
      const agent = await this.#revive(opened.runId);
      agent.interruptAll('the daemon ended while the call was in flight');
      agent.wake();
    }
  }

  async #revive(runId: string): Promise<Agent> {
    return this.#adopt(await this.#fold(runId));
  }

  #adopt(state: RunState): Agent {
    const { runId } = state.started;
    const slots = new RunSlots(state.frozen, this.#load, inFlightPerRemoteDefault);
    const agent = new Agent(state, { ...this.#parts, slots });
    this.#agents.set(runId, agent);
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
   * Makes a run durable and starts it. The caller has checked that it may start. `superseded`: the
   * run that it takes over from, which ends in the same append; it is parked, or has ended.
   */
  async open(opened: RunOpened, started: RunStarted, superseded?: Agent): Promise<void> {
    if (this.#agents.size >= openRunsMax) {
      throw new SiteswapError('TOO_MANY_RUNS', `${openRunsMax} runs are open already`);
    }
    const entries = [opened];
    const appends = [{ stream: started.runId, seq: 1, bodies: [encode(started)] }];
    const { at, runId: byRunId } = opened;
    const ended: RunEnded = { type: 'run-ended', at, result: 'superseded', byRunId };
    const landed = await superseded?.end(ended, { entries, appends });
    if (landed !== true) await this.#parts.catalog.append(entries, appends);
    this.#adopt(begin(started)).wake();
  }

  /** A run that has ended needs no agent; its state is kept a while for those who ask. */
  async #retire(agent: Agent): Promise<void> {
    await agent.over;
    const { state } = agent;
    const { runId } = state.started;
    if (this.#agents.get(runId) !== agent) return;
    this.#agents.delete(runId);
    this.#parts.ended.keep(state);
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
    let state: RunState | undefined;
    for await (const entry of this.entries(runId)) {
      if (state === undefined) state = foldAll([entry]);
      else fold(state, entry);
    }
    if (state !== undefined) return state;
    this.expectKnown(runId);
    throw new Error(`run ${runId} has no entries`);
  }

  /** Throws RUN_NOT_FOUND or RUN_EXPIRED. */
  expectKnown(runId: string): void {
    expectRun(this.#parts.catalog.state, runId);
  }

  async *entries(runId: string): AsyncIterable<Entry> {
    for (let seq = 1; ; ) {
      const page = await this.#parts.journal.read(runId, seq, entriesPerReadMax);
      // It was forgotten while it was read.
      if (page[0] !== undefined && page[0].seq !== seq) throw runExpired(runId);
      for (const { body } of page) yield decode<Entry>(body);
      seq += page.length;
      if (page.length < entriesPerReadMax) return;
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
    const state = await this.state(runId);
    const { started, frozen } = state;
    const itemsOf = frozen.workgroups.map(({ items }) => items.map(({ id }) => id));
    return {
      runId,
      planId: frozen.planId,
      mode: frozen.mode,
      requester: started.requester,
      initiatorId: started.initiatorId,
      startedAtMs: started.at,
      lostSites: started.lostSites,
      steps: frozen.steps.map(({ name }) => name),
      workgroups: state.groups.map(({ id, origin }) => ({ id, itemIds: itemsOf[origin] ?? [] })),
    };
  }

  /** Newest first; ended runs are told from the catalog alone. */
  list(filter: { readonly planId?: string; readonly openOnly: boolean }): readonly RunSummary[] {
    const found: RunSummary[] = [];
    for (const { opened, closed } of [...this.#parts.catalog.state.runs.values()].reverse()) {
      if (filter.planId !== undefined && opened.planId !== filter.planId) continue;
      if (filter.openOnly && closed !== undefined) continue;
      const agent = this.#agents.get(opened.runId);
      if (agent !== undefined) found.push(summaryOf(agent.state));
      else {
        found.push({
          runId: opened.runId,
          planId: opened.planId,
          mode: opened.mode,
          status: closed === undefined ? 'running' : 'ended',
          ...(closed === undefined ? {} : { result: closed.result, endedAtMs: closed.at }),
          requester: opened.requester,
          startedAtMs: opened.at,
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

  async resume(
    runId: string,
    request: {
      readonly requester: string;
      readonly decision: Decision;
      readonly policies: Readonly<Record<string, Policy>>;
    },
  ): Promise<void> {
    const agent = await this.#openAgent(runId);
    const { state } = agent;
    if (state.parked === undefined) {
      const message = `run ${runId} is not parked: it is running`;
      throw new SiteswapError('RUN_NOT_PARKED', message, { subject: runId });
    }
    if (!decisionsFor(state).includes(request.decision)) {
      const allowed = decisionsFor(state).join(', ');
      const message =
        `run ${runId} cannot be resumed with ${request.decision}: ` +
        `its decisions are ${allowed}`;
      const hint =
        'A step that cannot be undone has begun, or a site is lost: finish, then fail back.';
      throw new SiteswapError('DECISION_REFUSED', message, { subject: runId, hint });
    }
    this.#parts.catalog.expectNotHeld();
    const at = this.#parts.clock.now();
    const end: Entry[] =
      request.decision === 'abandon' ? [{ type: 'run-ended', at, result: 'abandoned' }] : [];
    await agent.record([{ type: 'run-resumed', at, ...request }, ...end]);
    const { result } = state;
    if (result === 'superseded') throw runEnded(runId);
  }

  async cancel(runId: string, requester: string, reason: string): Promise<void> {
    const agent = await this.#openAgent(runId);
    if (agent.state.cancelling || agent.state.parked !== undefined) return;
    this.#parts.catalog.expectNotHeld();
    const at = this.#parts.clock.now();
    await agent.record([{ type: 'run-cancel-requested', at, requester, reason }]);
  }

  /** Typed error for a run that is unknown or has ended. */
  async #openAgent(runId: string): Promise<Agent> {
    const agent = this.agent(runId);
    if (agent !== undefined) return agent;
    await this.state(runId);
    throw runEnded(runId);
  }

  /** Ends agents; their runs go on when the daemon is started again. */
  close(): void {
    for (const agent of this.#agents.values()) agent.kill();
    this.#agents.clear();
  }
}

const runEnded = (runId: string): SiteswapError =>
  new SiteswapError('RUN_ENDED', `run ${runId} has ended`, { subject: runId });
