/** Drives the pure engine: decides, folds, and answers calls as a test says, with its own clock. */
import { decide, isWanted } from '../../daemon/core/engine/decide.ts';
import { begin, fold, foldAll } from '../../daemon/core/engine/fold.ts';
import { type Group, itemId, type RunState } from '../../daemon/core/engine/state.ts';
import type { Entry, RunStarted, TaskStarted } from '../../daemon/core/entries.ts';
import type { FrozenRun, FrozenStep, FrozenWorkgroup, Gate } from '../../daemon/core/frozen.ts';
import { stop } from '../../daemon/core/policy.ts';
import { encodeRanges } from '../../daemon/core/ranges.ts';
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
const noSlots = { room: () => false, take: () => {} };

const coordinatesOf = ({ group, step: at, direction, attempt }: TaskStarted) => ({
  group,
  step: at,
  direction,
  attempt,
});

/** A run in a test's hands: every entry is in `entries`; `trace` tells the calls. */
export class Drive {
  readonly entries: Entry[];
  readonly trace: string[] = [];
  readonly world: World;
  state: RunState;
  now: number;
  /** Intents wait for their turn: all of a decision are durable before the first is called. */
  readonly ahead: boolean;

  constructor(frozen: FrozenRun, world: World = {}, { ahead = false } = {}) {
    this.ahead = ahead;
    const started = startedWith(frozen);
    this.entries = [started];
    this.state = begin(started);
    this.world = world;
    this.now = started.at;
  }

  /** Turns until the run is parked or ended, or `max` entries were made. */
  run(max = 100_000): this {
    while (this.entries.length < max && this.turn());
    return this;
  }

  /** One turn; false when nothing more happens. */
  turn(): boolean {
    const decisions = decide(this.state, this.now, openSlots);
    if (this.ahead) this.#queue(decisions.entries);
    else for (const entry of decisions.entries) this.apply(entry);
    for (const index of decisions.settle) this.#settle(this.state.groups[index] as Group);
    for (const index of decisions.poll) this.#poll(this.state.groups[index] as Group);
    if (decisions.entries.length + decisions.settle.length + decisions.poll.length > 0) return true;
    if (decisions.wakeAtMs === undefined || this.state.result !== undefined) return false;
    this.now = Math.max(this.now + 1, decisions.wakeAtMs);
    return true;
  }

  /** Folds an entry; an intent is called at once. */
  apply(entry: Entry): void {
    this.entries.push(entry);
    fold(this.state, entry);
    if (entry.type === 'task-started') this.#call(entry);
  }

  /** Every intent is durable first; one that is unwanted when its turn comes is withdrawn. */
  #queue(entries: readonly Entry[]): void {
    for (const entry of entries) {
      this.entries.push(entry);
      fold(this.state, entry);
    }
    for (const entry of entries) {
      if (entry.type !== 'task-started') continue;
      const group = this.state.groups[entry.group] as Group;
      if (isWanted(this.state, group)) this.#call(entry);
      else this.apply({ ...coordinatesOf(entry), type: 'task-withdrawn', at: this.now });
      for (const decided of decide(this.state, this.now, noSlots).entries) this.apply(decided);
    }
  }

  /** As a crash: the state is folded anew, what was in flight is interrupted. */
  restart(): this {
    this.state = foldAll(this.entries);
    for (const group of this.state.groups) {
      const undo = group.standing === 'undo-started';
      if (!undo && group.standing !== 'started' && group.standing !== 'prepared') continue;
      this.apply({
        type: 'task-interrupted',
        at: this.now,
        group: group.index,
        step: undo ? (group.completed.at(-1)?.step ?? 0) : (group.chain[group.place] ?? 0),
        direction: undo ? 'undo' : 'run',
        attempt: group.task.attempt,
        reason: 'restart',
      });
    }
    return this;
  }

  #call(entry: TaskStarted): void {
    const group = this.state.groups[entry.group] as Group;
    const name = this.state.steps[entry.step]?.name ?? '';
    const positions = [...group.task.due];
    const where = {
      step: name,
      group: group.id,
      attempt: entry.attempt,
      direction: entry.direction,
    };
    this.trace.push(`${entry.direction === 'undo' ? 'undo ' : ''}${name} ${group.id}`);
    const coordinates = {
      at: this.now,
      group: entry.group,
      step: entry.step,
      direction: entry.direction,
      attempt: entry.attempt,
    };
    if (entry.direction === 'run' && this.state.steps[entry.step]?.before) {
      const before = Object.fromEntries(positions.map((at) => [at, `before ${itemId(group, at)}`]));
      this.apply({ type: 'task-prepared', ...coordinates, before });
    }
    const answers = positions.map((position) => ({
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
    this.apply({ type: 'task-outcome', ...coordinates, done: encodeRanges(done), faults });
  }

  #settle(group: Group): void {
    const name = this.state.steps[group.chain[group.place] ?? 0]?.name ?? '';
    this.trace.push(`settle ${name} ${group.id}`);
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
      ...this.#coordinates(group),
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
    const positions = [...group.task.accepted.keys()].sort((one, other) => one - other);
    this.apply({
      type: 'task-outcome',
      ...this.#coordinates(group),
      done: encodeRanges(positions),
      faults: [],
    });
  }

  #coordinates(group: Group) {
    return {
      at: this.now,
      group: group.index,
      step: group.chain[group.place] ?? 0,
      direction: 'run' as const,
      attempt: group.task.attempt,
    };
  }
}
