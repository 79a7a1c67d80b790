/**
 * The journal's streams and their text form: one JSON document per entry. A run's stream has the
 * run's id as its name.
 */
export const systemStream = 'system';

export const encode = (entry: object): string => JSON.stringify(entry);

/** The journal returns what we wrote; what it means is checked by the transition table. */
export const decode = <E>(body: string): E => JSON.parse(body) as E;

/** Entries read in one go: large enough to be quick, small enough to stay responsive. */
export const entriesPerReadMax = 1_000;
