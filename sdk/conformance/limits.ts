/** What the suite waits for, with the reason. A fixture can widen each for slow remotes. */

/** One call of a verb: the daemon's own deadline for most steps. */
export const callMsMax = 120_000;

/** From the abort of a call to its answer: a daemon gives up a session that needs longer. */
export const cancelMsMax = 5_000;

/** An accepted operation, polled to its end: conformance runs on small test devices. */
export const operationMsMax = 300_000;

/** Between two polls of an accepted operation. */
export const pollDelayMs = 20;

/** Pages of one listing, at one item a page: a listing longer than this does not end. */
export const pagesMax = 100_000;

/** Largest page asked for: what the daemon asks for. */
export const pageItemsMax = 1_000;

/** Without a turn of the event loop: a daemon ends a thread that is held for half as long. */
export const silentMsMax = 10_000;

/** The suite says that often that its event loop turns. */
export const beatMs = 100;

export interface Bounds {
  readonly callMsMax: number;
  readonly cancelMsMax: number;
  readonly operationMsMax: number;
  readonly pollDelayMs: number;
  readonly silentMsMax: number;
}

export const boundsDefault: Bounds = {
  callMsMax,
  cancelMsMax,
  operationMsMax,
  pollDelayMs,
  silentMsMax,
};
