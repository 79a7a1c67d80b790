/**
 * What the system stream says of injections: who switched what, with which rules; and, because wire
 * rules are not drawn, the intervals in which they were on. Of several daemons that share a journal
 * each has its own.
 */
import { isToxicRule, type Rule, type ToxicRule } from '../../sdk/scenario/rule.ts';
import type { Injection } from './injection.ts';

/** All that holds from now on, at one daemon. */
export interface InjectionsSet {
  readonly type: 'injections-set';
  /** Absent: the only one. */
  readonly member?: string;
  readonly at: number;
  readonly on: boolean;
  readonly seed: number;
  readonly requester: string;
  readonly reason: string;
  readonly rules: readonly Rule[];
  /** When it goes off by itself. */
  readonly untilMs?: number;
}

/** A call outside runs carried these. Nothing follows from it. */
export interface CallInjected {
  readonly type: 'call-injected';
  readonly at: number;
  readonly requestId: string;
  readonly remoteId: string;
  readonly verb: string;
  readonly injections: readonly Injection[];
}

/** A toxic was on; `toMs` absent: it still is. */
export interface WireInterval {
  readonly member?: string;
  readonly rule: ToxicRule;
  readonly seed: number;
  readonly fromMs: number;
  readonly toMs?: number;
}

/** Stated anew. */
export interface InjectionsKept {
  readonly type: 'injections-kept';
  readonly at: number;
  /** As journals have it that know of one daemon. */
  readonly set?: InjectionsSet;
  readonly sets?: readonly InjectionsSet[];
  readonly intervals: readonly WireInterval[];
}

export interface InjectionBook {
  /** Member (empty: the only daemon) → what it said last. */
  readonly sets: Map<string, InjectionsSet>;
  intervals: readonly WireInterval[];
}

/** Intervals that are known: those of the runs that somebody may still replay. */
const intervalsMax = 1_000;

export const foldInjections = (
  book: InjectionBook,
  entry: InjectionsSet | InjectionsKept | CallInjected,
): void => {
  if (entry.type === 'injections-set') set(book, entry);
  else if (entry.type === 'injections-kept') {
    book.intervals = entry.intervals;
    const { set: one, sets = one === undefined ? [] : [one] } = entry;
    for (const each of sets) book.sets.set(each.member ?? '', each);
  }
};

const set = (book: InjectionBook, entry: InjectionsSet): void => {
  const { at, on, seed, member } = entry;
  const wanted = new Map(
    (on ? entry.rules : []).filter(isToxicRule).map((rule) => [JSON.stringify(rule), rule]),
  );
  const intervals = book.intervals.map((one): WireInterval => {
    if (one.toMs !== undefined || one.member !== member) return one;
    const stays = one.seed === seed && wanted.delete(JSON.stringify(one.rule));
    return stays ? one : { ...one, toMs: at };
  });
  const by = member === undefined ? {} : { member };
  for (const rule of wanted.values()) intervals.push({ ...by, rule, seed, fromMs: at });
  book.intervals = intervals.slice(-intervalsMax);
  book.sets.set(member ?? '', entry);
};
