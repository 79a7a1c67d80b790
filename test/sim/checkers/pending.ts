/** What was asked of the far end and can still take effect there. */
import type { Lab } from '../../../plugins/lab/lab.ts';

export interface Pending {
  readonly remoteId: string;
  readonly verb: string;
  readonly key: string;
  readonly targetIds: ReadonlySet<string>;
}

/** Effects that land late. Calls that are still on their way are the callers' own affair. */
export const pending = ({ world, time }: Lab): readonly Pending[] =>
  [...world.ledger.late]
    .filter(({ dueAt }) => dueAt > time.now())
    .map(({ book, targetIds }) => {
      const [remoteId = '', verb = '', key = ''] = book.split('\n');
      return { remoteId, verb, key, targetIds };
    });
