/** Bounds of the pool, with the reason for each. */

/**
 * Jobs in one thread at once. They wait for arrays, not for the processor; so many that an array
 * which never answers cannot fill a thread and starve the others before its deadlines pass.
 */
export const jobsPerThreadMax = 1_024;

/**
 * Jobs that a thread begins before it lets the first answers go: enough that a message is shared,
 * few enough that the pool is not kept waiting for all of them.
 */
export const servedAtOnceMax = 16;

/**
 * Until when a listing takes in one more page of devices: the way to a thread and back takes half a
 * millisecond of a busy daemon, so that some four pages of quick devices go with one.
 */
export const runOnMsMax = 5;
export const runOnBytesMax = 384 * 1024;

/** Jobs that wait for a thread; past it the fault is `busy`, owned by the queue. */
export const jobsWaitingMax = 16_384;

/**
 * A thread whose event loop has not turned for this long is ended. A thread that gets no processor
 * looks the same as one that loops: the bound leaves room for a machine that is very busy.
 */
export const threadSilentMsMax = 5_000;

/** After its deadline a job is given this long to come back before the pool answers for it. */
export const graceMsMax = 5_000;

/** Heap of one thread: a plugin that leaks ends its thread, not the daemon. */
export const threadHeapMbMax = 512;

/** Of it, for young objects: V8's default lets a busy thread hold 100 MB of garbage for nothing. */
export const threadYoungMbMax = 24;

/** A plugin that ended a thread is not called for this long; each further time doubles it. */
export const coolDownMsMin = 5_000;
export const coolDownMsMax = 10 * 60_000;

/** A plugin that did not load is looked at again after this long. */
export const probeAgainMs = 5_000;

/** Time that a plugin gets to load and describe itself when nobody names another. */
export const probeMsMax = 30_000;

/** Characters of items kept parsed in one thread: the workgroups that are under way. */
export const itemsCacheCharsMax = 8 * 1024 * 1024;

/** Sessions that take their leave get this long when the pool closes. */
export const closeMsMax = 1_000;

/** Characters that a plugin may write to a thread's standard streams in each such time. */
export const outputCharsMax = 32 * 1024;
export const outputWindowMs = 1_000;
