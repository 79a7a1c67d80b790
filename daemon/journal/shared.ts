/**
 * What a store that many members share says beyond its entries: who is there, who has the licence
 * to which stream, and that somebody has appended. Times are of the store's clock.
 */

export interface Member {
  readonly id: string;
  readonly site: string;
  readonly addresses: readonly string[];
  /** It was asked to hand its streams on. */
  readonly draining: boolean;
  readonly live: boolean;
  /** Of its lease; negative: it is over for that long. */
  readonly leaseLeftMs: number;
  /** Newest entry of the system stream that it acts on. */
  readonly systemSeq: number;
  readonly sinceMs: number;
  /** Streams that it has. */
  readonly owned: number;
  /** Of these the oldest, as many as are told. */
  readonly licences: readonly Licence[];
}

/** The licence to append to a stream. */
export interface Licence {
  readonly stream: string;
  readonly epoch: number;
}

/** So many of a member's licences are told. */
export const licencesToldMax = 100;

export interface Lease {
  readonly memberId: string;
  readonly site: string;
  readonly addresses: readonly string[];
  readonly leaseMs: number;
}

/** Each question is asked once: it rejects when the store does not answer. */
export interface Members {
  /** False: a member of this id is alive. */
  join(lease: Lease): Promise<boolean>;
  /** What others ask of this member; undefined: its place was taken. */
  renew(
    lease: Pick<Lease, 'memberId' | 'leaseMs'>,
    systemSeq: number,
  ): Promise<{ readonly draining: boolean } | undefined>;
  leave(memberId: string): Promise<void>;
  members(): Promise<readonly Member[]>;
  /** False: there is no member of this id. */
  drain(memberId: string): Promise<boolean>;
  /** Takes streams whose owner is gone, each under the next epoch; a few at a time. */
  takeOver(): Promise<readonly Licence[]>;
  /** The streams that this member has on paper. */
  owned(): Promise<readonly Licence[]>;
  /** A stream that is this member's already, under the next epoch; undefined: it is not. */
  readopt(licence: Licence): Promise<Licence | undefined>;
  /** Nobody has the stream any more. */
  release(stream: string): Promise<void>;
  /** Hands a stream on: any other member may take it. */
  handOver(stream: string): Promise<void>;
}

export interface Shared {
  /** Names this opening of the store: what a member has on paper, it has under this name. */
  readonly writer: string;
  readonly members: Members;
  /** Streams that others may have appended to; an empty list: any of them may be. */
  changes(signal: AbortSignal): AsyncIterable<readonly string[]>;
}
