/**
 * The report of a run: what became of each item, how long it took, how much data was lost. Made
 * from the entries, so that it can be made again years later.
 */
import type { Evidence } from '../../../sdk/plugin/verbs.ts';
import type { Entry, TaskOutcome, TaskSettled, TaskStarted } from '../entries.ts';
import { type FrozenRun, remoteOf, type StorageItem, type VmItem } from '../frozen.ts';
import { decodeRanges } from '../ranges.ts';
import type { ItemReport, RunReport } from '../view.ts';
import { type Group, itemId, type RunState } from './state.ts';
import { notesOf, summaryOf } from './view.ts';

interface Trail {
  evidence: Record<string, string | number | boolean>;
  lastDoneMs: number;
  promotedAtMs: number;
  /** Remote that spoke of the newest recovery point. */
  pointBy: string;
}

interface Timing {
  tasks: number;
  attempts: number;
  firstStartMs: number;
  lastEndMs: number;
  busyMs: number;
}

/** Everything in the state is known to `notesOf`; times and evidence are only in the entries. */
export const reportOf = (state: RunState, entries: Iterable<Entry>, now: number): RunReport => {
  const trails = new Map<string, Trail>();
  const timings = state.steps.map(
    (): Timing => ({ tasks: 0, attempts: 0, firstStartMs: 0, lastEndMs: 0, busyMs: 0 }),
  );
  const open = new Map<number, TaskStarted>();
  const hits = new Hits();
  for (const entry of entries) {
    if (entry.type === 'task-started') {
      noteStart(timings[entry.step], entry, open);
      hits.begin(entry);
    } else if (entry.type === 'task-outcome' || entry.type === 'task-settled') {
      noteEnd(timings[entry.step], entry, open);
      hits.end(entry);
      if (entry.direction === 'run') noteTrail(state, entry, trails);
    }
  }
  const items = itemReports(state, trails);
  const endMs = state.endedAtMs ?? now;
  return {
    run: summaryOf(state),
    durationMs: endMs - state.started.at,
    ...largest('recoveryTimeMs', items),
    ...largest('interruptionMs', items),
    ...largest('dataLossMs', items),
    ...largest('expectedLossMs', items),
    items,
    steps: state.steps.map((step, at) => ({ name: step.name, ...(timings[at] as Timing) })),
    refusedCalls: state.refusedCalls,
    injected: hits.attempts,
  };
};

type Measure = 'recoveryTimeMs' | 'interruptionMs' | 'dataLossMs' | 'expectedLossMs';

const largest = <Key extends Measure>(
  key: Key,
  items: readonly ItemReport[],
): Partial<Record<Key, number>> => {
  const values = items.flatMap((item) => item[key] ?? []);
  if (values.length === 0) return {};
  return { [key]: values.reduce((one, other) => Math.max(one, other)) } as Record<Key, number>;
};

/** Attempts in which rules did something; of old journals, which do not say: that carried one. */
class Hits {
  readonly attempts: Record<string, number> = {};
  /** Workgroup → rules of its newest attempt that are not counted. */
  readonly #carried = new Map<number, Set<string>>();

  begin({ group, injections = [] }: TaskStarted): void {
    const rules = (injections as readonly { readonly rule: string }[]).map(({ rule }) => rule);
    if (rules.length > 0) this.#carried.set(group, new Set(rules));
    else this.#carried.delete(group);
  }

  /** An attempt may end more than once: with a doubt, and with what became of it. */
  end({ group, struck }: TaskOutcome | TaskSettled): void {
    const carried = this.#carried.get(group);
    for (const rule of carried === undefined ? [] : (struck ?? [...carried])) {
      if (carried?.delete(rule)) this.attempts[rule] = (this.attempts[rule] ?? 0) + 1;
    }
  }
}

const noteStart = (
  timing: Timing | undefined,
  entry: TaskStarted,
  open: Map<number, TaskStarted>,
): void => {
  if (timing === undefined) return;
  timing.attempts++;
  if (entry.attempt === 1) timing.tasks++;
  if (timing.firstStartMs === 0) timing.firstStartMs = entry.at;
  open.set(entry.group, entry);
};

const noteEnd = (
  timing: Timing | undefined,
  entry: TaskOutcome | TaskSettled,
  open: Map<number, TaskStarted>,
): void => {
  const start = open.get(entry.group);
  if (timing === undefined) return;
  timing.lastEndMs = entry.at;
  if (start !== undefined) timing.busyMs += entry.at - start.at;
  open.delete(entry.group);
};

const noteTrail = (
  state: RunState,
  entry: TaskOutcome | TaskSettled,
  trails: Map<string, Trail>,
): void => {
  const group = state.groups[entry.group] as Group;
  const step = state.steps[entry.step];
  for (const position of decodeRanges(entry.done)) {
    const id = itemId(group, position);
    let trail = trails.get(id);
    if (trail === undefined) {
      trail = { evidence: {}, lastDoneMs: 0, promotedAtMs: 0, pointBy: '' };
      trails.set(id, trail);
    }
    trail.lastDoneMs = entry.at;
    const evidence: Evidence | undefined = entry.evidence?.[String(position)];
    if (evidence !== undefined) Object.assign(trail.evidence, evidence);
    if (evidence?.recoveryPointAtMs !== undefined && step !== undefined) {
      trail.pointBy = remoteOf(step, group.frozen);
    }
    if (step?.name === 'promote-target') trail.promotedAtMs = entry.at;
  }
};

const itemReports = (state: RunState, trails: ReadonlyMap<string, Trail>): ItemReport[] => {
  const notes = new Map(notesOf(state).map((note) => [note.itemId, note]));
  return state.groups.flatMap((group) => {
    const through = throughIn(group);
    const all = [...group.live, ...group.losses.keys(), ...group.elsewhere.keys()];
    return all.map((position): ItemReport => {
      const id = itemId(group, position);
      const trail = trails.get(id);
      const note = notes.get(id);
      const done = note === undefined && through(position);
      return {
        itemId: id,
        unit: group.frozen.unit,
        protectionGroupId: group.frozen.protectionGroupId,
        workgroupId: group.id,
        outcome: note?.state ?? (done ? 'done' : 'stopped'),
        ...(done && trail !== undefined ? timeOf(state, group, trail) : {}),
        ...lossOf(state, group.frozen.items[position], trail),
        ...expectedOf(group.frozen.items[position]),
        ...(trail === undefined ? {} : { doneAtMs: trail.lastDoneMs }),
        ...(trail === undefined || trail.pointBy === '' ? {} : { recoveryPointBy: trail.pointBy }),
        evidence: trail?.evidence ?? {},
        ...(note?.fault === undefined ? {} : { fault: note.fault }),
        why: note?.why ?? whyOf(group.frozen.items[position], trail),
      };
    });
  });
};

/** Of what is done, why nothing was done to it; else empty. */
const whyOf = (item: StorageItem | VmItem | undefined, trail: Trail | undefined): string => {
  if (stayedOff(trail)) return 'it was off, and stays off';
  const leftOn = item !== undefined && 'leftOn' in item && item.leftOn === true;
  return leftOn ? 'it stays on: what it stands on was never promoted' : '';
};

/** A VM that nobody had started before: there was nothing to recover. */
const stayedOff = (trail: Trail | undefined): boolean => trail?.evidence.leftOff === true;

/** Modes in which VMs are started; what others do to them takes no recovery time. */
const recovering: ReadonlySet<FrozenRun['mode']> = new Set(['planned', 'disaster', 'test']);

/** A VM that went over live was not recovered: it stood still for a moment. */
const timeOf = (
  { started }: RunState,
  { frozen }: Group,
  trail: Trail,
): Pick<ItemReport, 'recoveryTimeMs' | 'interruptionMs'> => {
  const { lastDoneMs, evidence } = trail;
  const recovers = recovering.has(started.frozen.mode);
  if (frozen.unit !== 'vm' || !recovers || stayedOff(trail)) return {};
  if (frozen.path !== 'live') return { recoveryTimeMs: lastDoneMs - started.at };
  const { interruptionMs } = evidence;
  return typeof interruptionMs === 'number' ? { interruptionMs } : {};
};

const expectedOf = (item: StorageItem | VmItem | undefined): { expectedLossMs?: number } =>
  item !== undefined && 'expectedLossMs' in item && item.expectedLossMs !== undefined
    ? { expectedLossMs: item.expectedLossMs }
    : {};

/** Who has been through every step: of a workgroup that has stopped in its last one, some have. */
const throughIn = (group: Group): ((position: number) => boolean) => {
  if (group.standing === 'finished') return () => true;
  const isLast = group.place === group.chain.length - 1;
  const done = new Set(isLast ? group.task.done : []);
  return (position) => done.has(position);
};

/**
 * How old the data was, that a group was promoted with, when its site was lost or it was promoted;
 * of one that stood open before, that is another run's to tell.
 */
const lossOf = (
  state: RunState,
  item: StorageItem | VmItem | undefined,
  trail: Trail | undefined,
): { recoveryPointAtMs?: number; dataLossMs?: number } => {
  const point = trail?.evidence.recoveryPointAtMs;
  if (typeof point !== 'number' || trail === undefined || trail.promotedAtMs === 0) return {};
  if (state.frozen.mode === 'planned') return { recoveryPointAtMs: point, dataLossMs: 0 };
  if (item !== undefined && 'openBefore' in item) return { recoveryPointAtMs: point };
  return { recoveryPointAtMs: point, dataLossMs: Math.max(0, state.started.at - point) };
};
