/** What was made for plans the last time, so that what has not changed is not made again. */
import type { Assembly } from './assemble.ts';
import type { Survey } from './survey.ts';

/** Of one plan. Whatever is in it is only used where it answers the very same question. */
export interface PlanMemory {
  survey?: Survey;
  assembly?: Assembly;
}

/** VMs remembered, of all plans together: as many as one plan may have. */
const vmsRememberedMax = 100_000;

/** The plans that were frozen last. */
export class Memories {
  readonly #plans = new Map<string, PlanMemory>();

  /** To be filled by whoever freezes the plan. */
  of(planId: string): PlanMemory {
    const memory = this.#plans.get(planId) ?? {};
    this.#plans.delete(planId);
    this.#trim();
    this.#plans.set(planId, memory);
    return memory;
  }

  /** The oldest go first. */
  #trim(): void {
    let vms = 0;
    for (const { survey } of this.#plans.values()) vms += survey?.members.length ?? 0;
    for (const [planId, { survey }] of this.#plans) {
      if (vms <= vmsRememberedMax) return;
      vms -= survey?.members.length ?? 0;
      this.#plans.delete(planId);
    }
  }
}
