/**
 * How requests travel between those who ask and the members: one queue that all members share, and
 * one for each member. A store keeps the queues and the reports; what is put where, and who
 * answers, is decided by `asker.ts` and `responder.ts`. Source: US 10,075,514, US 10,616,313.
 */

/** A request on its way. */
export interface Request {
  /** Unique for ever. */
  readonly id: string;
  /** From 0: how often it was put again, after it had come to a member that could not do it. */
  readonly attempt: number;
  /** The method's path, as gRPC spells it. */
  readonly method: string;
  /** The run that it names; empty: none. */
  readonly runId: string;
  /** As the contract encodes it. */
  readonly body: Uint8Array;
  /** Who waits for its reports. */
  readonly asker: string;
  /** How long, from now on: nobody begins it later. */
  readonly waitMs: number;
}

/** An error of the contract, as it travels. */
export interface ReportedError {
  readonly reason: string;
  readonly message: string;
  readonly subject: string;
  readonly vendorCode: string;
  readonly hint: string;
  readonly violations: readonly { readonly field: string; readonly message: string }[];
}

/** A member's answer, or a part of it. */
export interface Report {
  readonly requestId: string;
  readonly attempt: number;
  /** From 1; 0 is a word ahead of the answer, and no part of it. */
  readonly part: number;
  /** Nothing follows. */
  readonly last: boolean;
  readonly memberId: string;
  /** What is said; a last part may say nothing. */
  readonly body?: Uint8Array;
  readonly error?: ReportedError;
  /**
   * Not done, and not to be done by this member: the driver of this run does it, or (empty) any.
   */
  readonly elsewhere?: string;
  /** Part 0 alone: the run that the answer waits for. */
  readonly began?: string;
}

/** The queue of all members, one member's, or each member's. */
export type Place =
  | { readonly kind: 'shared' }
  | { readonly kind: 'all' }
  | { readonly kind: 'member'; readonly memberId: string };

/** Who drives a run. */
export interface Standing {
  /** Somebody has it on paper: it has not ended. */
  readonly open: boolean;
  /** The member that has it, as long as it is alive. */
  readonly memberId?: string;
}

/** A member's end of the queues. */
export interface Serving {
  readonly memberId: string;
  /** It puts back what comes from the shared queue: better not to hand it any. */
  readonly draining: () => boolean;
  /** Whether a run is open and this member's: what a store that shares nothing goes by. */
  readonly drives: (runId: string) => boolean;
  /**
   * Answers a request, by reports. Called once for each that a queue hands out; again, maybe
   * elsewhere, when this member dies or rejects. Never rejects but for the store's troubles.
   */
  readonly take: (request: Request, from: 'shared' | 'own') => Promise<void>;
}

export interface Queues {
  /**
   * Answers into how many queues of living members it went; 0: there are none, and it is in none.
   * Rejects when the store does not answer; then it is unknown.
   */
  put(request: Request, place: Place): Promise<number>;
  /** Takes requests from now on, until the queues are closed or `stop`ped. */
  serve(serving: Serving): Promise<void>;
  /** Takes nothing new; resolves when what was taken is done, or after a bounded time. */
  stop(): Promise<void>;
  /** False: this part was reported before, by whomever, or nobody waits for it any more. */
  report(asker: string, report: Report): Promise<boolean>;
  /** Whether somebody still waits for a request whose answer is a stream. */
  isWaited(requestId: string): Promise<boolean>;
  /**
   * Reports for `asker`, as they come, maybe more than once; `waiting`: for which requests it
   * waits.
   */
  reports(
    asker: string,
    waiting: () => readonly string[],
    signal: AbortSignal,
  ): AsyncIterable<readonly Report[]>;
  /** Nobody waits any more: what is not begun is not begun. */
  forget(requestId: string): Promise<void>;
  standing(runId: string): Promise<Standing>;
  /** Members that take requests. */
  alive(): Promise<readonly string[]>;
  /** Runs that a member has executed before: kept across its restarts. */
  executed(memberId: string): Promise<readonly string[]>;
  keepExecuted(memberId: string, runIds: readonly string[]): Promise<void>;
  close(): Promise<void>;
}
