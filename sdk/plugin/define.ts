/**
 * `definePlugin`: the whole of what a vendor writes. The definition is data and functions; the
 * daemon checks it (`checkDefinition`), asks it nothing before `open`, and runs it only in worker
 * threads.
 */
import type { z } from 'zod';
import type { Connect } from './connect.ts';
import type { Fault } from './fault.ts';
import type { Page, PageRequest } from './model.ts';
import type {
  Answer,
  CallContext,
  ListingVerb,
  ListingVerbs,
  OperationStatus,
  Settlement,
  TargetVerb,
  TargetVerbs,
} from './verbs.ts';

/** The contract version this kit was made for; the daemon refuses a plugin of another, in words. */
export const contractVersion = 1;

/** What a verb receives. `session` is what `open` returned. */
export interface VerbCall<S, V extends TargetVerb> extends CallContext {
  readonly session: S;
  readonly targets: readonly TargetVerbs[V]['target'][];
  readonly args: TargetVerbs[V]['args'];
}

export interface ListingCall<S> extends CallContext {
  readonly session: S;
  readonly page: PageRequest;
}

export interface PollCall<S> extends CallContext {
  readonly session: S;
  readonly verb: TargetVerb;
  readonly targets: readonly { readonly id: string; readonly operation: string }[];
}

type Awaitable<T> = T | Promise<T>;

export type VerbHandler<S, V extends TargetVerb> = (
  call: VerbCall<S, V>,
) => Awaitable<readonly TargetVerbs[V]['answer'][]>;

export type SettleHandler<S, V extends TargetVerb> = (
  call: VerbCall<S, V>,
) => Awaitable<readonly Settlement[]>;

/**
 * One changing verb: what it does, and how a call in doubt is resolved. `repeatable`: doing it
 * again under the same key has no further effect. `settle`: asks the remote what became of it.
 * A verb may have both; one that has neither can never be run again by the engine.
 */
export type ChangingVerb<S, V extends TargetVerb> = {
  readonly run: VerbHandler<S, V>;
  readonly repeatable?: true;
  readonly settle?: SettleHandler<S, V>;
};

export type PluginVerbs<S> = {
  readonly [V in TargetVerb]?: ChangingVerb<S, V> | VerbHandler<S, V>;
} & {
  readonly [V in ListingVerb]?: (call: ListingCall<S>) => Awaitable<Page<ListingVerbs[V]['item']>>;
};

/** Declared properties: promises that the conformance suite checks. */
export interface PluginProperties {
  /** Refuses writers and calls of an older lineage or epoch; a question notes its epoch, too. */
  readonly fences?: boolean;
  /** A consistency group of several devices changes as one. */
  readonly atomicGroups?: boolean;
  readonly updateModes?: readonly ('active' | 'synchronous' | 'asynchronous' | 'adaptive')[];
  readonly keepsRecoveryPoints?: boolean;
  /** Has stretched devices: site preference, fencing of one side, and the verbs for them. */
  readonly stretched?: boolean;
}

export interface OpenContext<C> {
  readonly config: C;
  /**
   * Id of the array or compute that this session is for, as the daemon's configuration names it.
   */
  readonly remoteId: string;
  /** Id of the site at which it stands. */
  readonly siteId: string;
  /** Aborted when the session must be given up. */
  readonly signal: AbortSignal;
  /** The way to a remote behind a TCP or unix socket: its connections pass the gateway. */
  readonly connect: Connect;
}

export interface PluginDefinition<Schema extends z.ZodObject = z.ZodObject, S = unknown> {
  readonly name: string;
  readonly version: string;
  readonly contract: typeof contractVersion;
  /** A zod object; `secret()` fields never leave the plugin's thread in clear. */
  readonly config: Schema;
  readonly properties?: PluginProperties;
  /** `single`: one session in the whole daemon. Default: one session a thread. */
  readonly instance?:
    | 'single'
    | 'per-thread'
    | ((config: z.infer<Schema>) => 'single' | 'per-thread');
  /** Once per session; throwing is a fault of the remote (`faultOf`), not of the daemon. */
  readonly open: (context: OpenContext<z.infer<Schema>>) => Awaitable<S>;
  readonly close?: (session: S) => Awaitable<void>;
  /** The one place that knows the vendor's errors. Undefined: not one of ours. */
  readonly faultOf?: (error: unknown) => Fault | undefined;
  /** Required when any verb answers `accepted`. */
  readonly operationStatus?: (call: PollCall<S>) => Awaitable<readonly OperationStatus[]>;
  readonly verbs: PluginVerbs<S>;
}

/** Types the definition; the checks are the daemon's and the conformance suite's. */
export const definePlugin = <Schema extends z.ZodObject, S>(
  definition: PluginDefinition<Schema, S>,
): PluginDefinition<Schema, S> => definition;

export type { Answer };
