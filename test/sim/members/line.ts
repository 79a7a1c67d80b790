/**
 * A member's way to the database: it takes time, breaks before or after a statement was carried
 * out, and may be cut for a while. A member that is frozen neither sends nor hears; what it had
 * sent arrives all the same.
 */
import type { Chance } from '../chance.ts';
import { type Mortal, never } from '../mortal.ts';
import type { SimTime } from '../time.ts';
import type { Database } from './database.ts';

export interface LineParts {
  readonly time: SimTime;
  readonly chance: Chance;
  readonly database: Database;
  readonly life: Mortal;
  /** Share of ways, there or back, on which the connection is lost. */
  readonly lostRate: () => number;
  readonly latencyMsMax: number;
  /** Whether this member is cut off now. */
  readonly cut: () => boolean;
}

/** Whoever waits for a connection that is gone hears of it within so long. */
const noticeMsMax = 3_000;

/** A statement that was sent by somebody who has died since arrives, or does not. */
const arrivesRate = 0.5;

export class Line {
  readonly #parts: LineParts;

  constructor(parts: LineParts) {
    this.#parts = parts;
  }

  /** Rejects when nobody answers; `act` may have been carried out, or not. */
  async ask<T>(act: (database: Database) => T): Promise<T> {
    const { database, life, chance } = this.#parts;
    await life.awake();
    if (life.dead) return never();
    await this.#way();
    if (life.dead && !chance.hit(arrivesRate)) return never();
    const answer = act(database);
    await this.#way();
    await life.awake();
    return life.dead ? never() : answer;
  }

  /** One way; rejects when the connection is lost on it. */
  async #way(): Promise<void> {
    const { time, chance, latencyMsMax, lostRate } = this.#parts;
    await time.sleep(chance.spread(1, latencyMsMax));
    if (!this.#broken() && !chance.hit(lostRate())) return;
    await time.sleep(chance.spread(1, noticeMsMax));
    const { life } = this.#parts;
    await life.awake();
    if (life.dead) await never();
    throw new Error('the connection to the database is lost');
  }

  #broken(): boolean {
    return this.#parts.database.away || this.#parts.cut();
  }
}
