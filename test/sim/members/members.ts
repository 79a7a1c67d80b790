/**
 * Several computers whose daemons share a database, as whoever asks sees them: any of them will do,
 * and what only one of them can do is passed on to that one.
 */
import { SiteswapError } from '../../../daemon/core/errors.ts';
import { RunElsewhere } from '../../../daemon/runner/elsewhere.ts';
import type { Chance } from '../chance.ts';
import type { Act, Computer } from '../computer.ts';

export class SimMembers {
  readonly computers: readonly Computer[];
  readonly #chance: Chance;

  constructor(computers: readonly Computer[], chance: Chance) {
    this.computers = computers;
    this.#chance = chance;
  }

  async ask<T>(act: Act<T>): Promise<T | Error> {
    let said: T | Error | undefined;
    for (const computer of this.#inTurn()) {
      said = await computer.ask(act);
      if (!isForOthers(said)) return said;
    }
    return said as T | Error;
  }

  /** Those who stand at a site go with it. */
  burn(siteId: string): void {
    if (this.computers.length === 1) return;
    for (const one of this.computers) if (one.siteId === siteId) one.burn();
  }

  rebuild(): void {
    for (const one of this.computers) one.rebuild();
  }

  /** Somebody whom a trouble befalls: mostly one who has something to do. */
  victim(): Computer {
    const [first, ...others] = this.computers;
    if (first === undefined) throw new Error('there is no member');
    if (others.length === 0) return first;
    const busy = this.computers.filter(({ drives }) => drives > 0);
    return this.#chance.pick(busy.length > 0 && this.#chance.hit(0.8) ? busy : this.computers);
  }

  /** Those who stand first; where to begin is anybody's choice. */
  #inTurn(): readonly Computer[] {
    const { length } = this.computers;
    if (length === 1) return this.computers;
    const from = this.#chance.between(0, length - 1);
    const turned = [...this.computers.slice(from), ...this.computers.slice(0, from)];
    const left = turned.filter(({ burnt }) => !burnt);
    return left.sort((one, other) => Number(other.stands) - Number(one.stands));
  }
}

const isForOthers = (said: unknown): boolean =>
  said instanceof RunElsewhere ||
  (said instanceof SiteswapError && said.reason === 'MEMBER_DRAINING');
