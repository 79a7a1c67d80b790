/** What the lab keeps in memory, bounded, with the reason. */

/** Recovery points kept per pair: what a real system keeps by default is of this order. */
export const recoveryPointsMax = 16;

/** Snapshots kept per device until somebody removes some. */
export const snapshotsMax = 32;

/** Successes remembered by key per world: far more than runs can have in doubt at once. */
export const successesMax = 500_000;

/** Ended operations remembered, so that a late poll still gets its answer. */
export const operationsMax = 100_000;

/** Initiators whose newest epoch is remembered. */
export const initiatorsMax = 10_000;

/** A small file, in bytes of UTF-8: the contract's bound. */
export const fileBytesMax = 64 * 1024;

/** What one heartbeat writes: a sector. Divergence is reckoned in these. */
export const heartbeatBytes = 512;

/** Writes of files kept per device, so that an older recovery point can be read. */
export const fileWritesMax = 4_096;

/** One frame between a session and a world of its own: a page of 1,000 devices is 0.5 MB. */
export const frameBytesMax = 64 * 1024 * 1024;

/** A world process that is not ready by then has failed to start. */
export const startMsMax = 20_000;

/** Largest page of a listing, whatever the caller asks for. */
export const pageItemsMax = 1_000;
