/** Failures made on purpose, drawn on the main thread at dispatch and carried by the task. */
import type { Effect, Phase } from '../../sdk/scenario/rule.ts';

/** As it is done: what chance had to say is said. */
export type InjectionEffect =
  | Exclude<Effect, { readonly effect: 'delay' }>
  | { readonly effect: 'delay'; readonly delayMs: number };

/** Applies to calls of one task attempt. */
export type Injection = InjectionEffect & {
  /** Of these calls; absent: of those that change. */
  readonly phase?: Phase;
  /** Which verb; absent: any. */
  readonly verb?: string;
  /** Which call of the phase, or of its verb; absent: each, without a verb the first. */
  readonly call?: number;
  /** Target ids that it is for; absent: all. */
  readonly targets?: readonly string[];
  /** The rule that drew it, for the journal. */
  readonly rule: string;
};

/** Those that a job of this phase takes along. */
export const injectionsOf = (
  injections: readonly Injection[],
  phase: Phase,
): readonly Injection[] =>
  injections.filter((injection) => {
    // What an operation comes to is asked later; the failure that was drawn for it waits there.
    if (phase === 'poll' && injection.effect === 'fail-later') return true;
    if (injection.phase !== undefined) return injection.phase === phase;
    // Who names nothing means the change, not the look that goes before it.
    if (phase === 'before') return injection.verb !== undefined;
    return phase !== 'settle' && phase !== 'poll';
  });
