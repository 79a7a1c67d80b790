/**
 * Long operations of one item. An item may consist of several targets (a group's datastores), each
 * with an operation of its own, while the journal keeps one text per item: this is that text.
 */
import type { Answer, Evidence, OperationStatus, TargetVerb } from '../../sdk/plugin/verbs.ts';

/** What has to be polled for one item: `operationStatus` of `verb` on these targets. */
export interface ItemOperation {
  readonly verb: TargetVerb;
  readonly targets: readonly { readonly id: string; readonly operation: string }[];
}

export const encodeOperation = (operation: ItemOperation): string => JSON.stringify(operation);

export const decodeOperation = (text: string): ItemOperation => JSON.parse(text) as ItemOperation;

export type ItemStatus =
  | Exclude<Answer, { accepted: unknown }>
  | { readonly id: string; readonly running: true; readonly progress?: number };

/**
 * The targets' statuses → the item's. Ends only when every operation has ended, so that a fault
 * never hides an operation that still changes something.
 */
export const foldStatuses = (id: string, statuses: readonly OperationStatus[]): ItemStatus => {
  const running = statuses.filter((status) => status.state === 'running');
  if (running.length > 0) {
    const known = running.every((status) => status.progress !== undefined);
    if (!known) return { id, running: true };
    const left = running.reduce((sum, status) => sum + 1 - (status.progress ?? 0), 0);
    return { id, running: true, progress: 1 - left / statuses.length };
  }
  const evidence: Record<string, Evidence[string]> = {};
  for (const status of statuses) {
    if (status.state === 'failed') return { id, fault: status.fault };
    if (status.state === 'done') Object.assign(evidence, status.evidence);
  }
  return { id, ok: true, evidence };
};
