/** What was asked of the far end and can still take effect there. */
import type { Lab } from '../../../plugins/lab/lab.ts';

export interface Pending {
  readonly remoteId: string;
  readonly verb: string;
  readonly key: string;
  readonly targetIds: ReadonlySet<string>;
}

/**
 * Effects that land late. Calls that are still on their way are the callers' own affair; what was
 * done meanwhile under the same key, by a call that was made twice on purpose, is not done again.
 */
export const pending = ({ world, time }: Lab): readonly Pending[] =>
  [...world.ledger.late]
    .filter(({ dueAt }) => dueAt > time.now())
    .flatMap(({ book, targetIds }) => {
      const [remoteId = '', verb = '', key = ''] = book.split('\n');
      const done = world.ledger.books.get(book);
      const left = new Set([...targetIds].filter((id) => done?.has(id) !== true));
      return left.size === 0 ? [] : [{ remoteId, verb, key, targetIds: left }];
    });
