/** Entries as the journal has them: one JSON document each. Every reader reads them this way. */
import { SiteswapError } from './errors.ts';

export const encode = (entry: object): string => JSON.stringify(entry);

/**
 * The journal returns what we wrote; what it means is checked by the transition table. Throws
 * JOURNAL_DAMAGED for what nobody can have written.
 */
export const decode = <E>(body: string): E => {
  try {
    return JSON.parse(body) as E;
  } catch {
    // Not what it says: it may hold anything.
    throw new SiteswapError('JOURNAL_DAMAGED', 'an entry of the journal cannot be read any more');
  }
};

/** A run that the journal knows has no entries, or fewer than were acknowledged. */
export const entriesMissing = (runId: string): SiteswapError =>
  new SiteswapError('JOURNAL_DAMAGED', `entries of run ${runId} are not in the journal any more`, {
    subject: runId,
  });
