/** Failures made on purpose, drawn on the main thread at dispatch and carried by the task. */
import type { Fault } from '../../sdk/plugin/fault.ts';

export type InjectionEffect =
  /** The call is not made; this fault is the answer for its targets. */
  | { readonly effect: 'error'; readonly fault: Fault }
  /** The call is made this much later. */
  | { readonly effect: 'delay'; readonly delayMs: number }
  /** The call is not made and never answered: its deadline ends it. */
  | { readonly effect: 'hang' }
  /** The call is made, its answer dropped: its deadline ends it. */
  | { readonly effect: 'lost-reply' }
  /** The worker thread exits just before (or just after) the call. */
  | { readonly effect: 'worker-crash'; readonly after: boolean };

/** Applies to the verb calls of one task attempt. */
export type Injection = InjectionEffect & {
  /** Which verb; absent: the first call of the task. */
  readonly verb?: string;
  /** Target ids that an `error` is for; absent: all. */
  readonly targets?: readonly string[];
  /** The rule that drew it, for the journal. */
  readonly rule: string;
};
