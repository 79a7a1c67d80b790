/** The injections of one job: which are for its next call, and what they were used for. */
import type { Fault } from '../../sdk/plugin/fault.ts';
import type { Injection } from '../core/injection.ts';
import { valueShapes } from '../host/shapes.ts';
import { applyAll, injectionsFor, type Struck } from './injections/apply.ts';
import { type Memory, questionOf } from './injections/memory.ts';
import type { Said, Scene } from './injections/scene.ts';
import type { Limit } from './limit.ts';

export interface InjectedParts {
  readonly remoteId: string;
  readonly injections: readonly Injection[];
  /** Answers are to be remembered, for reads that will be stale. */
  readonly memory: Memory | undefined;
  readonly crash: Scene['crash'];
  readonly struck: Struck;
}

/** A call on its way. */
export interface Passing extends Pick<Scene, 'verb' | 'asks' | 'targets' | 'args' | 'next'> {
  readonly limit: Limit;
  /** A fault refuses the call before anything is done to it. */
  readonly admit: () => Fault | undefined;
}

export class Injected {
  /** Names of the rules that changed something. */
  readonly used = new Set<string>();
  readonly #parts: InjectedParts;
  readonly #own = new Map<string, number>();
  #all = 0;

  constructor(parts: InjectedParts) {
    this.#parts = parts;
  }

  async through(passing: Passing): Promise<readonly Said[]> {
    const { verb, targets, args, limit } = passing;
    const own = (this.#own.get(verb) ?? 0) + 1;
    this.#own.set(verb, own);
    this.#all += 1;
    const injections = injectionsFor(this.#parts.injections, passing, { all: this.#all, own });
    const next: Scene['next'] = async (some, more) =>
      this.#kept(verb, await passing.next(some, more));
    if (injections.length === 0) return next(targets, args);
    const refusal = passing.admit();
    if (refusal !== undefined) return targets.map(({ id }) => ({ id, fault: refusal }));
    const { asks } = passing;
    const sleep = (delayMs: number) => limit.sleep(delayMs);
    const { crash } = this.#parts;
    const earlier = (id: string) => this.#earlier(verb, id);
    const scene = { verb, asks, targets, args, next, sleep, crash, earlier };
    return applyAll(injections, scene, (rule) => this.struck(rule));
  }

  /** Told at once: the call may hang, or take its thread along. */
  struck(rule: string): void {
    if (this.used.has(rule)) return;
    this.used.add(rule);
    this.#parts.struck(rule);
  }

  #earlier(verb: string, id: string): Said | undefined {
    return this.#parts.memory?.earlier(questionOf(this.#parts.remoteId, verb, id));
  }

  #kept(verb: string, answers: readonly Said[]): readonly Said[] {
    const { memory, remoteId } = this.#parts;
    if (memory === undefined || !(verb in valueShapes)) return answers;
    for (const answer of answers) {
      if ('value' in answer) memory.keep(questionOf(remoteId, verb, answer.id), answer);
    }
    return answers;
  }
}
