/** Injections that are switched and remembered, and do nothing: enough to test the API. */
import type { InjectionStatus } from '../../daemon/runner/injector.ts';
import type { Injections } from '../../daemon/runner/service.ts';
import type { Rule } from '../../sdk/scenario/rule.ts';

export class FakeInjections implements Injections {
  on = false;
  seed = 1;
  kept: readonly Rule[] = [];
  #requester = '';
  #reason = '';

  rules(): readonly Rule[] {
    return this.kept;
  }

  status(): InjectionStatus {
    return {
      on: this.on,
      seed: this.seed,
      sinceMs: 0,
      requester: this.#requester,
      reason: this.#reason,
      rules: this.kept.map(({ name }) => ({
        ...{ name, matched: 0, drawn: 0, hits: 0, note: '', about: '', over: false },
      })),
      carrying: 0,
    };
  }

  async enable(requester: string, reason: string, seed: number): Promise<InjectionStatus> {
    this.on = true;
    this.seed = seed === 0 ? this.seed : seed;
    this.#requester = requester;
    this.#reason = reason;
    return this.status();
  }

  async disable(requester: string): Promise<InjectionStatus> {
    this.on = false;
    this.#requester = requester;
    return this.status();
  }

  async add(_requester: string, rules: readonly Rule[]): Promise<InjectionStatus> {
    this.kept = [...this.kept, ...rules];
    return this.status();
  }

  async remove(): Promise<InjectionStatus> {
    this.kept = [];
    return this.status();
  }
}

export const emptyReport = {
  durationMs: 60,
  recoveryTimeMs: 42,
  steps: [],
  refusedCalls: 0,
  injected: {},
} as const;

export const lostReply: Rule = {
  name: 'reply lost',
  step: 'power-on',
  effect: { effect: 'lost-reply' },
};
