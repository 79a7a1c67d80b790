/**
 * From a task's place in the state to the job that a worker gets, and from its answer to entries.
 */
import type { Fault } from '../../sdk/plugin/fault.ts';
import type { OperationDirection } from '../../sdk/plugin/verbs.ts';
import type { Coordinates } from '../core/draw.ts';
import { type Group, type RunState, siteOf, stepAt } from '../core/engine/state.ts';
import type { Entry, ItemFaults, TaskStarted } from '../core/entries.ts';
import { type FrozenStep, remoteOf } from '../core/frozen.ts';
import { type Injection, injectionsOf } from '../core/injection.ts';
import { type Presentations, renamesAt } from '../core/presentation.ts';
import { decodeRanges, encodeRanges } from '../core/ranges.ts';
import { callsOf } from '../steps/calls.ts';
import { namedOf } from '../steps/named.ts';
import { steps } from '../steps/registry.ts';
import type { JobFault, TaskJob, TaskResult } from '../workers/pool.ts';

/** One task attempt, as the agent follows it. */
export interface Errand {
  readonly group: Group;
  readonly at: number;
  readonly step: FrozenStep;
  readonly direction: OperationDirection;
  readonly attempt: number;
  readonly remoteId: string;
  readonly injections: readonly Injection[];
}

/** What a workgroup is about to do, or to undo. */
export const errandOf = (
  state: RunState,
  group: Group,
  direction: OperationDirection,
  injections: readonly Injection[] = [],
): Errand => {
  const at = direction === 'undo' ? (group.completed.at(-1)?.step ?? 0) : stepAt(group);
  return errandAt(state, group, direction, at, injections);
};

/** The same at a step that it may have left behind. */
export const errandAt = (
  state: RunState,
  group: Group,
  direction: OperationDirection,
  at: number,
  injections: readonly Injection[] = [],
): Errand => {
  const step = state.steps[at] as FrozenStep;
  return {
    group,
    at,
    step,
    direction,
    attempt: direction === 'undo' ? group.undoAttempt + 1 : group.task.attempt,
    remoteId: remoteOf(step, group.frozen),
    injections,
  };
};

const callsBy = (name: string, direction: OperationDirection): Pick<Coordinates, 'calls'> => {
  const step = steps.get(name);
  return step === undefined ? {} : { calls: callsOf(step, direction) };
};

/** Where an attempt stands, for what is drawn for it. */
export const coordinatesOf = (
  state: RunState,
  group: Group,
  { direction, attempt, step: at, items }: Omit<TaskStarted, 'type' | 'at' | 'group'>,
  presentations: Presentations = new Map(),
): Coordinates => {
  const step = state.steps[at] as FrozenStep;
  const { planId, mode } = state.frozen;
  const remoteId = remoteOf(step, group.frozen);
  const due = () => (items === undefined ? [...group.frozen.items.keys()] : decodeRanges(items));
  return {
    runId: state.started.runId,
    planId,
    mode,
    step: step.name,
    workgroup: group.id,
    direction,
    attempt,
    remoteId,
    siteId: siteOf(state, step),
    ...callsBy(step.name, direction),
    // By which ids it is called where these are not the ones shown is found out with the call.
    ...(!renamesAt(presentations, remoteId) && {
      targets: () => namedOf(group.frozen, due(), step),
    }),
  };
};

/** What the phase has to know of how things were, as text: most do not, and it may be long. */
const beforeOf = ({ group, step }: Errand, phase: TaskJob['phase']): string | undefined => {
  if (phase === 'undo') return JSON.stringify(group.completed.at(-1)?.before ?? {});
  const { before } = group.task;
  const asks = phase === 'before' ? Object.keys(before).length > 0 : steps.get(step.name)?.prove;
  return asks ? JSON.stringify(before) : undefined;
};

/** What the jobs of one step of a run have in common, at one remote, in one phase. */
type Common = Omit<TaskJob, 'workgroup' | 'items' | 'attempt'>;

/** Makes jobs; what many of them share, and each workgroup's items as text, is made once. */
export class JobMaker {
  readonly #state: RunState;
  readonly #remembers: () => boolean;
  readonly #items: string[] = [];
  /** By step, the newest: tasks of one step come one after the other. */
  readonly #common: (Common | undefined)[] = [];

  /** `remembers`: whether answers are to be remembered for now (see the pool's jobs). */
  constructor(state: RunState, remembers: () => boolean) {
    this.#state = state;
    this.#remembers = remembers;
  }

  make(errand: Errand, phase: TaskJob['phase'], positions: readonly number[]): TaskJob {
    const { group, injections } = errand;
    const job: TaskJob = {
      ...this.#commonOf(errand, phase),
      workgroup: group.id,
      items: this.#itemsOf(group),
      attempt: errand.attempt,
    };
    const whole = positions.length === group.frozen.items.length;
    const before = beforeOf(errand, phase);
    const remembers = this.#remembers();
    if (whole && before === undefined && injections.length === 0 && !remembers) return job;
    return {
      ...job,
      ...(whole ? {} : { only: encodeRanges(positions) }),
      ...(before === undefined ? {} : { before }),
      ...(injections.length === 0 || phase === 'ask'
        ? {}
        : { injections: injectionsOf(injections, phase) }),
      ...(remembers ? { remembers } : {}),
    };
  }

  #commonOf({ at, step, direction, remoteId }: Errand, phase: TaskJob['phase']): Common {
    const { started, frozen, epoch } = this.#state;
    const known = this.#common[at];
    const isSame =
      known?.phase === phase &&
      known.direction === direction &&
      known.remoteId === remoteId &&
      known.epoch === epoch;
    if (isSame) return known;
    const made: Common = {
      kind: 'task',
      remoteId,
      step: step.name,
      phase,
      runId: started.runId,
      mode: frozen.mode,
      side: step.side,
      ...(frozen.args === undefined ? {} : { args: frozen.args }),
      key: `${started.initiatorId}/${step.name}/${direction}`,
      epoch,
      timeoutMs: step.timeoutMs,
      direction,
    };
    this.#common[at] = made;
    return made;
  }

  #itemsOf(group: Group): string {
    const made = this.#items[group.origin];
    if (made !== undefined) return made;
    const text = JSON.stringify(group.frozen.items);
    this.#items[group.origin] = text;
    return text;
  }
}

const coordinates = (errand: Errand, at: number) => ({
  at,
  group: errand.group.index,
  step: errand.at,
  direction: errand.direction,
  attempt: errand.attempt,
});

/** Calls that the gateway refused, for the journal. */
export const refusalEntries = (
  errand: Errand,
  siteId: string,
  refused: readonly string[] | undefined,
  now: number,
): Entry[] =>
  (refused ?? []).map((verb) => ({
    type: 'call-refused',
    ...coordinates(errand, now),
    siteId,
    verb,
  }));

/**
 * What an attempt came to. `positions`: what was asked; a job that failed whole failed for each.
 */
export const outcomeEntries = (
  errand: Errand,
  result: TaskResult | JobFault,
  positions: readonly number[],
  more: { readonly now: number; readonly faults?: readonly ItemFaults[] },
): Entry[] => {
  const where = coordinates(errand, more.now);
  const earlier = more.faults ?? [];
  if (result.kind === 'fault') {
    const faults = [...earlier, { items: encodeRanges(positions), fault: result.fault }];
    return [{ type: 'task-outcome', ...where, done: '', faults }];
  }
  const entries: Entry[] = [];
  const accepted = result.accepted ?? [];
  if (accepted.length > 0) {
    entries.push({ type: 'task-accepted', ...where, operations: accepted });
  }
  const faults = [...earlier, ...result.faults];
  if (result.done !== '' || faults.length > 0) {
    entries.push({
      type: 'task-outcome',
      ...where,
      done: result.done,
      faults,
      ...(result.evidence === undefined ? {} : { evidence: result.evidence }),
    });
  }
  return entries;
};

/** The first cause stays the fault of an effect that is proven absent. */
export const absentFault = (cause: Fault | undefined): Fault => ({
  ...(cause ?? { owner: 'engine', message: 'the call was cut short' }),
  kind: cause === undefined || cause.code === 'INTERRUPTED' ? 'interrupted' : cause.kind,
  message: `${cause?.message ?? 'the call was cut short'}; proven without effect`,
});
