/** Requests that reach a daemon by its queues, or leave it for another member. */

/** A request that is passed on to another member. */
export interface Passed {
  readonly method: string;
  readonly body: Uint8Array;
  readonly requestId: string;
  /** The run whose driver it is for. */
  readonly runId: string;
  readonly waitMs: number;
  readonly signal: AbortSignal;
  /** Told ahead of the answer which run it waits for. */
  readonly began?: (runId: string) => void;
}

/** Answers with the encoded answer; throws SiteswapError. */
export type PassOn = (passed: Passed) => Promise<Uint8Array>;

/** A request that came by another way than gRPC. */
export interface Arrived {
  readonly requestId: string;
  readonly method: string;
  readonly body: Uint8Array;
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  readonly began?: (runId: string) => void;
}

/** A request without a key of its own is deduplicated by its id. */
export const keyed = (request: unknown, requestId: string): unknown =>
  (request as { readonly requestKey?: string }).requestKey === ''
    ? { ...(request as object), requestKey: requestId }
    : request;

/** What the engine is told of a request that may come again. */
export const markOf = ({
  requestId,
}: {
  readonly requestId?: string | undefined;
}): { readonly requestId?: string } => (requestId === undefined ? {} : { requestId });
