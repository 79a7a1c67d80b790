/**
 * Groups that an earlier run has brought over already: their source is closed and their copy open.
 * The run that takes up from there has nothing to copy or to change at their arrays, and takes back
 * nothing that it did not change.
 */
import type { Answer, Settlement } from '../../sdk/plugin/verbs.ts';
import type { StorageItem } from '../core/frozen.ts';
import { sparingItems } from './sparing.ts';
import type { Found, StepCall } from './step.ts';

const sparing = <C extends StepCall<StorageItem>, A extends { readonly id: string }>(
  spared: (id: string) => A,
  act: (call: C) => Promise<readonly A[]>,
) => sparingItems(({ handedOver }: StorageItem) => handedOver === true, spared, act);

const over = { handedOver: true } as const;

type Act<A> = (call: StepCall<StorageItem>) => Promise<readonly A[]>;

export const runUnlessOver = (act: Act<Answer>): Act<Answer> =>
  sparing((id): Answer => ({ id, ok: true, evidence: over }), act);

export const settleUnlessOver = (act: Act<Settlement>): Act<Settlement> =>
  sparing((id): Settlement => ({ id, verdict: 'done', evidence: over }), act);

export const findUnlessOver = (act: Act<Found>): Act<Found> =>
  sparing((id): Found => ({ id, value: {} }), act);

export const undoUnlessOver = <C extends StepCall<StorageItem>>(
  act: (call: C) => Promise<readonly Answer[]>,
): ((call: C) => Promise<readonly Answer[]>) => sparing((id): Answer => ({ id, ok: true }), act);

/** An undo of what closed the source: where it was closed before, it stays so. */
export const undoUnlessClosed = <C extends StepCall<StorageItem>>(
  act: (call: C) => Promise<readonly Answer[]>,
): ((call: C) => Promise<readonly Answer[]>) =>
  sparingItems(
    ({ handedOver, closedBefore }: StorageItem) => handedOver === true || closedBefore === true,
    (id): Answer => ({ id, ok: true }),
    act,
  );
