/** Bounds of the house in which plugin code runs, with the reason for each. */

/** A session that is not open by then is given up: slow arrays log in within seconds. */
export const openMsMax = 30_000;

/** After a failed open the same fault answers for this long: a dead array is not hammered. */
export const reopenDelayMs = 500;

/** Characters of one text in a fault: a vendor's page of HTML helps nobody in a journal. */
export const faultTextMax = 2_000;

/** Facts in one evidence, and characters of one of them: it is kept in the journal for ever. */
export const evidenceFactsMax = 32;
export const evidenceTextMax = 1_000;

/** Characters of an operation's id: it is journaled and sent back at each poll. */
export const operationTextMax = 4_096;

/** Characters of a list's revision: it is kept in memory and sent back at each question. */
export const revisionTextMax = 1_000;
