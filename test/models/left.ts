/**
 * What a person has left of a rollback, and what has to be left with it: all that it stands on,
 * step by step and item by item, unless its step is one on which nothing stands.
 */
import { counterparts } from './rules.ts';
import type { Place, Truth } from './truth.ts';

interface Effect {
  readonly place: Place;
  readonly step: number;
}

export class Left {
  readonly truth: Truth;
  readonly #left: Effect[] = [];

  constructor(truth: Truth) {
    this.truth = truth;
  }

  add(place: Place, step: number): void {
    this.#left.push({ place, step });
  }

  clear(): void {
    this.#left.length = 0;
  }

  /** Whether it may stay: it was left, nobody knows of it, or such a thing stands on it. */
  excuses(place: Place, step: number): boolean {
    return this.#stays({ place, step }) || this.holds(place, step);
  }

  /** Whether something stands on it that was left, or of which nobody knows. */
  holds(place: Place, step: number): boolean {
    return this.#above({ place, step }).some(
      (above) => this.excuses(above.place, above.step) && this.#isBase(above, place),
    );
  }

  #stays({ place, step }: Effect): boolean {
    const isLeft = this.#left.some((effect) => effect.place === place && effect.step === step);
    return isLeft || this.truth.effect(place, step) === 'doubt';
  }

  /** An item of which nobody knows is out of the run with all that it did before. */
  #isBase({ place, step }: Effect, below: Place): boolean {
    const unknown = this.truth.effect(place, step) === 'doubt' && place === below;
    return unknown || this.truth.frozen.steps[step]?.whenLeft === 'ground';
  }

  /** What an item did after it, and what others did for which they needed it. */
  #above({ place, step }: Effect): Effect[] {
    const { truth } = this;
    const own = truth.chainOf(place.group).filter((at) => at > step);
    const across = truth.frozen.gates.flatMap((gate) => {
      if (gate.kind !== 'stands-on' || gate.waits.step < step) return [];
      if (!gate.waits.workgroups.includes(place.group)) return [];
      return gate.holds.workgroups.flatMap((group) =>
        truth.places
          .filter(
            (other) => other.group === group && counterparts(truth, gate, other).includes(place),
          )
          .flatMap((other) =>
            truth
              .chainOf(group)
              .filter((at) => at >= gate.holds.step)
              .map((at) => ({ place: other, step: at })),
          ),
      );
    });
    return [...own.map((at) => ({ place, step: at })), ...across];
  }
}
