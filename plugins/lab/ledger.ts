/**
 * What happened, as the far end saw it: every call that reached a remote, every effect on an
 * object, and every success by its idempotency key. Tests ask here, never the caller.
 */
import type { Evidence, Fault, FaultKind } from '@siteswap/sdk/plugin';
import { initiatorsMax, successesMax } from './limits.ts';
import type { Operation } from './model.ts';
import type { FaultRule, LatencyRule } from './spec.ts';

/** What a rule made of one target of a changing verb. */
export type Outcome =
  | { readonly fault: Fault }
  /** `changed` false: it was so already. */
  | { readonly changed: boolean; readonly evidence?: Evidence }
  | { readonly operation: Operation };

/** A success, which is all that an idempotency key remembers. */
export type Success = Exclude<Outcome, { fault: Fault }>;

/** What becomes of the effect of a call that is made to fail. */
export type EffectOf = 'none' | 'done' | 'late';

/** A failure that was ordered for calls to come. */
export interface Armed {
  readonly remoteId?: string;
  readonly verb: string;
  /** Absent: whatever the call's targets are. */
  readonly targetIds?: readonly string[];
  /** Absent: the call is never answered. */
  readonly kind?: FaultKind;
  readonly code?: string;
  readonly message?: string;
  /** Default `none`: nothing is done. `done`: done all the same. `late`: done `lateMs` after. */
  readonly effect?: EffectOf;
  readonly lateMs?: number;
  /** Calls that it is for; counts down. */
  times: number;
}

/** An effect that lands after its call was given up. */
export interface Late {
  readonly remoteId: string;
  readonly book: string;
  readonly targetIds: ReadonlySet<string>;
  readonly dueAt: number;
  readonly land: (at: number) => void;
}

interface Calls {
  readonly byVerb: Map<string, number>;
  whileDown: number;
}

export interface Ledger {
  readonly calls: Map<string, Calls>;
  /** Remote → verb → object → times. */
  readonly effects: Map<string, Map<string, Map<string, number>>>;
  /** Book (remote, verb, key) → target → success. */
  readonly books: Map<string, Map<string, Success>>;
  /** In all books together. */
  successes: number;
  /** Book → calls that have arrived and not yet taken effect. */
  readonly underWay: Map<string, number>;
  readonly late: Set<Late>;
  readonly armed: Armed[];
  /** Remote and initiator → newest epoch seen. */
  readonly epochs: Map<string, number>;
  /** Verb → target → calls so far; kept only while something is drawn by it. */
  readonly ordinals: Map<string, Map<string, number>>;
  latencies: LatencyRule[];
  faults: FaultRule[];
}

export const newLedger = (
  latencies: readonly LatencyRule[],
  faults: readonly FaultRule[],
): Ledger => ({
  calls: new Map(),
  effects: new Map(),
  books: new Map(),
  successes: 0,
  underWay: new Map(),
  late: new Set(),
  armed: [],
  epochs: new Map(),
  ordinals: new Map(),
  latencies: [...latencies],
  faults: [...faults],
});

const getOrMake = <K, V>(map: Map<K, V>, key: K, make: () => V): V => {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
};

const newMap = <V>(): Map<string, V> => new Map();
const newCalls = (): Calls => ({ byVerb: new Map(), whileDown: 0 });

const dropOldest = (map: Map<string, unknown>, sizeMax: number): void => {
  for (const key of map.keys()) {
    if (map.size <= sizeMax) return;
    map.delete(key);
  }
};

export const noteCall = (ledger: Ledger, remoteId: string, verb: string, down: boolean): void => {
  const calls = getOrMake(ledger.calls, remoteId, newCalls);
  calls.byVerb.set(verb, (calls.byVerb.get(verb) ?? 0) + 1);
  if (down) calls.whileDown += 1;
};

export const noteEffect = (ledger: Ledger, remoteId: string, verb: string, id: string): void => {
  const verbs = getOrMake(ledger.effects, remoteId, newMap<Map<string, number>>);
  const objects = getOrMake(verbs, verb, newMap<number>);
  objects.set(id, (objects.get(id) ?? 0) + 1);
};

/** Name of the book in which the successes of one logical call stand. */
export const bookOf = (remoteId: string, verb: string, key: string): string =>
  `${remoteId}\n${verb}\n${key}`;

/** Remembers a success; past the bound the oldest books are forgotten, whole. */
export const noteSuccess = (ledger: Ledger, book: string, id: string, success: Success): void => {
  const successes = getOrMake(ledger.books, book, newMap<Success>);
  const before = successes.size;
  successes.set(id, success);
  ledger.successes += successes.size - before;
  if (ledger.successes <= successesMax) return;
  for (const [name, oldest] of ledger.books) {
    if (ledger.successes <= successesMax || name === book) return;
    ledger.books.delete(name);
    ledger.successes -= oldest.size;
  }
};

/** Remote and initiator. */
const callerOf = (remoteId: string, key: string): string => {
  const end = key.indexOf('/');
  return `${remoteId}\n${end < 0 ? key : key.slice(0, end)}`;
};

/** The newest licence that a remote has seen of a call's initiator. */
export const newestEpoch = (ledger: Ledger, remoteId: string, key: string): number | undefined =>
  ledger.epochs.get(callerOf(remoteId, key));

/** True when the caller's licence is older than one that was seen from the same initiator. */
export const isOldEpoch = (
  ledger: Ledger,
  remoteId: string,
  key: string,
  epoch: number,
): boolean => {
  const name = callerOf(remoteId, key);
  const newest = ledger.epochs.get(name);
  if (newest !== undefined && newest >= epoch) return newest > epoch;
  ledger.epochs.set(name, epoch);
  dropOldest(ledger.epochs, initiatorsMax);
  return false;
};

/** Counts the calls of a verb: 1 for the first one on a target. */
export const ordinalsOf = (ledger: Ledger, verb: string) => {
  const ordinals = getOrMake(ledger.ordinals, verb, newMap<number>);
  return (targetId: string): number => {
    const ordinal = (ordinals.get(targetId) ?? 0) + 1;
    ordinals.set(targetId, ordinal);
    return ordinal;
  };
};

/** A call is between its arrival and its effect. */
export const markUnderWay = (ledger: Ledger, book: string, by: 1 | -1): void => {
  const calls = (ledger.underWay.get(book) ?? 0) + by;
  if (calls > 0) ledger.underWay.set(book, calls);
  else ledger.underWay.delete(book);
};
