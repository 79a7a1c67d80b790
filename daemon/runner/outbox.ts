/** What an agent reads out of entries on their way to the journal, and what it keeps back. */
import type { Entry } from '../core/entries.ts';

/** Positions of which something was found. */
export const foundPositions = (before: Readonly<Record<string, unknown>>): readonly number[] =>
  Object.keys(before)
    .map(Number)
    .sort((one, other) => one - other);

/** What was asked for while the run came to its end comes too late, and is not recorded. */
export const upToEnd = (entries: Entry[]): Entry[] => {
  const end = entries.findIndex(({ type }) => type === 'run-ended');
  return end < 0 ? entries : entries.slice(0, end + 1);
};
