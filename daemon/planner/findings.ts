/** Collects everything that is wrong with a plan, so that its author hears it all at once. */
import type { Violation } from '../core/errors.ts';
import { findingsMax } from './defaults.ts';

export class Findings {
  readonly #problems: Violation[] = [];
  readonly #obstacles: Violation[] = [];
  readonly #warnings: Violation[] = [];
  readonly #told = new Set<string>();
  #problemsTotal = 0;

  /** The plan cannot run like this. `message` names the thing and the way out. */
  problem(field: string, message: string): void {
    if (!this.#new(field, message)) return;
    this.#problemsTotal++;
    if (this.#problems.length < findingsMax) this.#problems.push({ field, message });
  }

  /** The plan is sound, but a run of it would be refused as things stand now. */
  obstacle(field: string, message: string): void {
    if (this.#new(field, message) && this.#obstacles.length < findingsMax)
      this.#obstacles.push({ field, message });
  }

  /** The plan can run, but its author should know. */
  warn(field: string, message: string): void {
    if (this.#new(field, message) && this.#warnings.length < findingsMax)
      this.#warnings.push({ field, message });
  }

  /** All that was found elsewhere, as if it had been found here. */
  add({ told, untold, kept }: Findings): void {
    for (const { field, message } of kept) this.problem(field, message);
    for (const { field, message } of told.obstacles) this.obstacle(field, message);
    for (const { field, message } of told.warnings) this.warn(field, message);
    this.#problemsTotal += untold;
  }

  /** Two remotes may show the same thing: it is told once. */
  #new(field: string, message: string): boolean {
    const size = this.#told.size;
    return this.#told.add(`${field}\n${message}`).size > size;
  }

  get clean(): boolean {
    return this.#problemsTotal === 0;
  }

  get problems(): readonly Violation[] {
    const { untold } = this;
    if (untold === 0) return this.#problems;
    return [...this.#problems, { field: '', message: `and ${untold} more problems` }];
  }

  get kept(): readonly Violation[] {
    return this.#problems;
  }

  /** Problems that were too many to be kept. */
  get untold(): number {
    return this.#problemsTotal - this.#problems.length;
  }

  /** All that is no problem. */
  get told(): {
    readonly obstacles: readonly Violation[];
    readonly warnings: readonly Violation[];
  } {
    return { obstacles: this.#obstacles, warnings: this.#warnings };
  }
}
