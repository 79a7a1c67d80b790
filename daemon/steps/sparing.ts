/** Items at which a step has nothing to do: they are answered for, and not called. */
import type { Answer, Settlement } from '../../sdk/plugin/verbs.ts';
import type { StorageItem, VmItem } from '../core/frozen.ts';
import type { StepCall } from './step.ts';

/** `spared` answers for those items, `act` for the others; in the order of the items. */
export const sparingItems =
  <I extends { readonly id: string }, C extends StepCall<I>, A extends { readonly id: string }>(
    isSpared: (item: I) => boolean,
    spared: (id: string) => A,
    act: (call: C) => Promise<readonly A[]>,
  ) =>
  async (call: C): Promise<readonly A[]> => {
    const items = call.items.filter((item) => !isSpared(item));
    const answers = items.length === 0 ? [] : await act({ ...call, items });
    if (items.length === call.items.length) return answers;
    const answerOf = new Map(answers.map((answer) => [answer.id, answer]));
    return call.items.flatMap((item) =>
      isSpared(item) ? spared(item.id) : (answerOf.get(item.id) ?? []),
    );
  };

type Item = StorageItem | VmItem;

/** What a disaster run never promoted has one side, and nothing there is of an older lineage. */
const isFree = (item: Item): boolean =>
  'neverPromoted' in item ? item.neverPromoted === true : 'leftOn' in item && item.leftOn === true;

const free = { neverPromoted: true } as const;

type Act<I, A> = (call: StepCall<I>) => Promise<readonly A[]>;

export const runUnlessFree = <I extends Item>(act: Act<I, Answer>): Act<I, Answer> =>
  sparingItems(isFree, (id): Answer => ({ id, ok: true, evidence: free }), act);

export const settleUnlessFree = <I extends Item>(act: Act<I, Settlement>): Act<I, Settlement> =>
  sparingItems(isFree, (id): Settlement => ({ id, verdict: 'done', evidence: free }), act);
