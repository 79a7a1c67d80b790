/** Everything that this plugin bounds, with the reason for the bound. */

/** One QMP command: QEMU answers from its main loop, which a busy machine holds up. */
export const commandMsMax = 30_000;

/** From the start of a process to its greeting, on a busy machine. */
export const greetingMsMax = 60_000;

/** One line of QMP: `query-named-block-nodes` of hundreds of devices stays far below it. */
export const lineBytesMax = 16 * 1024 * 1024;

/** Events that a queue holds for a reader that does not come; past it the queue says so. */
export const eventsHeldMax = 4_096;

/** Monitors of one storage daemon: each serves one client; verbs of two sessions and computes. */
export const monitorsMax = 12;

/** Targets of one call worked on at once: each holds a monitor of both arrays of a pair. */
export const targetsAtOnce = 4;

/** Waiting for a lock: holders keep it for some commands, or for a small copy. */
export const lockWaitMsMax = 20_000;

/** First and largest delay between two looks, at a lock or at a job. */
export const pollMsMin = 2;
export const pollMsMax = 25;

/** Successes remembered by key in each group: far more than calls of open runs. */
export const rememberedMax = 256;

/** Runs whose epoch is remembered in each group. */
export const epochsMax = 64;

/** Ended operations kept for late polls. */
export const operationsKeptMax = 256;

/** Longest id: encoded and prefixed it must be a file name. */
export const idLengthMax = 80;

/** A path of a unix socket, as Linux bounds it. */
export const socketPathMax = 107;

/** Layers of a device: each costs a lookup on the way to unwritten data. */
export const layersMax = 24;

/** Unit in which changes are counted and shipped: a cluster of the images. */
export const clusterBytes = 64 * 1024;

/** `qemu-img` on a local image: it copies a layer at the most. */
export const imageToolMsMax = 120_000;

/** A soft cancel of a mirror copies what it lags behind by; its writers are gone. */
export const drainMsMax = 20_000;

/** The last bytes of a demoted source: what its writers left since the last sync. */
export const lastBytesMsMax = 60_000;

/** A daemon that was asked to quit closes its images. */
export const quitMsMax = 20_000;

/** One step of an operation waits for QEMU's jobs at the most this long; then it is polled. */
export const stepMsMax = 500;

/** A client's end is noticed by the daemon's main loop: until then its export is in use. */
export const detachMsMax = 1_000;

/** Smallest device: a boot sector, heartbeats, and a cluster to count in. */
export const deviceBytesMin = 1024 * 1024;
