/** Everything that this plugin bounds, with the reason for the bound. */

/** Unit of replication: what a page of a file system is, so a heartbeat dirties one block. */
export const blockBytes = 4096;

/** Bytes kept of a block's SHA-256: enough that two blocks never meet by chance. */
export const sumBytes = 16;

/** Read and hashed at once: large enough to be fast, small enough for a thread's heap. */
export const chunkBytes = 1024 * 1024;

/** Named copies in a group: each may cost the whole image. */
export const snapshotsMax = 32;

/** Waiting for a lock: holders keep it for one copy of a group's images at the most. */
export const lockWaitMsMax = 20_000;

/** First and largest delay between two tries for a lock. */
export const lockPollMsMin = 2;
export const lockPollMsMax = 25;

/** Writers may be held still for this long; afterwards they go on and the copy is given up. */
export const freezeMsMax = 10_000;

/** A writer notices a freeze, a fence or a stop within this time. */
export const writerPollMs = 20;

/** Writers of an old lineage get this long to end by themselves; then they are killed. */
export const drainMsMax = 3_000;

/** From the start of a VM's process to its first heartbeat, on a busy machine. */
export const bootMsMax = 30_000;

/** A guest that was asked stops within one write; one that has not by then will not. */
export const guestMsMax = 10_000;

/** A VM that was offered writes at the target within a few writes; one that has not will not. */
export const handOverMsMax = 10_000;

/** Between two looks of a VM that waits for the offer: part of the interruption of its service. */
export const arrivalPollMs = 3;

/** From the kill of a process to its end. */
export const killMsMax = 10_000;

/** A live migration: the start of a process, and the hand-over. */
export const migrateMsMax = bootMsMax + 2 * handOverMsMax;

/** A source that has not ended its migration by then is stopped: it is ended without it. */
export const migrationStallMsMax = migrateMsMax;

/** A call waits beyond the stall, so that it is the call that tells what became of the VM. */
export const migrateCallMsMax = migrationStallMsMax + 2 * killMsMax;

/** A VM's disk on its way to another datastore: copied piece by piece between heartbeats. */
export const moveMsMax = 20 * 60_000;

/** One heartbeat's record; a power of two, so that none straddles a block. */
export const heartbeatBytes = 64;

/** Between two heartbeats of a VM when the configuration names nothing. */
export const heartbeatMsDefault = 50;

/** A small file in a datastore, as the contract says. */
export const fileBytesMax = 64 * 1024;

/** Smallest device: catalog and some heartbeats. */
export const deviceBytesMin = 256 * 1024;

/** One of a catalog's two slots, at the most. */
export const slotBytesMax = 256 * 1024;

/** Longest id: encoded and prefixed it must be a file name. */
export const idLengthMax = 80;

/** Times that an operation is begun again after its mover died; then it is the cause. */
export const moverStartsMax = 5;

/** Operations that one mover carries out at once: copies are bound by the disk. */
export const moverLanes = 4;

/** Ended operations kept for late polls. */
export const operationsKeptMax = 256;

/** Between two reports of an operation's progress. */
export const progressMsMin = 100;

/** Targets of one call worked on at once. */
export const targetsAtOnce = 8;

/** Groups beyond this are not compared block by block whenever somebody looks at a parted pair. */
export const divergenceBytesMax = 256 * 1024 ** 2;
