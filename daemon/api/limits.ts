/** What the API bounds beyond core/limits.ts, with the reason for the bound. */
import { messageBytesMax } from '../core/limits.ts';

/** A unary call without a deadline of its own ends after this: nobody waits for ever. */
export const deadlineMsDefault = 60_000;

/** The most, and the default, that storage verbs wait for their run: a real sync takes minutes. */
export const replicationDeadlineMsMax = 15 * 60_000;

/** A storage verb answers this long ahead of its deadline, so that the run id still gets there. */
export const deadlineMarginMs = (remainingMs: number): number =>
  Math.min(Math.max(250, remainingMs / 10), 5_000);

/**
 * Where the transport itself cuts a message off, without details. Above our own bound, so that
 * messages a little too large get an error with details.
 */
export const transportBytesMax = 2 * messageBytesMax;

/** Targets of one storage verb: a run keeps each in memory. */
export const targetsPerRequestMax = 10_000;

/** Violations told with an error: details travel in a header, of which 8 KiB surely get through. */
export const violationsPerErrorMax = 16;

/** Longest text in an error's details, for the same reason. */
export const errorTextLengthMax = 240;

/** What is to be done is told to its end: a place in a file may stand there. */
export const errorHintLengthMax = 480;

/** All violations' messages together may be so long, where each has a place. */
export const violationTextsLengthMax = 2_400;

/** Longest message of an error: it travels percent-encoded in a header too. */
export const errorMessageLengthMax = 800;

/** Runs whose names are kept for encoding events: 400 KB for 10,000 items; or one question more. */
export const namedRunsMax = 16;

/** How often the journal's health is looked at for the health service. */
export const healthPollMs = 250;

/** How long a clean stop waits for calls that are under way, and for callers to hang up. */
export const stopMsMax = 5_000;

/** How long a connection attempt tells whether a socket file is in use. */
export const probeMsMax = 1_000;

/** Watches of devices at once: each asks its arrays, as often as its caller wants. */
export const deviceWatchersMax = 32;

/** Between two looks of a watch of devices: as often as is decent, and as seldom as is useful. */
export const deviceWatchMsMin = 1_000;
export const deviceWatchMsDefault = 30_000;
export const deviceWatchMsMax = 3_600_000;

/** How long a list of remotes waits for plugins to say what they are, the first time. */
export const pluginsAskedMsMax = 3_000;

/** Arrays asked at once for their devices by one call: each may hold a page of them in memory. */
export const arraysAskedMax = 8;
