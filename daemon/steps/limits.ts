/** Time that the steps allow, and how often they try again, with the reason for each bound. */

/** A phase that only looks: an array that needs longer for a listing is not well. */
export const lookMsMax = 30_000;

/** A phase that changes roles, mounts or registers: slow arrays take a minute for many groups. */
export const changeMsMax = 120_000;

/** A guest may take this long to stop; then it is switched off. */
export const guestStopMsMax = 180_000;

/** Asking a guest to stop, and switching off those that did not. */
export const shutDownMsMax = guestStopMsMax + 60_000;

/** A large guest goes over in minutes; a plugin that needs longer answers `accepted`. */
export const migrateMsMax = 600_000;

/** Tries at something that passes by itself: with these delays, about two minutes. */
export const passingAttemptsMax = 8;
export const passingDelayMsMin = 500;
export const passingDelayMsMax = 30_000;

/** Tries at a state that comes within seconds (a first heartbeat): about 40 seconds. */
export const awaitAttemptsMax = 12;
export const awaitDelayMsMin = 250;
export const awaitDelayMsMax = 5_000;

/** Disks of a VM are copied whole, over a network that others use too. */
export const moveMsMax = 1_800_000;
