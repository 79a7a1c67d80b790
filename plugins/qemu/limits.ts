/** Everything that this plugin bounds, with the reason for the bound. */

/** One QMP command: QEMU answers from its main loop, which a busy machine holds up. */
export const commandMsMax = 30_000;

/** From the start of a process to its greeting, on a busy machine. */
export const greetingMsMax = 60_000;

/** One line of QMP: `query-named-block-nodes` of hundreds of devices stays far below it. */
export const lineBytesMax = 16 * 1024 * 1024;

/** Events that a queue holds for a reader that does not come; past it the queue says so. */
export const eventsHeldMax = 4_096;
