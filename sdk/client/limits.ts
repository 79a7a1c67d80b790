/** Everything that the client bounds, with the reason for the bound. */

/** Largest message either way; the daemon's own bound. */
export const messageBytesMax = 16 * 1024 * 1024;

/** A call without a deadline of its own: discovery of a slow array takes seconds, not minutes. */
export const deadlineMsDefault = 60_000;

/** Storage verbs wait for their run: a sync of real data takes minutes. */
export const replicationDeadlineMsDefault = 15 * 60_000;

/** Delay between two tries to go on with a watch that broke: first and largest. */
export const resumeDelayMsMin = 50;
export const resumeDelayMsMax = 2_000;

/** A watch that gets nothing back for this long, over all its tries, fails. */
export const resumeMsMax = 120_000;

/** Delay between two tries to connect: first and largest (grpc's own are 1 s and 120 s). */
export const reconnectDelayMsMin = 100;
export const reconnectDelayMsMax = 2_000;

/** Size of the pages that lists are fetched in. */
export const pageSize = 1_000;
