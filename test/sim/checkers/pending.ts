/** What was asked of the far end and can still take effect there. */
import type { Lab } from '../../../plugins/lab/lab.ts';
import { nobody } from '../scenario-faults.ts';

export interface Pending {
  readonly remoteId: string;
  readonly verb: string;
  readonly key: string;
  readonly targetIds: ReadonlySet<string>;
}

/** Several targets that are led astray are told apart. */
const isNobody = (id: string): boolean => id === nobody || id.startsWith(`${nobody}-`);

/**
 * Effects that land late. Calls that are still on their way are the callers' own affair; what was
 * done meanwhile under the same key, by a call that was made twice on purpose, is not done again;
 * and what was aimed at nobody meets nobody.
 */
export const pending = ({ world, time }: Lab): readonly Pending[] =>
  [...world.ledger.late]
    .filter(({ dueAt }) => dueAt > time.now())
    .flatMap(({ book, targetIds }) => {
      const [remoteId = '', verb = '', key = ''] = book.split('\n');
      const done = world.ledger.books.get(book);
      const may = (id: string) => !isNobody(id) && done?.has(id) !== true;
      const left = new Set([...targetIds].filter(may));
      return left.size === 0 ? [] : [{ remoteId, verb, key, targetIds: left }];
    });
