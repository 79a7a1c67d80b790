/** What an injection sees and may do. Each stands in its own file and wraps one call. */
import type { Fault } from '../../../sdk/plugin/fault.ts';
import type { OperationStatus, Settlement } from '../../../sdk/plugin/verbs.ts';
import type { Injection } from '../../core/injection.ts';
import type { AnyAnswer } from '../../host/answers.ts';

export type Target = { readonly id: string };

/** An answer of a verb, what became of one, or (a listing) the page as a value. */
export type Said = AnyAnswer | Settlement | OperationStatus;
export type Answers = Promise<readonly Said[]>;

export interface Scene {
  readonly verb: string;
  /** What is asked: a verb, what became of it, or a listing. */
  readonly asks: 'verb' | 'settle' | 'poll' | 'listing';
  readonly targets: readonly Target[];
  readonly args: object;
  /** Goes on towards the plugin. */
  readonly next: (targets: readonly Target[], args: object) => Answers;
  /** Ends early when the call is cut off. */
  readonly sleep: (delayMs: number) => Promise<void>;
  /** The thread ends; the promise never settles. */
  readonly crash: (how: 'exit' | 'memory') => Promise<never>;
  /** Says that the injection has changed something, at once. */
  readonly struck: () => void;
  /** What the target was answered the last time, as far as anybody remembers. */
  readonly earlier: (id: string) => Said | undefined;
}

export type Apply<E extends Injection['effect']> = (
  injection: Extract<Injection, { effect: E }>,
  scene: Scene,
) => Answers;

/** The fault of injections that name none. */
export const refusalBy = (verb: string, rule: string): Fault => ({
  kind: 'refused',
  owner: 'array',
  message: `${verb} was refused on purpose (${rule})`,
  code: 'INJECTED',
});

/** Some targets go on unharmed, `harm` answers for the others; in the order of all. */
export const harming = async (
  { targets, next, args }: Pick<Scene, 'targets' | 'next' | 'args'>,
  isHarmed: (id: string) => boolean,
  harm: (harmed: readonly Target[]) => Answers | readonly Said[],
): Answers => {
  const harmed = targets.filter(({ id }) => isHarmed(id));
  const spared = targets.filter(({ id }) => !isHarmed(id));
  const answers = spared.length === 0 ? [] : await next(spared, args);
  const more = harmed.length === 0 ? [] : await harm(harmed);
  const answerOf = new Map([...answers, ...more].map((answer) => [answer.id, answer]));
  return targets.flatMap(({ id }) => answerOf.get(id) ?? []);
};

/** Whether an injection is for a target. */
export const choosing = (chosen: readonly string[] | undefined): ((id: string) => boolean) => {
  if (chosen === undefined) return () => true;
  const ids = new Set(chosen);
  return (id) => ids.has(id);
};
