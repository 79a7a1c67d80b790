/**
 * The agent of one run: delegates its tasks to workers and collects their results. It holds nothing
 * that the journal does not: kill it, fold the run's entries, start another, and the run goes on.
 * Source: US 9,430,284.
 *
 * One turn: append what has come in and what was decided → fold it → publish it → call what became
 * durable as an intent → decide. Nothing is folded, shown or called before it is durable.
 */

import { withIntents } from '../core/engine/ahead.ts';
import { decide, isWanted } from '../core/engine/decide.ts';
import { leftBy } from '../core/engine/doubts.ts';
import { fold } from '../core/engine/fold.ts';
import { type Group, type RunState, siteOf } from '../core/engine/state.ts';
import type { Entry, ItemFaults, RunEnded, RunTakenOver, TaskStarted } from '../core/entries.ts';
import { encode } from '../core/entry-text.ts';
import { decodeRanges } from '../core/ranges.ts';
import { sourcesTurned } from '../core/sources.ts';
import type { RunClosed } from '../core/system-entries.ts';
import { type Append, JournalError } from '../journal/journal.ts';
import type { JobFault, TaskJob, TaskResult } from '../workers/pool.ts';
import type { AgentParts, Beside } from './agent-parts.ts';
import { Asker } from './asker.ts';
import { Claimant } from './claimant.ts';
import { RunElsewhere } from './elsewhere.ts';
import { Flight, type Heard, type Sender } from './flight.ts';
import { withInjections } from './injected-entries.ts';
import { type Errand, errandOf, JobMaker, outcomeEntries, refusalEntries } from './jobs.ts';
import { foundPositions, goingOn, interrupted, upToEnd } from './outbox.ts';

export class Agent {
  readonly state: RunState;
  readonly #parts: AgentParts;
  readonly #jobs: JobMaker;
  readonly #asker: Asker;
  readonly #claims: Claimant;
  readonly #stream: string;
  #outbox: Entry[] = [];
  #beside: Beside | undefined;
  #turning = false;
  #killed = false;
  /** It is about to be handed over: nothing new is decided. */
  #resting = false;
  #cancelWake: (() => void) | undefined;
  /** Workgroup → the attempt in flight; what is not in here is not being called. */
  readonly #inFlight = new Map<number, Flight>();
  /** Workgroups whose call waits for its turn. */
  readonly #queued = new Set<number>();
  /** Faults of `before`, kept until the outcome of the change is known. */
  readonly #early = new Map<number, ItemFaults[]>();
  #atRest: (() => void)[] = [];
  /** What is being appended and folded now. */
  #landing: Promise<void> = Promise.resolve();
  #broken: Error | undefined;
  readonly #over = Promise.withResolvers<void>();
  readonly #sender: Sender;

  constructor(state: RunState, parts: AgentParts) {
    this.state = state;
    this.#parts = parts;
    this.#jobs = new JobMaker(state, () => parts.draws.remembers);
    this.#stream = state.started.runId;
    this.#sender = {
      pool: parts.pool,
      make: ({ errand, positions }, phase) => this.#jobs.make(errand, phase, positions),
      began: ({ errand }) => this.#queued.delete(errand.group.index),
      heard: (flight, phase, result) => this.#heard(flight, phase, result),
    };
    this.#asker = new Asker({
      state,
      pool: parts.pool,
      clock: parts.clock,
      feed: parts.feed,
      draws: parts.draws,
      stream: this.#stream,
      jobs: this.#jobs,
      offer: (entries) => this.offer(entries),
    });
    this.#claims = new Claimant({ ...parts, state, wake: () => this.wake() });
  }

  /** Takes entries to be appended in the next turn; of a run that has ended, none. */
  offer(entries: readonly Entry[]): void {
    if (this.#killed || this.state.result !== undefined) return;
    this.#outbox.push(...entries);
    this.wake();
  }

  /** Makes sure that a turn comes. */
  wake(): void {
    if (this.#turning || this.#killed) return;
    this.#turning = true;
    this.#parts.clock.soon(() => {
      void this.#turns();
    });
  }

  /** Resolves when the run has ended. */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  /** Answers once `entries` are durable and folded. Throws RunElsewhere when the run was let go. */
  async record(entries: readonly Entry[]): Promise<void> {
    this.offer(entries);
    await this.settled();
    if (this.#killed) throw new RunElsewhere(this.#stream);
  }

  /**
   * Ends the run, which is at rest; `beside` lands together with its end, or neither does. `over`:
   * the run was ending already; `moved`: somebody lets it go on again. `beside` has not landed.
   */
  async end(ended: RunEnded, beside: Beside): Promise<'landed' | 'over' | 'moved'> {
    this.#beside = beside;
    await this.record([ended]);
    const landed = this.#beside === undefined;
    this.#beside = undefined;
    if (landed) return 'landed';
    return this.state.result === undefined ? 'moved' : 'over';
  }

  /** Resolves when the outbox is empty and folded. */
  async settled(): Promise<void> {
    if (this.#turning) await new Promise<void>((resolve) => this.#atRest.push(resolve));
    if (this.#broken !== undefined) throw this.#broken;
  }

  /** Resolves when what is on its way to the journal now is folded. */
  async landed(): Promise<void> {
    await this.#landing.catch(() => {});
  }

  /** Resolves when the run is parked or has ended: no call of it is in flight then. */
  async quiet(): Promise<void> {
    while (this.state.parked === undefined && this.state.result === undefined && !this.#killed) {
      await new Promise<void>((resolve) => this.#atRest.push(resolve));
    }
    if (this.#broken !== undefined) throw this.#broken;
  }

  /** A defect that stopped the agent; the journal is whole, and a restart goes on from it. */
  get broken(): Error | undefined {
    return this.#broken;
  }

  /** Decides nothing more; resolves when what is in flight has been answered and is durable. */
  async rest(): Promise<void> {
    this.#resting = true;
    // What is on its way to the journal now may begin a call.
    while ((this.#turning || this.#inFlight.size > 0 || this.#asker.leads) && !this.#killed) {
      await new Promise<void>((resolve) => this.#atRest.push(resolve));
    }
    if (this.#broken !== undefined) throw this.#broken;
  }

  /** Lets go of the run, as a crash would: late answers are ignored. */
  kill(): void {
    this.#killed = true;
    this.#cancelWake?.();
    this.#asker.stop();
    this.#claims.stop();
    // What waits goes first: an ended call would begin it.
    const { slots } = this.#parts;
    const flights = [...this.#inFlight.values()];
    for (const flight of flights) flight.recall();
    for (const flight of flights.filter((one) => !slots.leave(one))) slots.abandon(flight);
    slots.close();
    this.#inFlight.clear();
    this.#parts.draws.forget(this.#stream);
    this.#finishRest();
  }

  /** After a restart: everything that was in flight is in doubt. */
  interruptAll(reason: string): void {
    this.offer(interrupted(this.state, reason, this.#parts.clock.now()));
  }

  async #turns(): Promise<void> {
    try {
      while (!this.#killed) {
        this.#landing = this.#land(this.#nextBatch());
        await this.#landing;
        if (this.#killed) break;
        if (this.state.result !== undefined) this.#outbox = [];
        this.#withdraw();
        if (!this.#resting) this.#decide();
        if (this.#outbox.length === 0) break;
      }
    } catch (error) {
      this.#break(error as Error);
    }
    this.#turning = false;
    if (this.state.result !== undefined) this.#over.resolve();
    this.#finishRest();
  }

  async #land(batch: readonly Entry[]): Promise<void> {
    if (batch.length > 0) await this.#append(batch);
    if (this.#killed) return;
    for (const entry of batch) this.#absorb(entry);
  }

  #break(error: Error): void {
    const { runId } = this.state.started;
    const wasKilled = this.#killed;
    this.#killed = true;
    if (error instanceof JournalError && error.refusal === 'fenced') {
      this.#broken = new RunElsewhere(runId);
      // Where it was let go already, another agent may have the run here.
      if (!wasKilled) this.#parts.fenced(runId);
      return;
    }
    this.#broken = error;
    this.#parts.log.broken(runId, error);
  }

  /** What is to be appended, and what can be decided beside it without a sync of its own. */
  #nextBatch(): readonly Entry[] {
    const isResting = this.state.parked !== undefined && this.#outbox[0]?.type === 'run-ended';
    const told = this.#beside && !isResting ? goingOn(this.#outbox) : upToEnd(this.#outbox);
    this.#outbox = [];
    if (told.length === 0) return told;
    const { clock, slots, draws } = this.#parts;
    const now = clock.now();
    const batch = this.#resting ? told : withIntents(this.state, told, now, slots, this.#claims);
    if (!draws.on && draws.carrying === 0) return batch;
    return batch.map((entry) => withInjections(entry, this.state, now, this.#parts));
  }

  #finishRest(): void {
    const waiting = this.#atRest;
    this.#atRest = [];
    for (const resolve of waiting) resolve();
  }

  /** A run's end, and what it did to sources, land together with the catalog's record of it. */
  async #append(batch: readonly Entry[]): Promise<void> {
    const seq = this.state.cursor + 1;
    const bodies = batch.map(encode);
    const taken = batch.find((entry): entry is RunTakenOver => entry.type === 'run-taken-over');
    const epoch = taken?.epoch ?? this.state.epoch;
    const append: Append = { stream: this.#stream, seq, bodies, epoch };
    const { presentations, catalog } = this.#parts;
    const ended = batch.find((entry): entry is RunEnded => entry.type === 'run-ended');
    const turned = sourcesTurned(presentations, catalog.state.sources, this.state, batch);
    if (ended === undefined && turned.length === 0) await this.#parts.journal.append([append]);
    else if (ended === undefined) await catalog.append(turned, [append]);
    else {
      const { runId } = this.state.started;
      const { at, result } = ended;
      const { entries = [], appends = [] } = this.#beside ?? {};
      this.#beside = undefined;
      const closed: RunClosed = {
        type: 'run-closed',
        at,
        runId,
        result,
        ...leftBy(this.state, result),
      };
      await catalog.append([...turned, closed, ...entries], [append, ...appends]);
    }
    this.#parts.feed.publish(this.#stream, seq, bodies, ended !== undefined);
  }

  #absorb(entry: Entry): void {
    const { draws, log } = this.#parts;
    fold(this.state, entry);
    log.entry(this.state, entry);
    if (draws.carrying > 0 && 'group' in entry) {
      draws.stands(this.#stream, this.state.groups[entry.group] as Group);
    }
    if (entry.type === 'task-started') this.#call(entry);
    else if (entry.type === 'task-settled' || entry.type === 'task-outcome') {
      this.#asker.heard(entry.group);
    } else if (entry.type === 'task-prepared') {
      this.#change(entry.group, foundPositions(entry.before));
    }
  }

  #decide(): void {
    const now = this.#parts.clock.now();
    const decisions = decide(this.state, now, this.#parts.slots, this.#claims, this.#asker);
    this.#claims.ask();
    this.#cancelWake?.();
    this.#cancelWake = undefined;
    // Ahead of answers that came in meanwhile: those were not known when this was decided.
    const decided = decisions.entries.filter(
      (entry) => entry.type !== 'task-settled' || this.#asker.preempt(entry.group),
    );
    this.#outbox.unshift(...decided);
    for (const index of decisions.settle) this.#asker.settle(this.state.groups[index] as Group);
    for (const index of decisions.poll) this.#asker.poll(this.state.groups[index] as Group);
    if (decisions.wakeAtMs !== undefined) {
      this.#cancelWake = this.#parts.clock.wakeAt(decisions.wakeAtMs, () => this.wake());
    }
  }

  /** An intent is durable: its call is made when a slot is free. */
  #call(entry: TaskStarted): void {
    const group = this.state.groups[entry.group] as Group;
    const injections = (entry.injections ?? []) as Errand['injections'];
    const errand = errandOf(this.state, group, entry.direction, injections);
    // Of what is to be undone, some may be left out.
    const called = entry.items === undefined ? group.task.due : decodeRanges(entry.items);
    const flight = new Flight(errand, called, this.#sender);
    this.#inFlight.set(group.index, flight);
    this.#queued.add(group.index);
    if (injections.length > 0) this.#parts.draws.carry(this.#stream, group.index, injections);
    this.#parts.slots.enter(flight);
  }

  /** Calls that wait and should no longer be made are given up: nothing of them is in doubt. */
  #withdraw(): void {
    for (const index of this.#queued) {
      if (isWanted(this.state, this.state.groups[index] as Group)) continue;
      const flight = this.#inFlight.get(index) as Flight;
      if (!flight.recall()) this.#withdrawn(flight);
    }
  }

  #withdrawn(flight: Flight): void {
    const { group, at: step, direction, attempt } = flight.errand;
    if (!this.#parts.slots.leave(flight)) this.#parts.slots.end(flight);
    this.#queued.delete(group.index);
    this.#inFlight.delete(group.index);
    const at = this.#parts.clock.now();
    this.#outbox.push({ type: 'task-withdrawn', at, group: group.index, step, direction, attempt });
  }

  /** What was there before is durable: make the change. */
  #change(index: number, found: readonly number[]): void {
    this.#inFlight.get(index)?.run('run', found);
  }

  #heard(flight: Flight, phase: TaskJob['phase'], result: Heard): void {
    if (this.#killed || this.#inFlight.get(flight.errand.group.index) !== flight) return;
    if (result.kind !== 'recalled') {
      this.#parts.draws.heard(result, flight.errand.injections);
      this.#answered(flight.errand, phase, flight.positions, result);
      return;
    }
    this.#withdrawn(flight);
    this.wake();
  }

  #answered(
    errand: Errand,
    phase: TaskJob['phase'],
    positions: readonly number[],
    result: TaskResult | JobFault,
  ): void {
    const siteId = siteOf(this.state, errand.step);
    const entries = refusalEntries(errand, siteId, result.refused, this.#parts.clock.now());
    if (phase === 'before' && result.kind === 'task' && result.done !== '') {
      this.#prepared(errand, entries, result);
    } else if (phase === 'undo' && result.kind === 'task' && (result.accepted?.length ?? 0) > 0) {
      void this.#asker.untilEnded(errand, result).then((ended) => {
        if (!this.#killed) this.#end(errand, entries, ended, positions);
      });
    } else this.#end(errand, entries, result, positions);
  }

  #prepared(errand: Errand, entries: readonly Entry[], result: TaskResult): void {
    this.#early.set(errand.group.index, [...result.faults]);
    this.offer([
      ...entries,
      {
        type: 'task-prepared',
        at: this.#parts.clock.now(),
        group: errand.group.index,
        step: errand.at,
        direction: 'run',
        attempt: errand.attempt,
        before: result.before ?? {},
      },
    ]);
  }

  #end(
    errand: Errand,
    entries: readonly Entry[],
    result: TaskResult | JobFault,
    positions: readonly number[],
  ): void {
    const { index } = errand.group;
    const flight = this.#inFlight.get(index);
    this.#inFlight.delete(index);
    if (flight !== undefined) this.#parts.slots.end(flight);
    const faults = this.#early.get(index) ?? [];
    this.#early.delete(index);
    const now = this.#parts.clock.now();
    const outcome = outcomeEntries(errand, result, positions, { now, faults });
    this.offer([...entries, ...outcome]);
  }
}
