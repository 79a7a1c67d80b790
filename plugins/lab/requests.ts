/** What can be asked of a world, as plain data: the same within a thread and over a socket. */
import type { ListingVerb, PageRequest, TargetVerb } from '@siteswap/sdk/plugin';

export interface Named {
  readonly id: string;
}

/** One call of a verb. */
export interface VerbRequest {
  readonly kind: 'verb';
  readonly remoteId: string;
  readonly verb: TargetVerb;
  readonly key: string;
  readonly epoch: number;
  readonly targets: readonly Named[];
  readonly args: object;
}

/** One page of a listing. */
export interface ListRequest {
  readonly kind: 'list';
  readonly remoteId: string;
  readonly verb: ListingVerb;
  readonly page: PageRequest;
}

/** What became of the calls of a verb under a key. */
export interface SettleRequest {
  readonly kind: 'settle';
  readonly remoteId: string;
  readonly verb: TargetVerb;
  readonly key: string;
  readonly epoch: number;
  readonly targets: readonly Named[];
}

/** How far accepted operations are. */
export interface PollRequest {
  readonly kind: 'poll';
  readonly remoteId: string;
  readonly targets: readonly { readonly id: string; readonly operation: string }[];
}

/** A word to the world itself, from a test or a person; see commands.ts. */
export interface CommandRequest {
  readonly kind: 'command';
  readonly name: string;
  readonly args: readonly unknown[];
}

export type RemoteRequest = VerbRequest | ListRequest | SettleRequest | PollRequest;
export type Request = RemoteRequest | CommandRequest;
