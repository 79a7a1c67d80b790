/**
 * The host of the plugins of one thread: loads them, holds a session for each remote, calls their
 * verbs, and turns whatever comes back into checked answers or faults. It never throws for what a
 * plugin does, and it never waits by itself: deadlines are the gateway's.
 */
import type { ChangingVerb, PluginDefinition } from '../../sdk/plugin/define.ts';
import type { Fault } from '../../sdk/plugin/fault.ts';
import type { PageRequest } from '../../sdk/plugin/model.ts';
import {
  type CallContext,
  isReading,
  type ListingVerb,
  type OperationStatus,
  type Settlement,
  type TargetVerb,
} from '../../sdk/plugin/verbs.ts';
import {
  type AnyAnswer,
  type CheckedPage,
  checkAnswers,
  checkPage,
  checkSettlements,
  checkStatuses,
} from './answers.ts';
import { badAnswer, codes } from './faults.ts';
import { type PackedDevices, packPlain } from './packed.ts';
import type { RemoteConfig } from './remote.ts';
import type { Scrubber } from './scrub.ts';
import { faultOfThrown, type Opened, Session, type SessionParts } from './session.ts';

/** Asked directly before a verb is entered: a fault refuses the call. */
export type Admit = () => Fault | undefined;

/** What a call came to: checked answers, or why there are none. */
export type Reply<T> = { readonly value: T } | { readonly fault: Fault };

export interface VerbRequest {
  readonly remoteId: string;
  readonly verb: TargetVerb;
  readonly targets: readonly { readonly id: string }[];
  readonly args: object;
  readonly context: CallContext;
  readonly admit: Admit;
}

export interface ListingRequest {
  readonly remoteId: string;
  readonly verb: ListingVerb;
  readonly page: PageRequest;
  /** Devices are wanted as bytes, in portions of so many, where that is as good. */
  readonly packedBy?: number | undefined;
  readonly context: CallContext;
  readonly admit: Admit;
}

export interface PollRequest extends Omit<VerbRequest, 'args' | 'targets'> {
  readonly targets: readonly { readonly id: string; readonly operation: string }[];
}

/** How a verb in doubt is resolved at a remote. */
export type Resolving = 'settle' | 'repeat' | 'reading' | 'neither' | 'not-offered';

export interface HostParts extends SessionParts {
  readonly remotes: readonly RemoteConfig[];
}

type Awaitable<T> = T | Promise<T>;
type Handler = (call: object) => Awaitable<unknown>;
type Offered = Handler | ChangingVerb<unknown, TargetVerb>;

const offeredBy = (definition: PluginDefinition, verb: string): Offered | undefined =>
  (definition.verbs as unknown as Readonly<Record<string, Offered>>)[verb];

export class Host {
  readonly #remotes: ReadonlyMap<string, RemoteConfig>;
  readonly #sessions = new Map<string, Session>();
  readonly #parts: HostParts;

  constructor(parts: HostParts) {
    this.#parts = parts;
    this.#remotes = new Map(parts.remotes.map((remote) => [remote.id, remote]));
  }

  /** Calls a verb; one answer for each target, in their order. */
  call({ verb, targets, args, context, ...where }: VerbRequest) {
    return this.#invoke(
      where,
      verb,
      ({ session, definition }) => {
        const offered = offeredBy(definition, verb) as Offered;
        const call = { ...context, session, targets, args };
        return typeof offered === 'function' ? offered(call) : offered.run(call as never);
      },
      ({ scrub, definition }, raw): readonly AnyAnswer[] =>
        checkAnswers(verb, targets, raw, scrub, definition.operationStatus !== undefined),
    );
  }

  /** Asks what became of an earlier call; only for verbs that `resolving` says can be asked. */
  settle({ verb, targets, args, context, ...where }: VerbRequest) {
    return this.#invoke(
      where,
      verb,
      ({ session, definition }) => {
        const offered = offeredBy(definition, verb) as ChangingVerb<unknown, TargetVerb>;
        return offered.settle?.({ ...context, session, targets, args } as never);
      },
      ({ scrub }, raw): readonly Settlement[] => checkSettlements(verb, targets, raw, scrub),
    );
  }

  /** Asks how accepted operations stand. */
  poll({ verb, targets, context, ...where }: PollRequest) {
    return this.#invoke(
      where,
      verb,
      ({ session, definition }) =>
        definition.operationStatus?.({ ...context, session, verb, targets }),
      ({ scrub }, raw): readonly OperationStatus[] => checkStatuses(verb, targets, raw, scrub),
    );
  }

  /** One page of a listing. */
  async list(request: ListingRequest): Promise<Reply<CheckedPage>> {
    const { verb, page, packedBy, context, ...where } = request;
    const reply = await this.#invoke(
      where,
      verb,
      ({ session, definition }) => {
        const offered = offeredBy(definition, verb) as Handler;
        return offered({ ...context, session, page });
      },
      ({ scrub }, raw) => {
        const checked = checkPage(verb, raw, page, packing(packedBy, scrub));
        if (typeof checked === 'string') return scrub.text(checked);
        if (checked.packed !== undefined) return checked;
        // The token goes back to the plugin, and nowhere else.
        return { ...checked, items: scrub.value(checked.items) };
      },
    );
    if ('fault' in reply) return reply;
    return typeof reply.value === 'string'
      ? { fault: badAnswer(`${verb} of ${where.remoteId}: the plugin answered ${reply.value}`) }
      : { value: reply.value };
  }

  /** How a call of `verb` that is in doubt at this remote can be resolved. */
  async resolving(remoteId: string, verb: TargetVerb): Promise<Reply<Resolving>> {
    if (isReading(verb)) return { value: 'reading' };
    const remote = this.#remotes.get(remoteId);
    if (remote === undefined) return { fault: unknownRemote(remoteId) };
    const loaded = await this.#parts.load(remote);
    if ('fault' in loaded) return loaded;
    const offered = offeredBy(loaded.definition, verb);
    if (offered === undefined) return { value: 'not-offered' };
    if (typeof offered === 'function') return { value: 'neither' };
    if (offered.settle !== undefined) return { value: 'settle' };
    return { value: offered.repeatable === true ? 'repeat' : 'neither' };
  }

  /** The sessions at a site that was declared lost are dropped without a word to it. */
  giveUp(siteId: string): void {
    for (const remote of this.#remotes.values()) {
      if (remote.siteId === siteId) this.#sessions.get(remote.id)?.giveUp();
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#sessions.values()].map((session) => session.close()));
  }

  #session(remote: RemoteConfig): Session {
    let session = this.#sessions.get(remote.id);
    if (session === undefined) {
      session = new Session(remote, this.#parts);
      this.#sessions.set(remote.id, session);
    }
    return session;
  }

  async #invoke<T>(
    { remoteId, admit }: { readonly remoteId: string; readonly admit: Admit },
    verb: TargetVerb | ListingVerb,
    body: (opened: Opened) => Awaitable<unknown>,
    check: (opened: Opened, raw: unknown) => T,
  ): Promise<Reply<T>> {
    const remote = this.#remotes.get(remoteId);
    if (remote === undefined) return { fault: unknownRemote(remoteId) };
    const early = admit();
    if (early !== undefined) return { fault: early };
    const opened = await this.#session(remote).use();
    if ('fault' in opened) return opened;
    if (offeredBy(opened.definition, verb) === undefined)
      return { fault: notOffered(remote, verb) };
    // Opening takes time: the site may have been lost, or the deadline passed, meanwhile.
    const refusal = admit();
    if (refusal !== undefined) return { fault: refusal };
    try {
      const raw = await body(opened);
      return { value: check(opened, raw) };
    } catch (error) {
      return { fault: await faultOfThrown(error, opened) };
    }
  }
}

/** Bytes in which nothing has to be hidden. */
const packing = (packedBy: number | undefined, scrub: Scrubber) => {
  if (packedBy === undefined) return undefined;
  return (items: readonly unknown[]): PackedDevices | undefined => {
    const packed = packPlain(items, packedBy);
    return packed === undefined || scrub.finds(packed.bytes) ? undefined : packed;
  };
};

const unknownRemote = (remoteId: string): Fault => ({
  kind: 'missing',
  owner: 'engine',
  message: `no array or compute is configured as ${remoteId}`,
  code: 'REMOTE_NOT_FOUND',
});

const notOffered = (remote: RemoteConfig, verb: string): Fault => ({
  kind: 'unsupported',
  owner: 'plugin',
  message: `plugin ${remote.pluginId} of ${remote.kind} ${remote.id} does not offer ${verb}`,
  code: codes.unsupported,
});
