/** Everything that is bounded, with the reason for the bound. Units and `Max` come last. */

/** Largest gRPC message either way: a plan of 2,000 VMs is about 300 KB; leave a wide margin. */
export const messageBytesMax = 16 * 1024 * 1024;

/** Devices in one message of a discovery stream: first results early, little overhead. */
export const devicesPerMessageMax = 500;

/** Events in one message of a watch. */
export const eventsPerMessageMax = 500;

/** Largest page of a list call; a larger request gets this many. */
export const pageSizeMax = 1_000;

/** Page size when the caller names none. */
export const pageSizeDefault = 100;

/** Runs that are not ended, at once: each keeps its state in memory. */
export const openRunsMax = 1_000;

/**
 * Items of ended runs whose state stays in memory (some 500 bytes each), so that who polls a run
 * to its end, and a little longer, does not have it folded anew each time.
 */
export const endedItemsKeptMax = 10_000;

/** Ended runs that are kept when the configuration does not say: some months of a busy site. */
export const endedRunsDefault = 1_000;

/** The most that it may say: their records stay in memory, some 500 bytes each. */
export const endedRunsMax = 10_000;

/** Days that an ended run is kept when the configuration does not say, and the most. */
export const endedRunDaysDefault = 400;
export const endedRunDaysMax = 36_500;

/** Runs that one entry says are forgotten: keeps it small. */
export const runsForgottenAtOnceMax = 100;

/**
 * Fingerprints of forgotten runs, two for each (id and request key): 200,000 runs, twenty years of
 * one an hour, in some 16 MB of memory. Older ones are lost, and only then could a key that is
 * older than all of these make a new run.
 */
export const printsKeptMax = 400_000;

/** Fingerprints stated anew in one entry: some 170 KB. */
export const printsPerEntryMax = 10_000;

/** Entries that one slice of trimming takes: some milliseconds that an append may have to wait. */
export const trimEntriesMax = 500;

/** The system stream is not stated anew for less than this: characters of entries. */
export const restateCharsMin = 1024 * 1024;

/** Watchers at once: each holds a stream and a cursor. */
export const watchersMax = 5_000;

/**
 * Events kept in memory per run for watchers that follow live; older ones come from the journal.
 */
export const feedTailEventsMax = 8_192;

/** A watcher this many events behind the live tail is cut; it goes on from its cursor. */
export const watcherLagEventsMax = 8_192;

/** VMs in one plan: the field's ceiling is 2,000; ours leaves room for a whole datacenter. */
export const vmsPerPlanMax = 100_000;

/** Ids and keys that callers choose. */
export const idLengthMax = 256;

/** Tasks of one run in flight at one array or compute, when the plan names no limit. */
export const inFlightPerRemoteDefault = 64;

/**
 * Intents that may be durable before a slot is free, per limit and never more than the limit:
 * enough to follow every call that ends during a sync to disk. Each is one more task in doubt after
 * a crash.
 */
export const intentsAheadMax = 64;

/** Workgroups that a run has left when it thinks of its end: those that fill one remote's slots. */
export const lastFewMax = inFlightPerRemoteDefault + intentsAheadMax;

/** Times that a task in doubt is asked about before it is parked as unknowable. */
export const settleAttemptsMax = 6;

/** First and largest delay between two questions about a task in doubt. */
export const settleDelayMsMin = 200;
export const settleDelayMsMax = 10_000;

/** Times that an undo is tried before the run is stuck. */
export const undoAttemptsMax = 3;

/** Delay between two polls of an accepted operation: first and largest. */
export const pollDelayMsMin = 100;
export const pollDelayMsMax = 5_000;

/** An accepted operation without progress for this long is in doubt. */
export const stallMsMax = 15 * 60_000;

/** Workgroups and notes in one view of a run: an answer stays small, and is made in a moment. */
export const workgroupsPerViewMax = 1_000;

/** Devices in one entry that says which site is their source: an entry of half a megabyte. */
export const sourcesPerEntryMax = 10_000;

/**
 * A member's lease, by the database's clock: what others wait before they take its runs over. Long
 * enough for a slow commit and a pause of the process, short enough for an operator who watches.
 */
export const leaseMs = 3_000;

/** A member stops by itself this long before its lease is over for the others. */
export const leaseMarginMs = 500;

/**
 * Ids of requests that are remembered as done, for those that a queue hands out again after their
 * member died: far more than come in the minutes that an asker waits, and 1 MB of memory.
 */
export const doneRequestsMax = 10_000;

/** While nobody has reported: how often an asker looks whether the member that should is alive. */
export const lookMs = 250;

/** Where the driver of a run is asked alone: everybody is asked when it is silent for so long. */
export const ownerMsMax = 500;

/** Runs that a member remembers to have executed: 2 MB; of older ones any member tells. */
export const executedRunsMax = 20_000;

/** Those who have executed a run that has ended say so within this, or any member tells of it. */
export const executorsMsMax = 1_000;

/** Requests that a member has in hand at once. */
export const requestsAtOnceMax = 96;

/**
 * Of them, out of the shared queue: most wait for arrays, and must leave room for monitoring. What
 * comes beyond is put again, for another member or for later.
 */
export const sharedAtOnceMax = 48;

/**
 * Requests, and reports, that come within so long travel in one statement: each one of requests has
 * every member look into its queues.
 */
export const putGatherMs = 4;
export const reportGatherMs = 4;

/** How often a member looks for runs whose owner is gone. */
export const takeOverLookMs = 400;

/** News of other members' entries may be lost: each looks by itself after so long. */
export const catchUpMs = 2_000;

/** A run that is drained hands over when its calls have ended, or after so long. */
export const drainMsMax = 15_000;

/** How often a run that waits for another looks how that one is: a moment beside any step. */
export const claimLookMs = 100;

/** Times that a request is judged anew because others changed what it was judged by. */
export const judgedMax = 50;
