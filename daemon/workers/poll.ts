/**
 * Polls the operations of many items with as few calls as possible: one for each verb, unless two
 * items wait for different operations on the same target.
 */
import type { OperationStatus, TargetVerb } from '../../sdk/plugin/verbs.ts';
import type { Calls } from '../gateway/gateway.ts';
import { decodeOperation, foldStatuses, type ItemStatus } from '../steps/operations.ts';

/** One call: target id → operation, and where its status belongs. */
interface Batch {
  readonly verb: TargetVerb;
  readonly operations: Map<string, { readonly operation: string; readonly itemId: string }>;
}

export interface Waiting {
  readonly id: string;
  /** As the journal keeps it (see steps/operations.ts). */
  readonly operation: string;
}

const batchesOf = (waiting: readonly Waiting[]): Batch[] => {
  const batches: Batch[] = [];
  for (const { id: itemId, operation: text } of waiting) {
    const { verb, targets } = decodeOperation(text);
    for (const { id, operation } of targets) {
      let batch = batches.find((one) => one.verb === verb && !one.operations.has(id));
      if (batch === undefined) {
        batch = { verb, operations: new Map() };
        batches.push(batch);
      }
      batch.operations.set(id, { operation, itemId });
    }
  }
  return batches;
};

/** One status for each item. Throws FaultError when the remote could not be asked. */
export const pollItems = async (
  door: Pick<Calls, 'poll'>,
  waiting: readonly Waiting[],
): Promise<readonly ItemStatus[]> => {
  const statusesOf = new Map<string, OperationStatus[]>(waiting.map(({ id }) => [id, []]));
  const polled = batchesOf(waiting).map(async ({ verb, operations }) => {
    const targets = [...operations].map(([id, { operation }]) => ({ id, operation }));
    for (const status of await door.poll(verb, targets)) {
      const itemId = operations.get(status.id)?.itemId;
      if (itemId !== undefined) statusesOf.get(itemId)?.push(status);
    }
  });
  await Promise.all(polled);
  return waiting.map(({ id }) => foldStatuses(id, statusesOf.get(id) ?? []));
};
