/**
 * What speaks against declaring a site lost. Nothing of it refuses anything: in a fire a person's
 * word counts, but nobody should say it by mistake.
 */
import type { Clock } from '../core/clock.ts';
import type { Violation } from '../core/errors.ts';
import { someOf } from '../core/some.ts';
import type { Pool } from '../workers/pool.ts';
import { siteNamed } from './named.ts';
import type { RemoteState, SiteState } from './service.ts';

/** Where nobody is asked, an array that was heard of so lately may well be there. */
const heardLatelyMs = 60_000;

/** Who looks before declaring a loss does not wait longer for arrays that may well be gone. */
const askMsMax = 3_000;

interface LossesParts {
  readonly pool: Pool;
  readonly clock: Clock;
  readonly ownSiteId: string;
  readonly sites: { list(): readonly SiteState[] };
  readonly scout: { remoteStates(): readonly RemoteState[] };
}

export class Losses {
  readonly #parts: LossesParts;

  constructor(parts: LossesParts) {
    this.#parts = parts;
  }

  /**
   * `asks`: arrays of the site are asked now; else it counts when they were heard of. Nothing
   * speaks against a loss that is declared already.
   */
  async warnings(siteId: string, asks: boolean): Promise<readonly Violation[]> {
    const { ownSiteId } = this.#parts;
    const sites = this.#parts.sites.list();
    if (siteNamed(siteId, sites).lost) return [];
    const left = sites.filter(({ id, lost }) => id !== siteId && !lost);
    const answering = await this.#answering(siteId, asks);
    const messages = [
      ...(siteId === ownSiteId ? [`this daemon stands at ${siteId} itself, and it answers`] : []),
      ...(left.length === 0 ? [`no site is left then: every call will be refused`] : []),
      ...(answering.length === 0 ? [] : [stillThere(answering, asks)]),
    ];
    return messages.map((message) => ({ field: 'siteId', message }));
  }

  async #answering(siteId: string, asks: boolean): Promise<readonly string[]> {
    const { scout, clock } = this.#parts;
    const sinceMs = clock.now() - heardLatelyMs;
    const arrays = scout
      .remoteStates()
      .filter((remote) => remote.siteId === siteId && remote.kind === 'array');
    const found = await Promise.all(
      arrays.map(async ({ id, health, observedAtMs }) => {
        const heard = health === 'healthy' && observedAtMs >= sinceMs;
        return (asks ? await this.#answers(id) : heard) ? [id] : [];
      }),
    );
    return found.flat();
  }

  async #answers(remoteId: string): Promise<boolean> {
    const page = { sizeMax: 1 };
    const about = { kind: 'listing', remoteId, verb: 'discoverArrays', page } as const;
    const result = await this.#parts.pool.run({ ...about, timeoutMs: askMsMax });
    return result.kind !== 'fault';
  }
}

const stillThere = (arrayIds: readonly string[], asked: boolean): string => {
  return (
    `${arrayIds.length === 1 ? 'array' : 'arrays'} ${someOf(arrayIds)} of it answered ` +
    `${asked ? 'just now' : 'within the last minute'}: what writes there may go on, and a ` +
    'disaster run would leave two writers'
  );
};
