/**
 * Which injections a task attempt gets. Drawn on the main thread when the intent is made, in
 * dispatch order, so that what was drawn is journaled with the intent and travels with the job.
 */
import type { Injection, InjectionEffect } from '../gateway/injection.ts';
import type { Errand } from './jobs.ts';

/** A rule; every field that is given must match. */
export interface InjectionRule {
  readonly name: string;
  readonly remoteId?: string;
  readonly step?: string;
  readonly workgroup?: string;
  readonly direction?: 'run' | 'undo';
  readonly verb?: string;
  readonly targets?: readonly string[];
  /** Only the nth matching attempt (1: the first). */
  readonly nth?: number;
  /** How often it is used at the most; absent: without bound. */
  readonly budget?: number;
  readonly effect: InjectionEffect;
}

export class Draws {
  readonly #rules: readonly InjectionRule[];
  readonly #matched = new Map<string, number>();
  readonly #used = new Map<string, number>();

  constructor(rules: readonly InjectionRule[]) {
    this.#rules = rules;
  }

  draw(errand: Pick<Errand, 'remoteId' | 'direction'>, step: string, workgroup: string) {
    const drawn: Injection[] = [];
    for (const rule of this.#rules) {
      if (!matches(rule, errand, step, workgroup)) continue;
      const nth = (this.#matched.get(rule.name) ?? 0) + 1;
      this.#matched.set(rule.name, nth);
      const used = this.#used.get(rule.name) ?? 0;
      if (rule.nth !== undefined && rule.nth !== nth) continue;
      if (rule.budget !== undefined && used >= rule.budget) continue;
      this.#used.set(rule.name, used + 1);
      drawn.push({
        ...rule.effect,
        rule: rule.name,
        ...(rule.verb === undefined ? {} : { verb: rule.verb }),
        ...(rule.targets === undefined ? {} : { targets: rule.targets }),
      });
    }
    return drawn;
  }
}

const matches = (
  rule: InjectionRule,
  errand: Pick<Errand, 'remoteId' | 'direction'>,
  step: string,
  workgroup: string,
): boolean =>
  (rule.remoteId === undefined || rule.remoteId === errand.remoteId) &&
  (rule.direction === undefined || rule.direction === errand.direction) &&
  (rule.step === undefined || rule.step === step) &&
  (rule.workgroup === undefined || rule.workgroup === workgroup);
