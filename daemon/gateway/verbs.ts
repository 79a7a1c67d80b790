/** The verbs of one remote as a step sees them: every one of them goes through the door. */
import { type TargetVerb, targetVerbs } from '../../sdk/plugin/verbs.ts';
import type { Verbs } from '../steps/step.ts';
import type { Calls } from './gateway.ts';
import type { Target } from './injections/scene.ts';

/** A job has its own verbs, so what they are made of is shared. */
class DoorVerbs {
  readonly door: Calls;

  constructor(door: Calls) {
    this.door = door;
  }

  settle(verb: TargetVerb, targets: readonly Target[], args?: object) {
    return this.door.settle(verb, targets, args);
  }
}

for (const verb of targetVerbs) {
  Object.defineProperty(DoorVerbs.prototype, verb, {
    value(
      this: DoorVerbs,
      targets: readonly Target[],
      args?: object,
      share?: { readonly timeoutMs: number },
    ) {
      return this.door.call(verb, targets, args, share);
    },
  });
}

/** The answers' shapes were checked for each verb, which the compiler cannot follow. */
export const verbsOf = (door: Calls): Verbs => new DoorVerbs(door) as unknown as Verbs;
