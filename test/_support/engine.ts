/** Drives the pure engine: decides, folds, and answers calls as a test says, with its own clock. */
import { withIntents } from '../../daemon/core/engine/ahead.ts';
import type { Claims } from '../../daemon/core/engine/claims.ts';
import { decide, isWanted } from '../../daemon/core/engine/decide.ts';
import { begin, fold } from '../../daemon/core/engine/fold.ts';
import { type Group, itemId, type RunState } from '../../daemon/core/engine/state.ts';
import type {
  Decision,
  Entry,
  RunResumed,
  RunStarted,
  TaskStarted,
} from '../../daemon/core/entries.ts';
import type { FrozenRun, FrozenStep, FrozenWorkgroup, Gate } from '../../daemon/core/frozen.ts';
import { stop } from '../../daemon/core/policy.ts';
import { decodeRanges, encodeRanges } from '../../daemon/core/ranges.ts';
import type { Fault } from '../../sdk/plugin/fault.ts';

/** What a call of a task comes to, for one item. */
export type ItemAnswer = 'ok' | Fault | 'lost' | { readonly operation: string };
export type Settled = 'done' | 'absent' | { readonly unknowable: string };

export interface World {
  answer?(call: {
    step: string;
    group: string;
    item: string;
    attempt: number;
    direction: 'run' | 'undo';
  }): ItemAnswer;
  settle?(call: { step: string; group: string; item: string }): Settled;
  /** Shown every entry, with the state that it led to. */
  see?(entry: Entry, state: RunState): void;
  readonly claims?: Claims;
  /** Told of every call of a task when it is made. */
  called?(intent: TaskStarted, state: RunState): void;
}

/**
 * How fast workgroups answer. `at-once`: each call before anything else is decided; `ascending`,
 * `descending`: of all that is in flight always the first, or last, workgroup; `together`: all
 * that is in flight before anything else is decided; `beside`: as well, and what can be decided
 * beside the outcomes is appended with them. `ahead`: intents are durable before there is a
 * slot for their call; one call at a time, in that order, and what is unwanted when its turn comes
 * is withdrawn.
 */
export const paces = ['ascending', 'descending', 'together', 'beside', 'ahead'] as const;
export type Pace = 'at-once' | (typeof paces)[number];

/** What a remote has been, or is to be, asked and has not answered yet. */
interface Asked {
  readonly phase: 'before' | 'run' | 'undo' | 'settle' | 'poll';
  readonly group: number;
  readonly step: number;
  readonly attempt: number;
  readonly positions: readonly number[];
  /** The call is still to be made. */
  readonly intent?: TaskStarted;
}

export const step = (name: string, more: Partial<FrozenStep> = {}): FrozenStep => ({
  name,
  unit: 'vm',
  side: 'recovery',
  remote: 'compute',
  timeoutMs: 1_000,
  before: false,
  undo: 'undo',
  policy: { rules: [], otherwise: stop() },
  inFlightMax: 1_000,
  ...more,
});

export const workgroup = (
  id: string,
  items: readonly string[],
  more: Partial<FrozenWorkgroup> = {},
): FrozenWorkgroup => ({
  id,
  unit: id.startsWith('s') ? 'storage' : 'vm',
  protectionGroupId: 'pg',
  storage: 0,
  priority: 3,
  items: items.map((item) =>
    id.startsWith('s')
      ? {
          id: item,
          protected: { id: item, devices: [item] },
          recovery: { id: item, devices: [item] },
          datastores: [],
        }
      : { id: item, on: [0], datastoreIds: [] },
  ) as FrozenWorkgroup['items'],
  dependsOn: [],
  protectedArrayId: 'array-a',
  recoveryArrayId: 'array-b',
  protectedComputeId: 'compute-a',
  recoveryComputeId: 'compute-b',
  ...more,
});

export const frozenRun = (
  steps: readonly FrozenStep[],
  workgroups: readonly FrozenWorkgroup[],
  gates: readonly Gate[] = [],
): FrozenRun => ({
  mode: 'planned',
  planId: 'plan',
  protectedSiteId: 'site-a',
  recoverySiteId: 'site-b',
  steps,
  workgroups,
  gates,
  inFlightMax: {},
});

export const startedWith = (frozen: FrozenRun, at = 1_000): RunStarted => ({
  type: 'run-started',
  at,
  runId: 'run-1',
  requester: 'tester',
  requestKey: 'key',
  initiatorId: 'initiator',
  frozen,
  lostSites: [],
});

const openSlots = { room: () => true, take: () => {} };

/** What came next to the workgroup tells whether the call was made. */
const isWithdrawn = ({ group }: TaskStarted, later: readonly Entry[]): boolean =>
  later.find((entry) => 'direction' in entry && entry.group === group)?.type === 'task-withdrawn';

/** A run in a test's hands: every entry is in `entries`; `trace` tells the calls. */
export class Drive {
  readonly entries: Entry[];
  readonly trace: string[] = [];
  readonly world: World;
  readonly pace: Pace;
  state: RunState;
  now: number;
  /** Workgroup → what it waits for; nothing at the pace `at-once`. */
  readonly #asked = new Map<number, Asked>();
  /** Outcomes that are to be appended together; only at the pace `beside`. */
  #told: Entry[] = [];

  constructor(frozen: FrozenRun, world: World = {}, pace: Pace = 'at-once') {
    const started = startedWith(frozen);
    this.entries = [started];
    this.state = begin(started);
    this.world = world;
    this.pace = pace;
    this.now = started.at;
  }

  /** Turns until the run is parked or ended, or `max` entries were made. */
  run(max = 100_000): this {
    while (this.entries.length < max && this.turn());
    return this;
  }

  /** One turn; false when nothing more happens. */
  turn(): boolean {
    const decisions = decide(this.state, this.now, openSlots, this.world.claims);
    for (const entry of decisions.entries) this.apply(entry);
    for (const index of decisions.settle) this.#inquire(index, 'settle');
    for (const index of decisions.poll) this.#inquire(index, 'poll');
    if (decisions.entries.length + decisions.settle.length + decisions.poll.length > 0) return true;
    if (this.#hear()) return true;
    if (decisions.wakeAtMs === undefined || this.state.result !== undefined) return false;
    this.now = Math.max(this.now + 1, decisions.wakeAtMs);
    return true;
  }

  /** Folds an entry; an intent is called at once. */
  apply(entry: Entry): void {
    this.entries.push(entry);
    fold(this.state, entry);
    this.world.see?.(entry, this.state);
    if (entry.type === 'task-started') this.#intend(entry);
  }

  /** As a crash: the entries are folded anew, what was in flight is interrupted. */
  restart(): this {
    return this.found(this.entries).interrupt();
  }

  /** What a daemon does first with the runs that it finds. */
  interrupt(): this {
    for (const group of this.state.groups) {
      const undo = group.standing === 'undo-started';
      if (!undo && group.standing !== 'started' && group.standing !== 'prepared') continue;
      this.apply({
        type: 'task-interrupted',
        ...this.#coordinates(group, undo ? 'undo' : 'run'),
        reason: 'restart',
      });
    }
    return this;
  }

  /** Stands where `entries` lead; nothing is in flight. */
  found(entries: readonly Entry[]): this {
    const known = [...entries];
    this.#asked.clear();
    this.entries.splice(0, this.entries.length, ...known);
    this.state = begin(known[0] as RunStarted);
    for (const [at, entry] of known.entries()) {
      if (at === 0) continue;
      fold(this.state, entry);
      this.world.see?.(entry, this.state);
      if (entry.type === 'task-started' && !isWithdrawn(entry, known.slice(at + 1))) {
        this.world.called?.(entry, this.state);
      }
      this.now = Math.max(this.now, entry.at);
    }
    return this;
  }

  resume(decision: Decision, policies: RunResumed['policies'] = {}): this {
    this.apply({ type: 'run-resumed', at: this.now, requester: 'me', decision, policies });
    return this;
  }

  /** An intent is durable. */
  #intend(intent: TaskStarted): void {
    const { group: index, step: at, attempt } = intent;
    const { task } = this.state.groups[index] as Group;
    const due = intent.items === undefined ? [...task.due] : decodeRanges(intent.items);
    const before = this.state.steps[at]?.before === true;
    const phase = intent.direction === 'undo' ? 'undo' : before ? 'before' : 'run';
    const asked = { phase, group: index, step: at, attempt, positions: due } as const;
    if (this.pace === 'ahead') this.#asked.set(index, { ...asked, intent });
    else {
      this.#call(intent);
      this.#ask(asked);
    }
  }

  #call(intent: TaskStarted): void {
    const group = this.state.groups[intent.group] as Group;
    const { name } = this.state.steps[intent.step] as FrozenStep;
    this.trace.push(`${intent.direction === 'undo' ? 'undo ' : ''}${name} ${group.id}`);
    this.world.called?.(intent, this.state);
  }

  #inquire(index: number, phase: 'settle' | 'poll'): void {
    const group = this.state.groups[index] as Group;
    if (this.#asked.has(index)) return;
    const { step: at, attempt } = this.#coordinates(group, 'run');
    if (phase === 'settle') this.trace.push(`settle ${this.state.steps[at]?.name} ${group.id}`);
    this.#ask({ phase, group: index, step: at, attempt, positions: [] });
  }

  #ask(asked: Asked): void {
    if (this.pace === 'at-once') this.#answer(asked);
    else this.#asked.set(asked.group, asked);
  }

  /** The next answer comes, or all of them; false when nothing is in flight. */
  #hear(): boolean {
    const heard = this.#nextAsked();
    for (const asked of heard) {
      this.#asked.delete(asked.group);
      if (asked.intent === undefined || this.#isCalled(asked.intent)) this.#answer(asked);
    }
    const told = this.#told;
    this.#told = [];
    for (const entry of withIntents(this.state, told, this.now, openSlots, this.world.claims))
      this.apply(entry);
    return heard.length > 0;
  }

  #nextAsked(): readonly Asked[] {
    if (this.pace === 'ahead') {
      const [first] = this.#asked.values();
      return first === undefined ? [] : [first];
    }
    const waiting = [...this.#asked.values()].sort((one, other) => one.group - other.group);
    if (this.pace === 'descending') waiting.reverse();
    const all = this.pace === 'together' || this.pace === 'beside';
    return all ? waiting : waiting.slice(0, 1);
  }

  /** There is a slot for an intent: it is called, or withdrawn if nobody wants it any more. */
  #isCalled(intent: TaskStarted): boolean {
    const group = this.state.groups[intent.group] as Group;
    if (isWanted(this.state, group)) {
      this.#call(intent);
      return true;
    }
    const { step: at, direction, attempt } = intent;
    const coordinates = { at: this.now, group: group.index, step: at, direction, attempt };
    this.apply({ type: 'task-withdrawn', ...coordinates });
    return false;
  }

  #answer(asked: Asked): void {
    const group = this.state.groups[asked.group] as Group;
    if (asked.phase === 'settle') this.#settle(group);
    else if (asked.phase === 'poll') this.#poll(group);
    else if (asked.phase === 'before') this.#prepare(asked, group);
    else this.#end(asked, group);
  }

  #tell(outcome: Entry): void {
    if (this.pace === 'beside') this.#told.push(outcome);
    else this.apply(outcome);
  }

  #prepare(asked: Asked, group: Group): void {
    const before = Object.fromEntries(
      asked.positions.map((at) => [at, `before ${itemId(group, at)}`]),
    );
    this.apply({ type: 'task-prepared', ...this.#coordinates(group, 'run'), before });
    const { intent: _called, ...rest } = asked;
    this.#ask({ ...rest, phase: 'run' });
  }

  #end(asked: Asked, group: Group): void {
    const direction = asked.phase === 'undo' ? 'undo' : 'run';
    const { attempt } = asked;
    const coordinates = { ...this.#coordinates(group, direction), attempt };
    const where = {
      step: this.state.steps[asked.step]?.name ?? '',
      group: group.id,
      attempt,
      direction,
    } as const;
    const answers = asked.positions.map((position) => ({
      position,
      answer: this.world.answer?.({ ...where, item: itemId(group, position) }) ?? 'ok',
    }));
    if (answers.some(({ answer }) => answer === 'lost')) return;
    const operations = answers.flatMap(({ position, answer }) =>
      typeof answer === 'object' && 'operation' in answer
        ? [{ item: position, operation: answer.operation }]
        : [],
    );
    if (operations.length > 0) this.apply({ type: 'task-accepted', ...coordinates, operations });
    const done = answers.filter(({ answer }) => answer === 'ok').map(({ position }) => position);
    const faults = answers.flatMap(({ position, answer }) =>
      typeof answer === 'object' && 'kind' in answer
        ? [{ items: String(position), fault: answer }]
        : [],
    );
    if (done.length + faults.length === 0) return;
    this.#tell({ type: 'task-outcome', ...coordinates, done: encodeRanges(done), faults });
  }

  #settle(group: Group): void {
    if (group.standing !== 'doubt') return;
    const name = this.state.steps[group.chain[group.place] ?? 0]?.name ?? '';
    const verdicts = [...group.task.doubt].map(([position, cause]) => ({
      position,
      cause,
      verdict:
        this.world.settle?.({ step: name, group: group.id, item: itemId(group, position) }) ??
        'done',
    }));
    const of = (wanted: string) =>
      verdicts.filter(({ verdict }) => verdict === wanted).map(({ position }) => position);
    this.apply({
      type: 'task-settled',
      ...this.#coordinates(group, 'run'),
      done: encodeRanges(of('done').sort((one, other) => one - other)),
      absent: verdicts
        .filter(({ verdict }) => verdict === 'absent')
        .map(({ position, cause }) => ({
          items: String(position),
          fault: { ...cause, kind: 'interrupted' as const },
        })),
      unknowable: verdicts.flatMap(({ position, verdict }) =>
        typeof verdict === 'object' ? [{ items: String(position), why: verdict.unknowable }] : [],
      ),
    });
  }

  #poll(group: Group): void {
    if (group.standing !== 'accepted') return;
    const positions = [...group.task.accepted.keys()].sort((one, other) => one - other);
    this.apply({
      type: 'task-outcome',
      ...this.#coordinates(group, 'run'),
      done: encodeRanges(positions),
      faults: [],
    });
  }

  #coordinates(group: Group, direction: 'run' | 'undo') {
    const undone = group.completed.at(-1)?.step ?? 0;
    return {
      at: this.now,
      group: group.index,
      step: direction === 'undo' ? undone : (group.chain[group.place] ?? 0),
      direction,
      attempt: group.task.attempt,
    };
  }
}
