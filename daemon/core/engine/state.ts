/**
 * A run's state: what its entries say, and nothing else. Built by `fold`, read by `decide` and the
 * views; a restart folds the same entries and stands where the run stood.
 *
 * A workgroup moves in lockstep: all its live items are at the same step. Its current task sorts
 * those items into disjoint lots; an empty `due` with nothing else left means that the step is
 * done.
 */
import type { Fault } from '../../../sdk/plugin/fault.ts';
import type { RunResult, RunStarted } from '../entries.ts';
import { type FrozenRun, type FrozenStep, type FrozenWorkgroup, takes } from '../frozen.ts';
import { encodeRanges } from '../ranges.ts';
import { type GateBook, openGateBook } from './gates.ts';
import { Heap } from './heap.ts';
import { Lot } from './lot.ts';
import { ReadyQueue } from './ready.ts';

/** Where a workgroup stands: in its current task, or for good. */
export type Standing =
  /** Its step has not begun: gates, a halt, or its turn. */
  | 'waiting'
  /** The intent is durable; a call is (or was) in flight. */
  | 'started'
  /** What was there before is durable; the change itself is in flight. */
  | 'prepared'
  /** The remote works on accepted operations; they are polled. */
  | 'accepted'
  /** Items whose effect nobody knows: to be settled. */
  | 'doubt'
  /** Faults that the policy has not judged yet. */
  | 'judging'
  /** A rerun is due at `retryAtMs`. */
  | 'backoff'
  /** A person must decide. */
  | 'stopped'
  /** Every step is done. */
  | 'finished'
  /** No item is left. */
  | 'dropped'
  /** To be undone, when its turn in the rollback comes. */
  | 'undo-waiting'
  | 'undo-started'
  /** An undo failed and is tried again at `retryAtMs`. */
  | 'undo-backoff'
  /** Undone as far as it can be. */
  | 'undone'
  /** An undo failed for good: a person must repair. */
  | 'stuck';

/** Why nobody can say what became of an item's call, and the fault that put it in doubt. */
export interface Unknowable {
  readonly why: string;
  readonly cause?: Fault;
}

/** Lots of one task's items, by position in the workgroup. */
export interface Task {
  attempt: number;
  /** Not yet done in this step, and nothing of it is under way. */
  due: readonly number[];
  done: readonly number[];
  faulted: Lot<Fault>;
  /** Failed here once, whatever was made of it: may be half changed until it is done. */
  half: Lot<true>;
  doubt: Lot<Fault>;
  accepted: Lot<string>;
  unknowable: Lot<Unknowable>;
  /** What the policy last made of an item's own fault, for those that have one. */
  notes: Lot<Note>;
  before: Readonly<Record<string, unknown>>;
  retryAtMs: number;
  startedAtMs: number;
}

/** A step that a workgroup has completed: what an undo needs to know. */
export interface Completed {
  readonly step: number;
  readonly items: readonly number[];
  readonly before: Readonly<Record<string, unknown>>;
}

/** Something that went wrong, and what was made of it. */
export interface Note {
  readonly fault?: Fault;
  readonly why: string;
}

/** Why an item takes no further part. */
export interface Loss {
  readonly step: number;
  readonly why: string;
  readonly fault?: Fault;
}

/** Why an item was left as it is by a rollback. */
export interface Kept {
  readonly why: string;
  /** Nobody knows what it is like. */
  readonly doubt: boolean;
  /** Of this step it was not undone; absent: of the one that it had come to. */
  readonly step?: number;
  /**
   * What is left with it: nothing (`effect`), what it did before (absent), or also what stands on
   * that, or it on (`ground`).
   */
  readonly reach?: 'effect' | 'ground';
  /** A person's next retry undoes it. */
  readonly again?: true;
  /** What its undo failed with. */
  readonly fault?: Fault;
}

export interface Group {
  readonly index: number;
  readonly id: string;
  readonly frozen: FrozenWorkgroup;
  /** Position of the workgroup that it was split from; its own otherwise. */
  readonly origin: number;
  /** The steps that are for its unit and path, as positions in the run's steps. */
  readonly chain: readonly number[];
  /** Position in `chain`. */
  place: number;
  standing: Standing;
  live: readonly number[];
  /** `encodeRanges(live)`: an outcome that says exactly this is done whole. */
  liveText: string;
  losses: Lot<Loss>;
  /** Items that another run has done: its id. They are through, and not live. */
  elsewhere: Lot<string>;
  /** Runs that have something of it in their hands; while it has not begun. */
  waits: readonly string[];
  /** Those of them that are parked. */
  waitsParked: readonly string[];
  /** A person has taken it upon them what another run left in doubt. */
  insists: boolean;
  task: Task;
  completed: Completed[];
  /** Items that failed in the step from which the workgroup was rolled back. */
  causes: Lot<Fault>;
  /** Items whose undo was tried and is not known to be done: the fault that leaves most open. */
  undoFaults: Lot<Fault>;
  /** Items with an attempt to undo in doubt: it may land after another one has succeeded. */
  undoDoubt: Lot<true>;
  /** Items whose undo failed or was skipped: left as they are. */
  kept: Lot<Kept>;
  /** What a person's next retry undoes, latest last. */
  left: readonly Completed[];
  /** Items that a step which `stays` has changed, or may have, and that were to be rolled back. */
  stayed: readonly number[];
  /** The last thing that went wrong, and what was made of it. */
  note: Note | undefined;
  /** Behind a stopped workgroup: nothing here can run until a person decides there. */
  blocked: boolean;
  undoAttempt: number;
  /** Reruns since the task began or a person resumed it. */
  tries: number;
  /** A STOP came: nothing more of it starts until a person decides. */
  stopping: boolean;
}

export interface RunState {
  readonly started: RunStarted;
  readonly frozen: FrozenRun;
  readonly steps: FrozenStep[];
  readonly groups: Group[];
  readonly gates: GateBook;
  readonly ready: ReadyQueue;
  /** Workgroup → itself and the parts that were split from it. */
  readonly parts: Map<number, number[]>;
  /** Storage workgroup → the VM workgroups that stand on it. */
  readonly standers: Map<number, number[]>;
  /** Storage workgroup → calls that may have let a writer in at the recovery side. */
  readonly noReturn: Map<number, number>;
  /** Reruns that are not due yet, by moment. */
  readonly delayed: Heap<number>;
  /** Workgroups that may have come to the start of their step. */
  readonly arrivals: Set<number>;
  /** Workgroups to be looked at by the next `decide`. */
  readonly agenda: Set<number>;
  readonly lostSites: Set<string>;
  /** Protection group ids (or `*` for the run) in which nothing new starts. */
  readonly halts: Map<string, string>;
  /** Workgroups that are being rolled back. */
  readonly rollback: Set<number>;
  /** Those of them that are not undone yet. */
  readonly returning: Set<number>;
  /** How many of them are still in flight, or in the middle of an undo. */
  restless: number;
  /** The licence under which it is driven; higher each time another member takes it over. */
  epoch: number;
  cancelling: boolean;
  /** Ids of requests that came through a queue and are done: they may come again. */
  readonly requestIds: Set<string>;
  /** What was said by whoever asked it to stop last. */
  cancelReason: string;
  parked: 'stopped' | 'cancelled' | 'stuck' | 'doubt' | undefined;
  result: RunResult | undefined;
  endedAtMs: number | undefined;
  supersededBy: string | undefined;
  /** How many workgroups are in each standing. */
  readonly tally: Record<Standing, number>;
  /** Items done, failed, per step. */
  readonly stepDone: number[];
  readonly stepFailed: number[];
  readonly stepTasksDone: number[];
  refusedCalls: number;
  /** Sequence number of the newest entry that was folded. */
  cursor: number;
}

/** Shared: what is in a task is replaced, never changed. */
const none: readonly number[] = [];
const noSteps: readonly Completed[] = [];
const nothing: Readonly<Record<string, unknown>> = {};

export const newTask = (due: readonly number[], attempt = 0): Task => ({
  attempt,
  due,
  done: none,
  faulted: new Lot(),
  half: new Lot(),
  doubt: new Lot(),
  accepted: new Lot(),
  unknowable: new Lot(),
  notes: new Lot(),
  before: nothing,
  retryAtMs: 0,
  startedAtMs: 0,
});

const positions = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

export const newGroup = (
  index: number,
  frozen: FrozenWorkgroup,
  chain: readonly number[],
  more: { id: string; origin: number; live: readonly number[]; place: number },
): Group => ({
  index,
  id: more.id,
  frozen,
  origin: more.origin,
  chain,
  place: more.place,
  standing: 'waiting',
  live: more.live,
  liveText: encodeRanges(more.live),
  losses: new Lot(),
  elsewhere: new Lot(),
  waits: [],
  waitsParked: [],
  insists: false,
  causes: new Lot(),
  task: newTask(more.live),
  completed: [],
  undoFaults: new Lot(),
  undoDoubt: new Lot(),
  kept: new Lot(),
  left: noSteps,
  stayed: none,
  note: undefined,
  blocked: false,
  undoAttempt: 0,
  tries: 0,
  stopping: false,
});

const emptyTally = (): Record<Standing, number> => ({
  waiting: 0,
  started: 0,
  prepared: 0,
  accepted: 0,
  doubt: 0,
  judging: 0,
  backoff: 0,
  stopped: 0,
  finished: 0,
  dropped: 0,
  'undo-waiting': 0,
  'undo-started': 0,
  'undo-backoff': 0,
  undone: 0,
  stuck: 0,
});

export const addStander = (standers: Map<number, number[]>, group: Group): void => {
  if (group.frozen.unit !== 'vm') return;
  const list = standers.get(group.frozen.storage);
  if (list === undefined) standers.set(group.frozen.storage, [group.index]);
  else list.push(group.index);
};

/** Workgroups of one unit and path share their chain: there are few of these, whatever the run. */
const chainsOf = ({ steps }: FrozenRun): ((group: FrozenWorkgroup) => readonly number[]) => {
  const chains = new Map<string, readonly number[]>();
  return (group) => {
    const key = `${group.unit} ${group.path}`;
    let chain = chains.get(key);
    if (chain === undefined) {
      chain = steps.flatMap((step, at) => (takes(step, group) ? [at] : []));
      chains.set(key, chain);
    }
    return chain;
  };
};

/** The state after a run's first entry. */
export const openRun = (started: RunStarted): RunState => {
  const { frozen } = started;
  const chainOf = chainsOf(frozen);
  const groups = frozen.workgroups.map((workgroup, index) =>
    newGroup(index, workgroup, chainOf(workgroup), {
      id: workgroup.id,
      origin: index,
      live: positions(workgroup.items.length),
      place: 0,
    }),
  );
  const tally = emptyTally();
  for (const group of groups) {
    if (group.chain.length === 0) group.standing = 'finished';
    else if (group.live.length === 0) group.standing = 'dropped';
    tally[group.standing]++;
  }
  const standers = new Map<number, number[]>();
  for (const group of groups) addStander(standers, group);
  return {
    started,
    frozen,
    steps: [...frozen.steps],
    groups,
    gates: openGateBook(frozen),
    ready: new ReadyQueue(),
    parts: new Map(),
    standers,
    noReturn: new Map(),
    delayed: new Heap(),
    arrivals: new Set(groups.keys()),
    agenda: new Set(),
    lostSites: new Set(started.lostSites),
    epoch: 1,
    halts: new Map(),
    rollback: new Set(),
    returning: new Set(),
    restless: 0,
    cancelling: false,
    requestIds: new Set(),
    cancelReason: '',
    parked: undefined,
    result: undefined,
    endedAtMs: undefined,
    supersededBy: undefined,
    tally,
    stepDone: frozen.steps.map(() => 0),
    stepFailed: frozen.steps.map(() => 0),
    stepTasksDone: frozen.steps.map(() => 0),
    refusedCalls: 0,
    cursor: 1,
  };
};

/** A frozen workgroup, and what was split from it. */
export const partsOf = (state: RunState, origin: number): readonly Group[] =>
  (state.parts.get(origin) ?? [origin]).map((index) => state.groups[index] as Group);

/** The position, in the run's steps, of the step that a workgroup is at. */
export const stepAt = (group: Group): number => group.chain[group.place] ?? -1;

/** The site of the remote that a step on a workgroup talks to. */
export const siteOf = (state: RunState, step: FrozenStep): string =>
  step.side === 'protected' ? state.frozen.protectedSiteId : state.frozen.recoverySiteId;

export const itemId = (group: Group, position: number): string =>
  group.frozen.items[position]?.id ?? `#${position}`;
