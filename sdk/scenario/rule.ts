/**
 * Rules of injections as everybody writes them: the daemon's configuration, scenario files, the
 * API and the journal. `schema.ts` checks what people wrote.
 */
import type { Fault } from '../plugin/fault.ts';
import type { Direction, Toxic } from '../plugin/wire/toxic.ts';

/** Rules at once: a rehearsal has a handful, a replay of a large run some thousands. */
export const rulesMax = 4_096;

/** How delays of one rule differ: `normal` and `exponential` have `delayMs` as their mean. */
export const distributions = ['uniform', 'normal', 'exponential'] as const;
export type Distribution = (typeof distributions)[number];

/** Facts that are put over those of an answer, of a target or of the arguments. */
export type Facts = Readonly<Record<string, unknown>>;

/** What happens to a call. Each has a file of its own in daemon/gateway/injections. */
export type Effect =
  /** The fault is the answer; the call is not made, or with `after` it is and has its effect. */
  | { readonly effect: 'error'; readonly fault: Fault; readonly after?: boolean }
  /** The call is not made, and answered as by a remote that says no. */
  | { readonly effect: 'refuse' }
  /** The call is made this much later, give or take `jitterMs` (uniform, normal). */
  | {
      readonly effect: 'delay';
      readonly delayMs: number;
      readonly jitterMs?: number;
      readonly distribution?: Distribution;
    }
  /** The call is not made and never answered: its deadline ends it. */
  | { readonly effect: 'hang' }
  /** The call is made, its answer dropped: its deadline ends it. */
  | { readonly effect: 'lost-reply' }
  /** The call is made twice under its key; the second answer counts. */
  | { readonly effect: 'duplicate' }
  /** A question gets the answer that it got before, in the same thread. */
  | { readonly effect: 'stale-read' }
  /**
   * A well-formed lie: a changing call is not made and answered done, with `set` as evidence; in
   * the values of a question's answer `set` replaces what is there.
   */
  | { readonly effect: 'wrong-result'; readonly set?: Facts }
  /** The call is made with other arguments or targets, so that the remote itself fails it. */
  | { readonly effect: 'parameter'; readonly args?: Facts; readonly target?: Facts }
  /** The call succeeds as a long operation, and that operation fails. */
  | { readonly effect: 'fail-later'; readonly fault: Fault }
  /** Only the first `done` targets of the call are done; the fault is the others' answer. */
  | { readonly effect: 'partial'; readonly done: number; readonly fault: Fault }
  /** The worker thread exits just before (or just after) the call. */
  | { readonly effect: 'worker-crash'; readonly after?: boolean }
  /** The worker thread runs out of memory before the call. */
  | { readonly effect: 'worker-out-of-memory' };

/** Of a task's calls: those that change, or those that ask what became of them. */
export const phases = ['before', 'run', 'undo', 'settle', 'poll'] as const;
export type Phase = (typeof phases)[number];

/** Of runs: of plans, and `device` for those of ReplicationService and storage migrations. */
export const ruleModes = [
  'test',
  'cleanup',
  'planned',
  'disaster',
  'fence',
  'reprotect',
  'device',
] as const;

/** What a rule is for; every field that is given must match. */
export interface Scope {
  readonly siteId?: string;
  readonly remoteId?: string;
  readonly planId?: string;
  readonly runId?: string;
  readonly mode?: string;
  readonly step?: string;
  readonly workgroup?: string;
  readonly direction?: 'run' | 'undo';
  readonly attempt?: number;
  /** Absent: `run` and `undo`; with a verb `before` too. */
  readonly phase?: Phase;
  /** Absent: the first call of the phase, whatever its verb. */
  readonly verb?: string;
  /** The nth call of the phase (of the verb, if one is named); absent with a verb: each. */
  readonly call?: number;
  /** Ids at the remote, or as reports print them: for calls with one of these; absent: for all. */
  readonly targets?: readonly string[];
}

/** How often, and until when. Attempts are counted in the order of their dispatch. */
export interface Bounds {
  /** Only the nth attempt in scope (1: the first). */
  readonly nth?: number;
  /** The share of attempts in scope, above 0 and up to 1: drawn by the seed. */
  readonly probability?: number;
  /** How often it is used at the most; absent: without bound. */
  readonly budget?: number;
  /** Milliseconds since the Unix epoch. */
  readonly untilMs?: number;
}

export interface CallRule extends Scope, Bounds {
  readonly name: string;
  readonly effect: Effect;
}

/** What happens on the wire of remotes whose plugins dial through the gateway. */
export interface ToxicRule {
  readonly name: string;
  readonly siteId?: string;
  readonly remoteId?: string;
  readonly untilMs?: number;
  readonly stream: Direction;
  readonly toxicity: number;
  readonly toxic: Toxic;
}

export type Rule = CallRule | ToxicRule;

export const isToxicRule = (rule: Rule): rule is ToxicRule => 'toxic' in rule;
