/**
 * Which workgroups hold which others back. A gate opens once and stays open; opening is decided
 * from what its waits have come to, so replaying the entries opens the same gates in the same
 * order.
 */
import type { FrozenRun, Gate } from '../frozen.ts';

/** A gate with what it still waits for. */
interface Latch {
  readonly gate: Gate;
  readonly missing: Set<number>;
  /** Whom it holds: the gate's own list, and the parts that were split from them. */
  readonly held: number[];
  readonly dependents: number[];
  behind: boolean;
  open: boolean;
}

export interface GateBook {
  readonly latches: Latch[];
  /** Workgroup → gates that wait for it. */
  readonly waitedBy: Map<number, number[]>;
  /** Workgroup → gates that hold it. */
  readonly heldBy: Map<number, number[]>;
}

/** A gate that lets parked and failed workgroups pass. */
const lenient = (gate: Gate): boolean => gate.kind === 'priority' || gate.kind === 'batch';

const push = (map: Map<number, number[]>, key: number, value: number): void => {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
};

export const openGateBook = (frozen: FrozenRun): GateBook => {
  const book: GateBook = { latches: [], waitedBy: new Map(), heldBy: new Map() };
  frozen.gates.forEach((gate, at) => {
    book.latches.push({
      gate,
      missing: new Set(gate.waits.workgroups),
      held: [...gate.holds.workgroups],
      dependents: [],
      behind: gate.after !== undefined,
      open: false,
    });
    for (const group of gate.waits.workgroups) push(book.waitedBy, group, at);
    for (const group of gate.holds.workgroups) push(book.heldBy, group, at);
  });
  frozen.gates.forEach((gate, at) => {
    if (gate.after !== undefined) book.latches[gate.after]?.dependents.push(at);
  });
  for (const latch of [...book.latches.keys()]) tryOpen(book, latch, []);
  return book;
};

/** Opens the gate if nothing is missing, and those chained behind it; collects whom it frees. */
const tryOpen = (book: GateBook, at: number, freed: number[]): void => {
  const latch = book.latches[at];
  if (latch === undefined || latch.open || latch.behind || latch.missing.size > 0) return;
  latch.open = true;
  freed.push(...latch.held);
  for (const dependent of latch.dependents) {
    const next = book.latches[dependent];
    if (next !== undefined) next.behind = false;
    tryOpen(book, dependent, freed);
  }
};

/**
 * Tells the gates what a workgroup has come to, up to and including step `through` (its completed
 * step, or the last step when it has ended for good). `settled`: it is parked, behind someone
 * parked, or gone; only gates that let such pass take notice. Answers whom this frees.
 */
export const satisfy = (
  book: GateBook,
  group: number,
  through: number,
  how: 'done' | 'settled',
): readonly number[] => {
  const freed: number[] = [];
  for (const at of book.waitedBy.get(group) ?? []) {
    const latch = book.latches[at];
    if (latch === undefined || latch.open || latch.gate.waits.step > through) continue;
    if (how === 'settled' && !lenient(latch.gate)) continue;
    if (latch.missing.delete(group)) tryOpen(book, at, freed);
  }
  return freed;
};

/** The first closed gate that holds a workgroup at a step. */
export const closedGate = (book: GateBook, group: number, step: number): Gate | undefined => {
  for (const at of book.heldBy.get(group) ?? []) {
    const latch = book.latches[at];
    if (latch !== undefined && !latch.open && latch.gate.holds.step === step) return latch.gate;
  }
  return undefined;
};

/** What a closed gate still waits for. */
export const missingAt = (book: GateBook, gate: Gate): readonly number[] => {
  const latch = book.latches.find((candidate) => candidate.gate === gate);
  return latch === undefined ? [] : [...latch.missing];
};

/** Gates (open or closed) that hold a workgroup at a step. */
export const gatesHolding = (book: GateBook, group: number, step: number): readonly Gate[] =>
  (book.heldBy.get(group) ?? []).flatMap((at) => {
    const gate = book.latches[at]?.gate;
    return gate !== undefined && gate.holds.step === step ? [gate] : [];
  });

/** Gates that wait for a workgroup at a step. */
export const gatesWaiting = (book: GateBook, group: number, step: number): readonly Gate[] =>
  (book.waitedBy.get(group) ?? []).flatMap((at) => {
    const gate = book.latches[at]?.gate;
    return gate !== undefined && gate.waits.step === step ? [gate] : [];
  });

/** Workgroups that depend on items of `group`, whether or not their gates have opened. */
export const dependentsOf = (book: GateBook, group: number): readonly number[] =>
  (book.waitedBy.get(group) ?? []).flatMap((at) => {
    const latch = book.latches[at];
    return latch?.gate.kind === 'dependency' ? latch.held : [];
  });

/** Workgroups that cannot run because `group` does not: held by a closed strict gate it is in. */
export const heldBehind = (book: GateBook, group: number): readonly number[] =>
  (book.waitedBy.get(group) ?? []).flatMap((at) => {
    const latch = book.latches[at];
    return latch !== undefined && !latch.open && !lenient(latch.gate) ? latch.held : [];
  });

/** A workgroup was split: the part waits, and is waited for, where the whole was. */
export const inherit = (book: GateBook, from: number, part: number): void => {
  for (const at of book.waitedBy.get(from) ?? []) {
    const latch = book.latches[at];
    push(book.waitedBy, part, at);
    if (latch !== undefined && !latch.open && latch.missing.has(from)) latch.missing.add(part);
  }
  for (const at of book.heldBy.get(from) ?? []) {
    push(book.heldBy, part, at);
    book.latches[at]?.held.push(part);
  }
};
