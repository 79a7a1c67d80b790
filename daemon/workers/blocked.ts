/** Plugins that ended a thread: not called for a while, the longer the more often it happened. */
import type { Clock } from '../core/clock.ts';
import { coolDownMsMax, coolDownMsMin } from './limits.ts';

interface Record {
  readonly why: string;
  readonly strikes: number;
  readonly coolDownMs: number;
  readonly untilMs: number;
}

export class Blocked {
  readonly #clock: Clock;
  readonly #firstCoolDownMs: number;
  readonly #records = new Map<string, Record>();

  constructor(clock: Clock, firstCoolDownMs = coolDownMsMin) {
    this.#clock = clock;
    this.#firstCoolDownMs = firstCoolDownMs;
  }

  strike(pluginId: string, how: string): void {
    const strikes = (this.#records.get(pluginId)?.strikes ?? 0) + 1;
    const coolDownMs = Math.min(this.#firstCoolDownMs * 2 ** (strikes - 1), coolDownMsMax);
    const untilMs = this.#clock.now() + coolDownMs;
    const times = strikes === 1 ? '' : ` (${strikes} times)`;
    const why = `plugin ${pluginId} ${how}${times}: it is not called for ${coolDownMs} ms`;
    this.#records.set(pluginId, { why, strikes, coolDownMs, untilMs });
  }

  /** Why the plugin is not called now. */
  why(pluginId: string): string | undefined {
    const record = this.#records.get(pluginId);
    return record !== undefined && this.#clock.now() < record.untilMs ? record.why : undefined;
  }

  /** A call went well: forgotten once it has been quiet for as long again as it was blocked. */
  wentWell(pluginId: string): void {
    if (this.#records.size === 0) return;
    const record = this.#records.get(pluginId);
    if (record === undefined) return;
    if (this.#clock.now() > record.untilMs + record.coolDownMs) this.#records.delete(pluginId);
  }

  /** Plugin id → why, of those that are not called now. */
  now(): Readonly<{ [pluginId: string]: string }> {
    const all = [...this.#records.keys()].map((id) => [id, this.why(id)] as const);
    return Object.fromEntries(
      all.filter((pair): pair is [string, string] => pair[1] !== undefined),
    );
  }
}
