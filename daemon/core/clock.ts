/** Time as the core sees it: handed in, so that a test or a simulation can drive it. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Calls `wake` once, not before `atMs`; returns a way to give up waiting. */
  wakeAt(atMs: number, wake: () => void): () => void;
  /** Calls `act` once, when all that is at hand now has been taken note of. */
  soon(act: () => void): void;
}
