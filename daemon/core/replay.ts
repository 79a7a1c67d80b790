/**
 * Rules that let another run meet what this one met: each fault at its coordinates, whether it was
 * injected or came by itself. Pure: made from the run's entries.
 */
import { type Fault, inDoubt } from '../../sdk/plugin/fault.ts';
import {
  type CallRule,
  type Effect,
  type Phase,
  rulesMax,
  type ToxicRule,
} from '../../sdk/scenario/rule.ts';
import type { Group, RunState } from './engine/state.ts';
import type { Entry, TaskOutcome, TaskSettled, TaskStarted } from './entries.ts';
import type { FrozenStep, StorageItem, VmItem } from './frozen.ts';
import type { Injection } from './injection.ts';
import type { WireInterval } from './injection-book.ts';
import { decodeRanges } from './ranges.ts';

export interface Replay {
  readonly rules: readonly (CallRule | ToxicRule)[];
  /** What cannot be made again as it was. */
  readonly notes: readonly string[];
}

/** One attempt of the run, as far as it has come. */
interface Attempt {
  readonly started: TaskStarted;
  /** Rules that changed something of it; undefined: nobody knows, so all that it carries. */
  struck: ReadonlySet<string> | undefined;
  prepared: boolean;
  readonly accepted: Set<number>;
  /** Faults that left their items in doubt: what became of these is settled later. */
  readonly doubts: { readonly positions: readonly number[]; readonly fault: Fault }[];
}

/** A rule, and of what it comes, which decides in the end whether it is needed. */
interface Wanted {
  readonly rule: CallRule;
  readonly attempt: Attempt;
  /** As drawn, by the name of the rule that it is from; absent: of a fault that came by itself. */
  readonly drawn?: string;
}

const workerLost = 'WORKER_LOST';

const deadly: ReadonlySet<string> = new Set(['worker-crash', 'worker-out-of-memory']);

class Replaying {
  readonly #wanted: Wanted[] = [];
  readonly notes: string[] = [];
  readonly #state: RunState;
  readonly #attempts = new Map<number, Attempt>();

  constructor(state: RunState) {
    this.#state = state;
  }

  take(entry: Entry): void {
    if (entry.type === 'task-started') this.#begin(entry);
    else if (entry.type === 'task-outcome') this.#outcome(entry);
    else if (entry.type === 'task-withdrawn') this.#strikes(entry.group, []);
    else if (entry.type === 'task-settled') this.#settled(entry);
    else if (entry.type === 'task-prepared')
      this.#attempt(entry.group, (one) => {
        one.prepared = true;
      });
    else if (entry.type === 'task-accepted')
      this.#attempt(entry.group, ({ accepted }) => {
        for (const { item } of entry.operations) accepted.add(item);
      });
    else if (entry.type === 'task-interrupted') this.#note(entry, 'was cut short: end the daemon');
    else if (entry.type === 'call-refused') this.#note(entry, `met the lost site ${entry.siteId}`);
  }

  /** What the run met, each once. */
  rules(): readonly CallRule[] {
    const met = this.#wanted.filter(
      ({ attempt, drawn }) => drawn === undefined || attempt.struck?.has(drawn) !== false,
    );
    // A thread that is ended on purpose takes along what else it does: that is no crash of its own.
    const isEnded = met.some(
      ({ rule, drawn }) => drawn !== undefined && deadly.has(rule.effect.effect),
    );
    const needed = met.filter(
      ({ rule, drawn }) => drawn !== undefined || !isEnded || !deadly.has(rule.effect.effect),
    );
    return needed.map(({ rule }, at) => ({
      ...rule,
      name: `${at + 1} ${rule.name}`.slice(0, 256),
    }));
  }

  #strikes(group: number, struck: readonly string[] | undefined): void {
    if (struck === undefined) return;
    this.#attempt(group, (attempt) => {
      attempt.struck = new Set(struck);
    });
  }

  #attempt(group: number, use: (attempt: Attempt) => void): void {
    const attempt = this.#attempts.get(group);
    if (attempt !== undefined) use(attempt);
  }

  #note(
    { group, step, attempt }: Entry & { group: number; step: number; attempt: number },
    what: string,
  ) {
    const where = `${this.#step(step).name} on ${this.#group(group).id}, attempt ${attempt}`;
    this.notes.push(`${where} ${what} there to see that again`);
  }

  #begin(started: TaskStarted): void {
    const attempt: Attempt = {
      started,
      struck: undefined,
      prepared: false,
      accepted: new Set<number>(),
      doubts: [],
    };
    this.#attempts.set(started.group, attempt);
    for (const injection of (started.injections ?? []) as readonly Injection[]) {
      const { rule, phase, verb, call, targets, ...effect } = injection;
      const scope = {
        ...(phase !== undefined && { phase }),
        ...(verb !== undefined && { verb }),
        ...(call !== undefined && { call }),
        ...(targets !== undefined && { targets }),
      };
      this.#add(attempt, rule, effect as Effect, scope, rule);
    }
  }

  #outcome(outcome: TaskOutcome): void {
    this.#strikes(outcome.group, outcome.struck);
    this.#attempt(outcome.group, (attempt) => {
      // What was injected is made again as it was injected, not as it ended.
      const injected = (attempt.started.injections ?? []) as readonly Injection[];
      const natural = outcome.faults.filter(
        ({ fault }) =>
          !injected.some((one) => attempt.struck?.has(one.rule) !== false && explains(one, fault)),
      );
      for (const { positions, fault } of alike(natural)) {
        const later = positions.filter((position) => attempt.accepted.has(position));
        const now = positions.filter((position) => !attempt.accepted.has(position));
        if (later.length > 0) this.#fault(attempt, later, { effect: 'fail-later', fault });
        if (now.length === 0) continue;
        if (inDoubt(fault)) attempt.doubts.push({ positions: now, fault });
        else this.#fault(attempt, now, { effect: 'error', fault });
      }
    });
  }

  #settled(settled: TaskSettled): void {
    this.#strikes(settled.group, settled.struck);
    this.#attempt(settled.group, (attempt) => {
      const done = new Set(decodeRanges(settled.done));
      const unknown = new Set(settled.unknowable.flatMap(({ items }) => decodeRanges(items)));
      const absent = new Set(settled.absent.flatMap(({ items }) => decodeRanges(items)));
      for (const { positions, fault } of attempt.doubts) {
        const came = positions.filter((position) => done.has(position));
        const never = positions.filter((position) => absent.has(position));
        const nobody = positions.filter((position) => unknown.has(position));
        if (came.length > 0) this.#fault(attempt, came, inDoubtBy(fault, true));
        if (never.length + nobody.length > 0) {
          this.#fault(attempt, [...never, ...nobody], inDoubtBy(fault, false));
        }
        if (nobody.length === 0) continue;
        this.#fault(attempt, nobody, { effect: 'error', fault: silent }, 'settle');
      }
    });
  }

  #fault(attempt: Attempt, positions: readonly number[], effect: Effect, phase?: Phase): void {
    const { started } = attempt;
    const step = this.#step(started.step);
    const own = started.direction === 'undo' ? 'undo' : this.#phaseOf(attempt, step);
    const whole = effect.effect === 'worker-crash';
    const targets = positions.flatMap((position) => this.#targetsOf(started, step, position));
    this.#add(attempt, step.name, effect, {
      phase: phase ?? own,
      ...(!whole && { targets }),
    });
  }

  #phaseOf(attempt: Attempt, step: FrozenStep): Phase {
    return step.before && !attempt.prepared ? 'before' : 'run';
  }

  /** As the array or compute knows them: a compute is asked for a group's datastores. */
  #targetsOf({ group }: TaskStarted, step: FrozenStep, position: number): readonly string[] {
    const item = this.#group(group).frozen.items[position] as StorageItem | VmItem;
    if (!('protected' in item)) return [item.id];
    return step.remote === 'array' ? [item[step.side].id] : item.datastores.map(({ id }) => id);
  }

  #add(of: Attempt, name: string, effect: Effect, scope: Partial<CallRule>, drawn?: string): void {
    const { direction, attempt, step, group } = of.started;
    const rule = {
      name,
      step: this.#step(step).name,
      workgroup: this.#group(group).id,
      direction,
      attempt,
      ...scope,
      effect,
    };
    this.#wanted.push({ rule, attempt: of, ...(drawn !== undefined && { drawn }) });
  }

  #step(at: number): FrozenStep {
    return this.#state.steps[at] as FrozenStep;
  }

  #group(at: number): Group {
    return this.#state.groups[at] as Group;
  }
}

/** Whether a fault may come of an injection: then it comes of it again. */
const explains = (injection: Injection, { kind, code }: Fault): boolean => {
  switch (injection.effect) {
    case 'error':
    case 'partial':
    case 'fail-later':
      return kind === injection.fault.kind && code === injection.fault.code;
    case 'refuse':
      return kind === 'refused' && code === 'INJECTED';
    case 'delay':
    case 'hang':
    case 'lost-reply':
      return kind === 'timeout';
    case 'worker-crash':
    case 'worker-out-of-memory':
      return code === workerLost;
    default:
      // The remote, or whoever believed the answer, may have said anything about it.
      return true;
  }
};

/** Faults that differ in words alone are one rule: a run of thousands of VMs has thousands. */
const alike = (
  faults: TaskOutcome['faults'],
): Iterable<{ readonly positions: readonly number[]; readonly fault: Fault }> => {
  const found = new Map<string, { readonly positions: number[]; readonly fault: Fault }>();
  for (const { items, fault } of faults) {
    const { kind, owner, code = '' } = fault;
    const key = [kind, owner, code].join('\n');
    const known = found.get(key) ?? { positions: [], fault };
    known.positions.push(...decodeRanges(items));
    found.set(key, known);
  }
  return found.values();
};

/** Nobody answers questions about the call either. */
const silent: Fault = {
  kind: 'unreachable',
  owner: 'array',
  message: 'no answer, on purpose',
  code: 'INJECTED',
};

const inDoubtBy = (fault: Fault, after: boolean): Effect =>
  fault.code === workerLost
    ? { effect: 'worker-crash', after }
    : { effect: 'error', fault, ...(after && { after }) };

/** `state`: of the whole run; `intervals`: when toxics were on. */
export const replayOf = (
  state: RunState,
  entries: Iterable<Entry>,
  intervals: readonly WireInterval[],
): Replay => {
  const replaying = new Replaying(state);
  for (const entry of entries) replaying.take(entry);
  const { started, endedAtMs = Number.POSITIVE_INFINITY } = state;
  const rules: (CallRule | ToxicRule)[] = [...replaying.rules()];
  for (const { rule, fromMs, toMs = Number.POSITIVE_INFINITY } of intervals) {
    if (fromMs > endedAtMs || toMs < started.at) continue;
    rules.push({ ...rule, name: `wire ${rule.name}`.slice(0, 256) });
    replaying.notes.push(
      `${rule.name} was on at the wire: when bytes pass is never the same twice, ` +
        'so its replay is approximate',
    );
  }
  const { notes } = replaying;
  const over = rules.length - rulesMax;
  if (over > 0) notes.push(`${over} faults more than a daemon takes rules for: they are left out`);
  return { rules: rules.slice(0, rulesMax), notes };
};
