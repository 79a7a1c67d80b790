/**
 * Asks remotes for their lists, page by page. Where a plugin names what a list holds by a revision,
 * it is asked only for what is new since: the answer `unchanged` is the list that was there, the
 * very same one, so that whoever made something of it knows that it still holds.
 */
import type { Fault } from '../../sdk/plugin/fault.ts';
import type { PageRequest } from '../../sdk/plugin/model.ts';
import type { ListingVerb } from '../../sdk/plugin/verbs.ts';
import type { Clock } from '../core/clock.ts';
import { SiteswapError } from '../core/errors.ts';
import { codes } from '../host/faults.ts';
import { workerLostCode } from '../workers/faults.ts';
import type {
  ListingJob,
  ListingResult,
  Pool,
  QueryJob,
  RemoteConfig,
  ResultOf,
} from '../workers/pool.ts';

/** One page of a listing: slow arrays take seconds, not minutes. */
export const listingTimeoutMs = 30_000;
/** Items in one page when all are wanted at once: its text stays small enough to die young. */
const itemsPerPageMax = 1_000;
/** A plugin whose listing does not end would otherwise be asked for ever. */
const pagesMax = 10_000;
/** Tries at a question whose thread another plugin has ended: asking has no effect. */
const triesMax = 4;

/** When a remote was last heard, and how. */
export interface Heard {
  readonly ok: boolean;
  readonly message: string;
  readonly atMs: number;
}

/** A list as it was at a revision. */
interface Known {
  readonly revision: string;
  readonly items: readonly unknown[];
}

/** The plugin as a whole cannot be used: more than one verb that it does not offer. */
const unusable: ReadonlySet<unknown> = new Set([codes.pluginLoad, codes.pluginConfig]);

/** The error that a fault of a whole question is to its asker. */
export const failed = (remote: RemoteConfig, fault: Fault): SiteswapError => {
  const reason =
    fault.kind === 'unsupported' && !unusable.has(fault.code)
      ? 'VERB_UNSUPPORTED'
      : fault.owner === 'plugin'
        ? 'PLUGIN_FAILED'
        : 'REMOTE_UNREACHABLE';
  return new SiteswapError(reason, `${remote.kind} "${remote.id}": ${fault.message}`, {
    subject: remote.id,
    vendorCode: fault.code ?? '',
    ...(fault.hint === undefined ? {} : { hint: fault.hint }),
  });
};

export class Lists {
  readonly #pool: Pool;
  readonly #clock: Clock;
  readonly #heard = new Map<string, Heard>();
  /** Remote id and verb → what is known of that list. */
  readonly #known = new Map<string, Known>();

  constructor(pool: Pool, clock: Clock) {
    this.#pool = pool;
    this.#clock = clock;
  }

  heard(remoteId: string): Heard | undefined {
    return this.#heard.get(remoteId);
  }

  /** Asks again where a thread was ended by something else: looking has no effect. */
  async run<J extends ListingJob | QueryJob>(job: J): Promise<ResultOf<J>> {
    for (let tries = 1; ; tries++) {
      const result = await this.#pool.run(job);
      const lost = result.kind === 'fault' && result.fault.code === workerLostCode;
      if (!lost || tries >= triesMax) return result;
    }
  }

  /** The whole list; the same array as before while its plugin vouches for it. */
  async whole<T>(remote: RemoteConfig, verb: ListingVerb): Promise<readonly T[]> {
    const key = `${remote.id}\n${verb}`;
    const known = this.#known.get(key);
    const all: T[] = [];
    let revision: string | undefined;
    for await (const page of this.pages(remote, verb, itemsPerPageMax, known?.revision)) {
      if (page.unchanged && known !== undefined) return known.items as readonly T[];
      revision ??= page.revision;
      for (const item of page.items) all.push(item as T);
    }
    if (revision === undefined) this.#known.delete(key);
    else this.#known.set(key, { revision, items: all });
    return all;
  }

  /** Another array holds the same items: from now on that one is the list. */
  replace(remoteId: string, verb: ListingVerb, items: readonly unknown[]): void {
    const key = `${remoteId}\n${verb}`;
    const known = this.#known.get(key);
    if (known !== undefined) this.#known.set(key, { ...known, items });
  }

  async *pages(
    remote: RemoteConfig,
    verb: ListingVerb,
    sizeMax: number,
    since?: string,
  ): AsyncGenerator<ListingResult, void> {
    let page: PageRequest = { sizeMax, ...(since === undefined ? {} : { since }) };
    for (let pages = 0; pages < pagesMax; pages++) {
      const timeoutMs = listingTimeoutMs;
      const result = await this.run({
        kind: 'listing',
        remoteId: remote.id,
        verb,
        page,
        timeoutMs,
      });
      const atMs = this.#clock.now();
      if (result.kind === 'fault') {
        this.#heard.set(remote.id, { ok: false, message: result.fault.message, atMs });
        throw failed(remote, result.fault);
      }
      this.#heard.set(remote.id, { ok: true, message: '', atMs });
      yield result;
      if (result.next === undefined) return;
      page = { token: result.next, sizeMax };
    }
    throw new SiteswapError('PLUGIN_FAILED', `${remote.id}: the listing ${verb} does not end`, {
      subject: remote.id,
    });
  }
}
