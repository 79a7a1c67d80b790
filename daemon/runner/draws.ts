/**
 * Which injections a task attempt gets. Drawn on the main thread when the intent is made, in
 * dispatch order, so that what was drawn is journaled with the intent and travels with the job.
 * It is known here for as long as it can have an effect, so that switching off can wait for it.
 */
import type { CallRule } from '../../sdk/scenario/rule.ts';
import { type Coordinates, injectionFrom, inScope, isDrawn } from '../core/draw.ts';
import type { Group } from '../core/engine/state.ts';
import type { Injection } from '../core/injection.ts';
import type { Struck } from '../workers/pool.ts';

export interface RuleCounts {
  /** Attempts and calls in its scope. */
  matched: number;
  /** For how many of these it was drawn. */
  drawn: number;
  /** In how many of these it changed something. */
  hits: number;
}

/** Of a job's result, what matters here. */
interface Came {
  readonly injected?: readonly string[];
}

/** What an attempt, or a call outside runs, carries, and which of it has changed something. */
interface Load {
  readonly injections: readonly Injection[];
  readonly struck: Set<string>;
}

const underWay: ReadonlySet<Group['standing']> = new Set([
  'started',
  'prepared',
  'accepted',
  'doubt',
  'undo-started',
]);

const none: readonly Injection[] = [];

/** An attempt, or a call outside runs, that carries injections. */
const keyOf = (runId: string, group: number | string): string => `${runId}\n${group}`;

export class Draws {
  #on: boolean;
  #rules: readonly CallRule[];
  #seed = 1;
  #remembers = false;
  readonly #counts = new Map<string, RuleCounts>();
  readonly #carried = new Map<string, Load>();
  /** By what it consists of: jobs take along parts of it. */
  readonly #loads = new WeakMap<Injection, Load>();
  #idle: (() => void)[] = [];

  /** Rules that are on from the start. */
  constructor(rules: readonly CallRule[] = []) {
    this.#rules = rules;
    this.#on = rules.length > 0;
    this.set(this.#on, rules, 1);
  }

  /** False: nobody needs to ask for anything. */
  get on(): boolean {
    return this.#on;
  }

  /** Answers are to be remembered, because some rule gives stale ones. */
  get remembers(): boolean {
    return this.#remembers;
  }

  get rules(): readonly CallRule[] {
    return this.#rules;
  }

  /** Something that was drawn can still have an effect. */
  get carrying(): number {
    return this.#carried.size;
  }

  /**
   * From now on these are drawn from, or nothing is. Counts of rules that stay are kept; of one
   * that another replaced under its name they are not.
   */
  set(on: boolean, rules: readonly CallRule[], seed: number): void {
    this.#on = on && rules.length > 0;
    const stay = new Set(rules);
    const gone = this.#rules.filter((rule) => !stay.has(rule));
    for (const { name } of gone) this.#counts.delete(name);
    this.#rules = rules;
    this.#seed = seed;
    this.#remembers = this.#on && rules.some(({ effect }) => effect.effect === 'stale-read');
  }

  /** From now on nothing is drawn. */
  stop(): void {
    this.#on = false;
  }

  counts(rule: string): Readonly<RuleCounts> {
    return this.#counts.get(rule) ?? { matched: 0, drawn: 0, hits: 0 };
  }

  /** For one attempt of a workgroup, or for one call outside runs. */
  draw(at: Coordinates, group: number | string, nowMs: number): readonly Injection[] {
    if (!this.#on) return none;
    const drawn = this.#rules.flatMap((rule) => this.#one(rule, at, nowMs));
    if (drawn.length > 0) this.carry(at.runId, group, drawn);
    return drawn;
  }

  #one(rule: CallRule, at: Coordinates, nowMs: number): readonly Injection[] {
    if (!inScope(rule, at) || (rule.untilMs !== undefined && nowMs >= rule.untilMs)) return none;
    const counts = this.#countsOf(rule.name);
    counts.matched += 1;
    if (rule.nth !== undefined && rule.nth !== counts.matched) return none;
    if (rule.budget !== undefined && counts.drawn >= rule.budget) return none;
    if (!isDrawn(this.#seed, rule, at)) return none;
    counts.drawn += 1;
    return [injectionFrom(this.#seed, rule, at)];
  }

  #countsOf(rule: string): RuleCounts {
    let counts = this.#counts.get(rule);
    if (counts === undefined) {
      counts = { matched: 0, drawn: 0, hits: 0 };
      this.#counts.set(rule, counts);
    }
    return counts;
  }

  /** The attempt carries these from now on. */
  carry(runId: string, group: number | string, injections: readonly Injection[]): void {
    const key = keyOf(runId, group);
    if (this.#carried.get(key)?.injections === injections) return;
    const load: Load = { injections, struck: new Set() };
    this.#carried.set(key, load);
    for (const injection of injections) this.#loads.set(injection, load);
  }

  /** What an attempt carries that is not over. */
  carriedBy(runId: string, group: number | string): readonly Injection[] {
    return this.#carried.get(keyOf(runId, group))?.injections ?? none;
  }

  /** Rules that have changed something of an attempt by now; undefined: it carries none. */
  struckBy(runId: string, group: number): readonly string[] | undefined {
    const load = this.#carried.get(keyOf(runId, group));
    return load && [...load.struck];
  }

  /** Counts the rules that changed something, by what came of a job. */
  heard({ injected = [] }: Came, carried: readonly Injection[]): void {
    if (injected.length > 0) this.look([[carried, injected]]);
  }

  /** The same, of jobs that are still under way. However often it is told, a hit is one. */
  look(struck: readonly Struck[]): void {
    for (const [carried, rules] of struck) {
      for (const rule of rules) {
        const one = carried.find((injection) => injection.rule === rule);
        const load = one && this.#loads.get(one);
        if (load === undefined || load.struck.has(rule)) continue;
        load.struck.add(rule);
        this.#hit(rule);
      }
    }
  }

  /** A rule that is gone by now is not counted any more. */
  #hit(rule: string): void {
    const counts = this.#counts.get(rule);
    if (counts !== undefined) counts.hits += 1;
  }

  /** Where a workgroup stands now: at rest, nothing that it carries is under way any more. */
  stands(runId: string, { index, standing }: Pick<Group, 'index' | 'standing'>): void {
    if (!underWay.has(standing)) this.over(runId, index);
  }

  /** Nothing of the attempt is under way any more. */
  over(runId: string, group: number | string): void {
    if (this.#carried.delete(keyOf(runId, group))) this.#tell();
  }

  /** The run's agent is gone, and hears no answer any more. */
  forget(runId: string): void {
    for (const key of [...this.#carried.keys()]) {
      if (key.startsWith(`${runId}\n`)) this.#carried.delete(key);
    }
    this.#tell();
  }

  /** Resolves when nothing that was drawn can have an effect any more. */
  async idle(): Promise<void> {
    while (this.#carried.size > 0) await new Promise<void>((told) => this.#idle.push(told));
  }

  #tell(): void {
    if (this.#carried.size > 0) return;
    for (const told of this.#idle.splice(0)) told();
  }
}
