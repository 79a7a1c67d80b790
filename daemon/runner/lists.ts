/**
 * Asks remotes for their lists, page by page. Where a plugin names what a list holds by a revision,
 * it is asked only for what is new since: the answer `unchanged` is the list that was there, the
 * very same one, so that whoever made something of it knows that it still holds.
 */
import type { Fault, FaultKind } from '../../sdk/plugin/fault.ts';
import type { PageRequest } from '../../sdk/plugin/model.ts';
import type { ListingVerb } from '../../sdk/plugin/verbs.ts';
import type { Clock } from '../core/clock.ts';
import { SiteswapError } from '../core/errors.ts';
import { devicesPerMessageMax } from '../core/limits.ts';
import { codes } from '../host/faults.ts';
import { portionsOf } from '../host/packed.ts';
import { workerLostCode } from '../workers/faults.ts';
import type {
  ListingJob,
  ListingResult,
  Pool,
  QueryJob,
  RemoteConfig,
  ResultOf,
} from '../workers/pool.ts';
import { DeviceList } from './devices.ts';

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

/** Devices of an array as they were, and what its plugin called that, if anything. */
interface KnownDevices {
  readonly revision: string | undefined;
  readonly list: DeviceList;
}

/** The plugin as a whole cannot be used: more than one verb that it does not offer. */
const unusable: ReadonlySet<unknown> = new Set([codes.pluginLoad, codes.pluginConfig]);

/** A fault with its way out, where there is one text for both. */
export const withHint = ({ message, hint }: Fault): string =>
  hint === undefined ? message : `${message}. ${hint}`;

/** It was reached, and said no: that has nothing to do with its network, or its site. */
const answered: ReadonlySet<FaultKind> = new Set(['refused', 'missing', 'conflict', 'corrupt']);

const lookAtIt =
  'It answered: mend what it says, or how it is configured here; repeat the request.';

/** The error that a fault of a whole question is to its asker. */
export const failed = (remote: RemoteConfig, fault: Fault): SiteswapError => {
  const reason =
    fault.kind === 'unsupported' && !unusable.has(fault.code)
      ? 'VERB_UNSUPPORTED'
      : fault.owner === 'plugin'
        ? 'PLUGIN_FAILED'
        : 'REMOTE_UNREACHABLE';
  // A plugin that names the remote itself is not made to say it twice.
  const named = `${remote.kind} ${remote.id} `;
  const words = fault.message.startsWith(named)
    ? ` ${fault.message.slice(named.length)}`
    : `: ${fault.message}`;
  const hint = fault.hint ?? (answered.has(fault.kind) ? lookAtIt : undefined);
  return new SiteswapError(reason, `${remote.kind} "${remote.id}"${words}`, {
    subject: remote.id,
    vendorCode: fault.code ?? '',
    ...(hint === undefined ? {} : { hint }),
  });
};

export class Lists {
  readonly #pool: Pool;
  readonly #clock: Clock;
  readonly #tell: (remoteId: string, heard: Heard) => void;
  readonly #heard = new Map<string, Heard>();
  /** Remote id and verb → what is known of that list. */
  readonly #known = new Map<string, Known>();
  /** Array id → its devices, whether or not its plugin vouches for them. */
  readonly #devices = new Map<string, KnownDevices>();

  /** `tell`: hears of every remote that does not answer, and that it does again. */
  constructor(pool: Pool, clock: Clock, tell: (remoteId: string, heard: Heard) => void = () => {}) {
    this.#pool = pool;
    this.#clock = clock;
    this.#tell = tell;
  }

  heard(remoteId: string): Heard | undefined {
    return this.#heard.get(remoteId);
  }

  /** What is other than the last time is told. */
  #hear(remoteId: string, now: Heard): void {
    const before = this.#heard.get(remoteId);
    this.#heard.set(remoteId, now);
    if ((before?.message ?? '') !== now.message) this.#tell(remoteId, now);
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
    for await (const page of this.#pages(remote, verb, known?.revision)) {
      if (page.unchanged && known !== undefined) return known.items as readonly T[];
      revision ??= page.revision;
      for (const item of page.items) all.push(item as T);
    }
    if (revision === undefined) this.#known.delete(key);
    else this.#known.set(key, { revision, items: all });
    return all;
  }

  async allDevices(remote: RemoteConfig): Promise<DeviceList> {
    const listing = this.devices(remote);
    for (;;) {
      const { value, done } = await listing.next();
      if (done) return value;
    }
  }

  /** As `replace`, of devices. */
  replaceDevices(remoteId: string, list: DeviceList): void {
    const known = this.#devices.get(remoteId);
    if (known !== undefined) this.#devices.set(remoteId, { ...known, list });
  }

  /** Another array holds the same items: from now on that one is the list. */
  replace(remoteId: string, verb: ListingVerb, items: readonly unknown[]): void {
    const key = `${remoteId}\n${verb}`;
    const known = this.#known.get(key);
    if (known !== undefined) this.#known.set(key, { ...known, items });
  }

  /** Devices in portions, as they come; at the end the list of them all. */
  async *devices(remote: RemoteConfig): AsyncGenerator<readonly Uint8Array[], DeviceList> {
    const known = this.#devices.get(remote.id);
    const all: Uint8Array[] = [];
    let revision: string | undefined;
    const packedBy = devicesPerMessageMax;
    for await (const page of this.#pages(remote, 'discoverDevices', known?.revision, packedBy)) {
      if (page.unchanged && known !== undefined) {
        yield known.list.portions;
        return known.list;
      }
      revision ??= page.revision;
      const portions = page.packed === undefined ? [] : portionsOf(page.packed);
      for (const portion of portions) all.push(portion);
      yield portions;
    }
    const found = new DeviceList(all, known?.list);
    const list = known?.list.equals(found) ? known.list : found;
    this.#devices.set(remote.id, { revision, list });
    return list;
  }

  /** The next page is being asked for while one is used; never more. */
  async *#pages(
    remote: RemoteConfig,
    verb: ListingVerb,
    since: string | undefined,
    packedBy?: number,
  ): AsyncGenerator<ListingResult, void> {
    const ask = (page: PageRequest) =>
      this.run({
        ...({ kind: 'listing', remoteId: remote.id, verb, page } as const),
        ...(packedBy === undefined ? {} : { packedBy }),
        // The first are wanted as soon as they are there.
        ...(packedBy !== undefined && page.token !== undefined && { runsOn: true }),
        timeoutMs: listingTimeoutMs,
      });
    const sizeMax = itemsPerPageMax;
    const first = packedBy ?? sizeMax;
    let asked = ask({ sizeMax: first, ...(since === undefined ? {} : { since }) });
    for (let pages = 0; pages < pagesMax; pages++) {
      const result = await asked;
      const atMs = this.#clock.now();
      if (result.kind === 'fault') {
        this.#hear(remote.id, { ok: false, message: withHint(result.fault), atMs });
        throw failed(remote, result.fault);
      }
      this.#hear(remote.id, { ok: true, message: '', atMs });
      if (result.next !== undefined) asked = ask({ token: result.next, sizeMax });
      yield result;
      if (result.next === undefined) return;
    }
    throw new SiteswapError('PLUGIN_FAILED', `${remote.id}: the listing ${verb} does not end`, {
      subject: remote.id,
    });
  }
}
