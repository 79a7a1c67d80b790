/** What an injection sees and may do. Each stands in its own file and wraps one call. */
import type { AnyAnswer } from '../../host/answers.ts';
import type { Injection } from '../injection.ts';

export type Target = { readonly id: string };
export type Answers = Promise<readonly AnyAnswer[]>;

export interface Scene {
  readonly targets: readonly Target[];
  /** Goes on towards the plugin. */
  readonly next: (targets: readonly Target[]) => Answers;
  /** Ends early when the call is cut off. */
  readonly sleep: (delayMs: number) => Promise<void>;
  /** The thread ends; the promise never settles. */
  readonly crash: () => Promise<never>;
}

export type Apply<E extends Injection['effect']> = (
  injection: Extract<Injection, { effect: E }>,
  scene: Scene,
) => Answers;
