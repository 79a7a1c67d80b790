/**
 * When a call may be made: the rules of the pipeline and of the policies, said once more and
 * independently of the engine, over what the calls before it have really done.
 */
import type { Group, RunState } from '../../daemon/core/engine/state.ts';
import type { Entry } from '../../daemon/core/entries.ts';
import type { FrozenWorkgroup, Gate, VmItem } from '../../daemon/core/frozen.ts';
import type { Reach } from '../../daemon/core/policy.ts';
import type { Left } from './left.ts';
import type { Place, Truth } from './truth.ts';

type Started = Extract<Entry, { readonly type: 'task-started' }>;

/** Whom a policy's reach covers. */
export const covered = (
  { frozen, places }: Truth,
  from: { readonly group: Group; readonly places: readonly Place[] },
  reach: Reach,
): readonly Place[] => {
  if (reach === 'item') return from.places;
  // What was split from a workgroup is a workgroup of its own.
  const own = new Set(from.group.live);
  return places.filter(({ group, position }) => {
    if (reach === 'run') return true;
    if (reach === 'workgroup') return group === from.group.origin && own.has(position);
    const other = frozen.workgroups[group];
    return other?.protectionGroupId === from.group.frozen.protectionGroupId;
  });
};

/** What a VM stands on. */
export const groundOf = ({ frozen, places }: Truth, place: Place): Place[] => {
  const own = frozen.workgroups[place.group] as FrozenWorkgroup;
  if (own.unit === 'storage') return [];
  const { on } = own.items[place.position] as VmItem;
  return places.filter(({ group, position }) => group === own.storage && on.includes(position));
};

/** Items below a VM, or above a group of devices, on the other side of a stands-on gate. */
export const counterparts = ({ frozen, places }: Truth, { waits }: Gate, place: Place): Place[] => {
  const item = (at: Place) => frozen.workgroups[at.group]?.items[at.position];
  const isVm = frozen.workgroups[place.group]?.unit === 'vm';
  return places.filter((other) => {
    if (!waits.workgroups.includes(other.group)) return false;
    const [vm, group] = isVm ? [place, other] : [other, place];
    return (item(vm) as VmItem).on.includes(group.position);
  });
};

/** A workgroup that a lenient gate no longer waits for: it is out, at rest for good, or behind. */
export const isSettled = (state: RunState, group: Group): boolean => {
  if (group.blocked || state.halts.has('*')) return true;
  if (state.halts.has(group.frozen.protectionGroupId)) return true;
  return group.standing !== 'waiting' && group.standing !== 'backoff'
    ? !['started', 'prepared', 'accepted', 'doubt', 'judging'].includes(group.standing)
    : group.stopping;
};

/**
 * Whether a priority or batch gate has nothing more to wait for. `excused`: workgroups that were
 * parked once; no such gate waits for them again.
 */
const isPassed = (
  truth: Truth,
  state: RunState,
  { waits }: Gate,
  excused: ReadonlySet<number>,
): boolean =>
  state.groups.every((group) => {
    if (!waits.workgroups.includes(group.origin)) return true;
    if (excused.has(group.index) || isSettled(state, group)) return true;
    return group.live.every(
      (position) => truth.effect({ group: group.origin, position }, waits.step) === 'done',
    );
  });

const strictBreach = (truth: Truth, gate: Gate, place: Place): string | undefined => {
  const { dependsOn } = truth.frozen.workgroups[place.group] ?? { dependsOn: [] };
  const needed =
    gate.kind === 'stands-on'
      ? counterparts(truth, gate, place)
      : dependsOn.map(([group, position]): Place => ({ group, position }));
  const missing = needed.find((other) => truth.effect(other, gate.waits.step) !== 'done');
  return missing === undefined
    ? undefined
    : `${gate.kind}: ${truth.idOf(missing)} is ${truth.effect(missing, gate.waits.step)} ` +
        `in step ${gate.waits.step}`;
};

/** What speaks against running a step on an item now. */
export const runBreaches = (
  truth: Truth,
  state: RunState,
  { step, attempt }: Started,
  place: Place,
  excused: ReadonlySet<number>,
): string[] => {
  const breaches: string[] = [];
  const effect = truth.effect(place, step);
  if (effect === 'done' || effect === 'doubt') breaches.push(`while it is ${effect}`);
  const chain = truth.chainOf(place.group);
  const early = chain
    .slice(0, chain.indexOf(step))
    .find((at) => truth.effect(place, at) !== 'done');
  if (early !== undefined) breaches.push(`before its step ${early} is done`);
  // A gate holds a task back, not its further attempts: once it has begun it is through.
  for (const gate of attempt > 1 ? [] : truth.frozen.gates) {
    if (gate.holds.step !== step || !gate.holds.workgroups.includes(place.group)) continue;
    if (gate.kind === 'stands-on' || gate.kind === 'dependency') {
      const breach = strictBreach(truth, gate, place);
      if (breach !== undefined) breaches.push(breach);
    } else if (!isPassed(truth, state, gate, excused)) {
      breaches.push(`ahead of its ${gate.kind} gate`);
    }
  }
  return breaches;
};

const isKept = (state: RunState, { group, position }: Place): boolean =>
  state.groups.some((each) => each.origin === group && each.kept.has(position));

/** Left as it is, and not because a person has left an undo. */
export const isLeftElse = ({ kept }: Group, position: number): boolean =>
  kept.has(position) && kept.get(position)?.again !== true;

/** What speaks against undoing a step on an item now. */
export const undoBreaches = (
  left: Left,
  state: RunState,
  { step, attempt }: Started,
  place: Place,
  reaches: readonly ReadonlySet<Place>[],
): string[] => {
  const breaches: string[] = [];
  const { truth } = left;
  const effect = truth.effect(place, step);
  // An undo that has begun goes on, also when a wider rollback has come since.
  const reach = attempt > 1 ? [] : reaches.filter((each) => each.has(place));
  if (effect !== 'done' && effect !== 'failed') breaches.push(`while it is ${effect}`);
  if (left.holds(place, step)) breaches.push('though what stands on it was left');
  if (truth.frozen.steps[step]?.undo !== 'undo') breaches.push('though there is no undo');
  for (const group of state.groups) {
    if (!state.rollback.has(group.index)) continue;
    const call = truth.inFlight.get(group.index);
    const inReach = call?.places.some((other) => reach.some((each) => each.has(other)));
    if (call?.direction === 'run' && inReach) breaches.push(`while ${group.id} is in flight`);
    for (const { position } of placesOf(group)) {
      const other = truth.place(group.origin, position);
      if (!reach.some((each) => each.has(other))) continue;
      const later = truth.remains(other).find((at) => at > step && !left.excuses(other, at));
      if (later === undefined || isLeftElse(group, position)) continue;
      breaches.push(`before step ${later} of ${truth.idOf(other)}`);
    }
  }
  for (const gate of truth.frozen.gates) {
    if (gate.kind !== 'stands-on' || gate.waits.step !== step) continue;
    if (!gate.waits.workgroups.includes(place.group)) continue;
    // What was left as it is on purpose does not hold the rest.
    const above = truth.places.find(
      (other) =>
        !isKept(state, other) &&
        gate.holds.workgroups.includes(other.group) &&
        counterparts(truth, gate, other).includes(place) &&
        truth.effect(other, gate.holds.step) === 'done' &&
        truth.remains(other).includes(gate.holds.step),
    );
    if (above !== undefined) breaches.push(`under ${truth.idOf(above)}`);
  }
  return breaches;
};

/** Items of a workgroup that still take part in it. */
export const placesOf = (group: Group): Place[] =>
  [...group.live, ...group.losses.keys()].map((position) => ({ group: group.origin, position }));
