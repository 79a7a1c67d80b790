/**
 * What can be wrong with a connection, in Toxiproxy's words, and what a toxic sees of one. Each
 * stands in its own file. They are switched by the daemon's gateway; a plugin knows none of them.
 */

export type Toxic =
  /** Each piece arrives this much later, more or less by the jitter. */
  | { readonly toxic: 'latency'; readonly latencyMs: number; readonly jitterMs?: number }
  /** No more than so much goes through. */
  | { readonly toxic: 'bandwidth'; readonly bytesPerSecond: number }
  /** Nobody listens; open connections end. */
  | { readonly toxic: 'down' }
  /** Nothing goes through until it is off; after so long the connection is closed, 0: never. */
  | { readonly toxic: 'timeout'; readonly timeoutMs: number }
  /** The connection is reset so long after the next piece. */
  | { readonly toxic: 'reset-peer'; readonly timeoutMs: number }
  /** The end of the stream arrives this much later. */
  | { readonly toxic: 'slow-close'; readonly delayMs: number }
  /** Pieces are cut smaller, with a pause between them. */
  | {
      readonly toxic: 'slicer';
      readonly averageBytes: number;
      readonly variationBytes?: number;
      readonly delayMs?: number;
    }
  /** The connection ends after so many bytes. */
  | { readonly toxic: 'limit-data'; readonly bytes: number };

/** `upstream`: towards the remote. */
export type Direction = 'upstream' | 'downstream';

/** A toxic that is on at a remote. */
export interface WireRule {
  readonly name: string;
  readonly seed: number;
  readonly stream: Direction;
  /** The share of connections that have it, 0 to 1. */
  readonly toxicity: number;
  readonly toxic: Toxic;
}

/** What goes through a direction: bytes, or with `chunk` absent its end. */
export interface Piece {
  readonly chunk?: Buffer;
  /** When it came, in milliseconds. */
  readonly atMs: number;
}

/** What a toxic may do. */
export interface Flow {
  /** Goes on towards the other end. */
  readonly next: (piece: Piece) => Promise<void>;
  /** Ends early when the connection does, or the toxic: false, it is on no more. */
  readonly sleep: (ms: number) => Promise<boolean>;
  readonly now: () => number;
  /** Uniform in [0, 1), by the rule's seed. */
  readonly fraction: () => number;
  /** Bytes of the direction that this toxic let through before. */
  readonly passed: number;
  /** Ends the connection: in order, or at once with an error. */
  readonly close: () => void;
  readonly reset: () => void;
}

export type Apply<T extends Toxic['toxic']> = (
  toxic: Extract<Toxic, { toxic: T }>,
  piece: Piece,
  flow: Flow,
) => Promise<void>;
