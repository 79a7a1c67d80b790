/** Never two writers of one lineage, nor a VM that runs twice: the far end's own invariants. */
import { commands } from '../../../plugins/lab/commands.ts';
import type { Checker } from './checker.ts';

export const neverTwoWriters: Checker =
  ({ lab }) =>
  ({ kind }) => {
    if (kind !== 'answer' && kind !== 'end') return undefined;
    const [first] = commands.verify(lab);
    return first && `${first.rule}: ${first.subject}, ${first.message}`;
  };
