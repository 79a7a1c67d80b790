/** Everything that this plugin bounds, with the reason for the bound. */

/** One QMP command: QEMU answers from its main loop, which a busy machine holds up. */
export const commandMsMax = 30_000;

/** From the start of a process to its greeting, on a busy machine. */
export const greetingMsMax = 60_000;

/** A monitor that has not served after it may be mute for good: another one is asked. */
export const muteMsMax = 5_000;

/** Monitors of a daemon that are asked one after the other; the last one is waited for. */
export const monitorTries = 3;

/** How long nobody of this process goes to a monitor again that was mute while others served. */
export const muteMsHeld = 600_000;

/** Looks for a daemon that may die while it is opened. */
export const daemonTries = 3;

/** From a daemon's last answer to the end of its process. */
export const dyingMsMax = 2_000;

/** From the half of a connection to all of it. */
export const leaveMsMax = 1_000;

/** Where the numbers of a connection's commands may begin. */
export const idsMax = 2 ** 47;

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

/** Largest delay between two looks at a process that starts or ends: a guest waits for it. */
export const processPollMsMax = 5;

/** Ended operations kept for late polls. */
export const operationsKeptMax = 256;

/** Longest id: encoded and prefixed it must be a file name. */
export const idLengthMax = 80;

/** A path of a unix socket, as Linux bounds it. */
export const socketPathMax = 107;

/** Layers of a device: each costs a lookup on the way to unwritten data. */
export const layersMax = 24;

/** Layers left for what cannot do without one: past that, a replica keeps an older point. */
export const layersSpare = 6;

/** Unit in which changes are counted and shipped: a cluster of the images. */
export const clusterBytes = 64 * 1024;

/** Snapshots of a group: each is a whole copy, and nobody but people takes them away. */
export const snapshotsMax = 32;

/** `qemu-img` on a local image: it copies a device at the most. */
export const imageToolMsMax = 120_000;

/** A soft cancel of a mirror copies what it lags behind by; its writers are gone. */
export const drainMsMax = 20_000;

/** A job stands still for a moment when another one begins or ends. */
export const stuckMsMax = 500;

/** The last bytes of a demoted source: what its writers left since the last sync. */
export const lastBytesMsMax = 60_000;

/**
 * A pair whose flow was resumed: what both ends hold already is mirrored at once. More is left to
 * the next sync, and half of what a call has left to the groups after it.
 */
export const flowMsMax = 10_000;

/** A daemon that was asked to quit closes its images. */
export const quitMsMax = 20_000;

/** One step of an operation waits for QEMU's jobs at the most this long; then it is polled. */
export const stepMsMax = 500;

/** A client's end is noticed by the daemon's main loop: until then its export is in use. */
export const detachMsMax = 1_000;

/** Smallest device: a boot sector, heartbeats, and a cluster to count in. */
export const deviceBytesMin = 1024 * 1024;

/** The greeting of a peer's NBD server: whoever dials it is held up until it comes. */
export const greetMsMax = 5_000;

/** One answer of an NBD server on a busy machine. */
export const nbdMsMax = 30_000;

/** Where a catalog begins on its device, and how large each of its two slots is. */
export const catalogOffset = 64 * 1024;
export const catalogBytesMax = 480 * 1024;

/** Read at once for the digest of a disk. */
export const digestBytes = 1024 * 1024;

/** A small file in a datastore, as the contract bounds it. */
export const fileBytesMax = 64 * 1024;

/** Datastores that a compute sees at the most when it looks for a VM. */
export const datastoresMax = 10_000;

/** Guests give way so much to what serves and moves them: a busy host is managed all the same. */
export const guestNice = 10;

/** Room for each of the two contents of a small file: a page. */
export const slotBytes = 4_096;

/** Looks at a half that may be being written, a millisecond apart. */
export const slotTries = 50;

/** Memory of a guest. */
export const memoryMiB = 16;

/** Translated code that QEMU keeps: such guests have less. Its default clears some of 1 GiB. */
export const translatedMiB = 32;

/** The end of what a guest has said, in which its last words are looked for. */
export const serialBytesMax = 64 * 1024;

/** A look at a VM: who looks does not wait long for a monitor that does not answer. */
export const lookMsMax = 20_000;

/** From SIGKILL to the end of a process on a busy machine. */
export const killMsMax = 15_000;

/** From the press of the power button to a guest that is off. */
export const guestMsMax = 30_000;

/** Between two presses of it. */
export const pressMsMin = 500;

/** After this the press of a button that nobody has seen act will not act any more. */
export const settleOffMsMax = 2_000;

/** A migration whose memory does not get less for so long has stalled: it is cancelled. */
export const stallMsMax = 15_000;

/** The last part of a migration: from its order to both sides' word that it is over. */
export const switchMsMax = 30_000;

/** Bytes a second of one migration: no bound on a machine of one's own. */
export const migrateBytesMax = 1 << 30;

/** What each VM of a populated datastore gets of its device. */
export const extentBytes = 1024 * 1024;

/** An event that belongs to a command that QEMU has answered. */
export const eventMsMax = 5_000;
