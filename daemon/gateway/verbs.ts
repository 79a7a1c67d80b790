/** The verbs of one remote as a step sees them: every one of them goes through the door. */
import { type TargetVerb, targetVerbs } from '../../sdk/plugin/verbs.ts';
import type { Verbs } from '../steps/step.ts';
import type { Door } from './gateway.ts';
import type { Target } from './injections/scene.ts';

export const verbsOf = (door: Door): Verbs => {
  const verbs: Record<string, unknown> = {
    settle: (verb: TargetVerb, targets: readonly Target[], args?: object) =>
      door.settle(verb, targets, args),
  };
  for (const verb of targetVerbs) {
    verbs[verb] = (
      targets: readonly Target[],
      args?: object,
      share?: { readonly timeoutMs: number },
    ) => door.call(verb, targets, args, share);
  }
  // The answers' shapes were checked for each verb, which the compiler cannot follow.
  return verbs as unknown as Verbs;
};
