/**
 * Asks remotes: what became of tasks in doubt, and how accepted operations go. Asking begins
 * nothing, so it needs no intent; only its answers are journaled. All waiting is bounded.
 */
import type { Fault } from '../../sdk/plugin/fault.ts';
import { pause } from '../cluster/pause.ts';
import type { Clock } from '../core/clock.ts';
import type { Asking } from '../core/engine/decide.ts';
import { retryDelayMs } from '../core/engine/retry.ts';
import { type Group, itemId, type RunState } from '../core/engine/state.ts';
import type { Entry, ItemFaults, TaskSettled } from '../core/entries.ts';
import {
  pollDelayMsMax,
  pollDelayMsMin,
  settleAttemptsMax,
  settleDelayMsMax,
  settleDelayMsMin,
  stallMsMax,
} from '../core/limits.ts';
import { decodeRanges, encodeRanges } from '../core/ranges.ts';
import type { Feed } from '../feed/feed.ts';
import { steps } from '../steps/registry.ts';
import type { JobFault, Pool, TaskJob, TaskResult } from '../workers/pool.ts';
import type { Draws } from './draws.ts';
import { absentFault, type Errand, errandOf, type JobMaker, outcomeEntries } from './jobs.ts';

interface AskerParts {
  readonly state: RunState;
  readonly pool: Pool;
  readonly clock: Clock;
  readonly feed: Feed;
  readonly draws: Draws;
  readonly stream: string;
  readonly jobs: JobMaker;
  readonly offer: (entries: readonly Entry[]) => void;
}

const settleDelay = { delayMsMin: settleDelayMsMin, delayMsMax: settleDelayMsMax };
const pollDelay = { delayMsMin: pollDelayMsMin, delayMsMax: pollDelayMsMax };

type Operations = NonNullable<TaskResult['accepted']>;

interface Question {
  answered: boolean;
  /** Its step may lead on what it finds to have failed: no run rests beside it. */
  leads: boolean;
}

export class Asker implements Asking {
  readonly #parts: AskerParts;
  /** One question at a time for each workgroup; it stands until its answer is folded. */
  readonly #asking = new Map<number, Question>();
  #stopped = false;

  constructor(parts: AskerParts) {
    this.#parts = parts;
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Settles what is in doubt in a workgroup; the answers come as entries. */
  settle(group: Group): void {
    this.#ask(group, (question) => this.#settling(group, question));
  }

  /** Follows a workgroup's accepted operations until none is left. */
  poll(group: Group): void {
    this.#ask(group, (question) => this.#polling(group, question));
  }

  /**
   * Takes the answer upon the caller, who knows it without asking. False: one is on its way to the
   * journal already, and another would speak of what is settled by then.
   */
  preempt(index: number): boolean {
    const question = this.#asking.get(index);
    if (question?.answered) return false;
    if (question !== undefined) question.answered = true;
    else this.#asking.set(index, { answered: true, leads: false });
    return true;
  }

  get leads(): boolean {
    for (const { leads, answered } of this.#asking.values()) if (leads && !answered) return true;
    return false;
  }

  /** The answer is folded: from now on the workgroup may be asked about again. */
  heard(index: number): void {
    if (this.#asking.get(index)?.answered) this.#asking.delete(index);
  }

  #ask(group: Group, asking: (question: Question) => Promise<void>): void {
    if (this.#asking.has(group.index)) return;
    const question = { answered: false, leads: false };
    this.#asking.set(group.index, question);
    void asking(question).finally(() => {
      if (!question.answered) this.#asking.delete(group.index);
    });
  }

  #answer(question: Question, entries: readonly Entry[]): void {
    question.answered = true;
    this.#parts.offer(entries);
  }

  async #settling(group: Group, question: Question): Promise<void> {
    const errand = this.#errand(group);
    let doubtful = [...group.task.doubt.keys()].sort((one, other) => one - other);
    const since = this.#parts.clock.now();
    for (let tries = 1; doubtful.length > 0; tries++) {
      const job = this.#parts.jobs.make(errand, 'settle', doubtful);
      const result = await this.#run(job, errand);
      if (this.#over(question, group, 'doubt')) return;
      const outOfTime = this.#parts.clock.now() - since > stallMsMax;
      const running = new Set(
        result.kind === 'task' ? (result.running ?? []).map(({ item }) => item) : [],
      );
      // Who cancels does not wait for what goes on and on at the remote.
      const unhurried = running.size > 0 && !this.#parts.state.cancelling;
      const giveUp = outOfTime || (!unhurried && tries >= settleAttemptsMax);
      const answer = this.#settlement(errand, result, doubtful, giveUp);
      if (answer.entry !== undefined) {
        this.#answer(question, [answer.entry]);
        return;
      }
      doubtful = answer.open;
      await pause(this.#parts.clock, retryDelayMs(tries, settleDelay, `${group.id}/settle`));
      if (this.#over(question, group, 'doubt')) return;
    }
  }

  /** An entry as soon as anything is known (what is still open is asked about again after it). */
  #settlement(
    errand: Errand,
    result: TaskResult | JobFault,
    asked: number[],
    giveUp: boolean,
  ): { entry?: TaskSettled; open: number[] } {
    const done = result.kind === 'task' ? decodeRanges(result.done) : [];
    const absent = result.kind === 'task' ? decodeRanges(result.absent ?? '') : [];
    const unknowable = result.kind === 'task' ? [...(result.unknowable ?? [])] : [];
    const known = new Set([
      ...done,
      ...absent,
      ...unknowable.flatMap((lot) => decodeRanges(lot.items)),
    ]);
    const open = asked.filter((position) => !known.has(position));
    if (giveUp && open.length > 0) {
      unknowable.push({ items: encodeRanges(open), why: this.#whyOpen(errand, result) });
    }
    if (done.length + absent.length + unknowable.length === 0) return { open };
    return {
      open: [],
      entry: {
        type: 'task-settled',
        at: this.#parts.clock.now(),
        group: errand.group.index,
        step: errand.at,
        direction: 'run',
        attempt: errand.attempt,
        done: encodeRanges(done),
        absent: this.#absentLots(errand.group, absent),
        unknowable,
        ...(result.kind === 'task' && result.evidence !== undefined
          ? { evidence: result.evidence }
          : {}),
      },
    };
  }

  #whyOpen(errand: Errand, result: TaskResult | JobFault): string {
    const fault = result.kind === 'fault' ? result.fault : result.faults[0]?.fault;
    const cause = fault === undefined ? 'it is still under way' : fault.message;
    return `${errand.remoteId} could not say what became of ${errand.step.name}: ${cause}`;
  }

  #absentLots(group: Group, absent: readonly number[]): ItemFaults[] {
    const lots = new Map<Fault | undefined, number[]>();
    for (const position of absent) {
      const cause = group.task.doubt.get(position);
      const lot = lots.get(cause);
      if (lot === undefined) lots.set(cause, [position]);
      else lot.push(position);
    }
    return [...lots].map(([cause, positions]) => ({
      items: encodeRanges(positions),
      fault: absentFault(cause),
    }));
  }

  async #polling(group: Group, question: Question): Promise<void> {
    const errand = this.#errand(group);
    const watch = new StallWatch(this.#parts.clock);
    for (let tries = 1; group.task.accepted.size > 0; tries++) {
      await pause(this.#parts.clock, retryDelayMs(tries, pollDelay, `${group.id}/poll`));
      if (this.#over(question, group, 'accepted') || this.#parts.state.cancelling) return;
      const operations = [...group.task.accepted].map(([item, operation]) => ({ item, operation }));
      question.leads = steps.get(errand.step.name)?.judge !== undefined;
      const result = await this.#run(this.#pollJob(errand, operations), errand);
      this.#led(question);
      if (this.#over(question, group, 'accepted')) return;
      this.#tellProgress(errand, result);
      const ended = watch.judge(result, operations, errand.remoteId);
      const positions = operations.map(({ item }) => item);
      const entries = outcomeEntries(errand, ended, positions, {
        now: this.#parts.clock.now(),
      });
      if (entries.length > 0) {
        this.#answer(question, entries);
        return;
      }
    }
  }

  /** The run may have waited for it, to rest. */
  #led(question: Question): void {
    if (!question.leads) return;
    question.leads = false;
    this.#parts.offer([]);
  }

  /** With what its attempt carries, for the questions that it is for. */
  #errand(group: Group): Errand {
    const { state, stream, draws } = this.#parts;
    return errandOf(state, group, 'run', draws.carriedBy(stream, group.index));
  }

  async #run(job: TaskJob, { injections }: Errand): Promise<TaskResult | JobFault> {
    const result = await this.#parts.pool.run(job);
    this.#parts.draws.heard(result, injections);
    return result;
  }

  #pollJob(errand: Errand, operations: Operations): TaskJob {
    const positions = operations.map(({ item }) => item).sort((one, other) => one - other);
    return { ...this.#parts.jobs.make(errand, 'poll', positions), operations };
  }

  /** Follows the operations of an undo, which the journal sees only as its outcome. */
  async untilEnded(errand: Errand, first: TaskResult): Promise<TaskResult | JobFault> {
    const watch = new StallWatch(this.#parts.clock);
    let done = decodeRanges(first.done);
    let faults = [...first.faults];
    let operations = first.accepted ?? [];
    for (let tries = 1; operations.length > 0 && !this.#stopped; tries++) {
      await pause(this.#parts.clock, retryDelayMs(tries, pollDelay, `${errand.group.id}/undo`));
      const result = await this.#run(this.#pollJob(errand, operations), errand);
      const ended = watch.judge(result, operations, errand.remoteId);
      const named = new Set([
        ...decodeRanges(ended.done),
        ...ended.faults.flatMap(({ items }) => decodeRanges(items)),
      ]);
      done = [...done, ...decodeRanges(ended.done)];
      faults = [...faults, ...ended.faults];
      operations = operations.filter(({ item }) => !named.has(item));
    }
    return { kind: 'task', done: encodeRanges(done.sort((one, other) => one - other)), faults };
  }

  #tellProgress(errand: Errand, result: TaskResult | JobFault): void {
    if (result.kind !== 'task') return;
    for (const { item, progress } of result.running ?? []) {
      if (progress === undefined) continue;
      this.#parts.feed.progress(this.#parts.stream, {
        workgroupId: errand.group.id,
        step: errand.step.name,
        itemId: itemId(errand.group, item),
        fraction: progress,
      });
    }
  }

  #over(question: Question, group: Group, standing: Group['standing']): boolean {
    return this.#stopped || question.answered || group.standing !== standing;
  }
}

/** Notices operations that make no progress, or whose remote has not answered, for too long. */
class StallWatch {
  readonly #clock: Clock;
  readonly #last = new Map<number, { progress: number; atMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The poll's answer without what still runs; what has stalled is a time-out (in doubt). */
  judge(result: TaskResult | JobFault, operations: Operations, remoteId: string): TaskResult {
    const now = this.#clock.now();
    const moved = new Map<number, number>();
    const named = new Set<number>();
    if (result.kind === 'task') {
      for (const { item, progress } of result.running ?? []) moved.set(item, progress ?? 0);
      for (const position of decodeRanges(result.done)) named.add(position);
      for (const { items } of result.faults) for (const at of decodeRanges(items)) named.add(at);
    }
    const stalled: number[] = [];
    for (const { item } of operations) {
      if (named.has(item)) continue;
      const last = this.#last.get(item);
      const progress = moved.get(item) ?? last?.progress ?? 0;
      if (last === undefined || progress > last.progress) {
        this.#last.set(item, { progress, atMs: now });
      } else if (now - last.atMs > stallMsMax) stalled.push(item);
    }
    // A poll that could not be made says nothing of the operation, and is a fault of the whole job.
    const faults = result.kind === 'task' ? [...result.faults] : [];
    if (stalled.length > 0) faults.push({ items: encodeRanges(stalled), fault: stall(remoteId) });
    const task = result.kind === 'task' ? result : undefined;
    return {
      kind: 'task',
      done: task?.done ?? '',
      ...(task?.evidence === undefined ? {} : { evidence: task.evidence }),
      faults,
    };
  }
}

const stall = (remoteId: string): Fault => ({
  kind: 'timeout',
  owner: 'array',
  code: 'STALLED',
  message: `an operation at ${remoteId} has made no progress for ${stallMsMax / 60_000} minutes`,
});
