/** How the lab's rules say yes and no. */
import type { Answer, Evidence, Fault, FaultKind } from '@siteswap/sdk/plugin';
import type { Outcome } from './ledger.ts';
import type { LabDevice } from './model.ts';

/** The lab's own codes: what a vendor's error codes are to another plugin. */
export type Code =
  | 'UNKNOWN_DEVICE'
  | 'UNKNOWN_VM'
  | 'UNKNOWN_DATASTORE'
  | 'UNKNOWN_FILE'
  | 'UNKNOWN_OPERATION'
  | 'UNKNOWN_REMOTE'
  | 'NOT_REACHABLE'
  | 'NO_ANSWER'
  | 'OTHER_KIND'
  | 'NO_PEER'
  | 'STRETCHED'
  | 'NOT_STRETCHED'
  | 'UNKNOWN_SITE'
  | 'UNKNOWN_SNAPSHOT'
  | 'FULL_OF_SNAPSHOTS'
  | 'RUNS_ELSEWHERE'
  | 'NOT_RUNNING'
  | 'MIGRATION_RUNS'
  | 'MIGRATION_LOST'
  | 'WHOLE'
  | 'MIGRATED'
  | 'TARGET_DOWN'
  | 'PARTIAL_GROUP'
  | 'WRONG_ROLE'
  | 'LIVE_WRITERS'
  | 'PEER_DOWN'
  | 'PEER_NOT_DEMOTED'
  | 'PEER_PROMOTED'
  | 'NOT_SYNCED'
  | 'NO_WHOLE_COPY'
  | 'NO_DISKS'
  | 'SUSPENDED'
  | 'OPERATION_RUNS'
  | 'OPERATION_CUT'
  | 'WRITTEN_SINCE'
  | 'OLD_LINEAGE'
  | 'OLD_EPOCH'
  | 'TEST_COPY_EXISTS'
  | 'TEST_COPY_IN_USE'
  | 'NO_TEST_COPY'
  | 'STORAGE_DOWN'
  | 'NOT_VISIBLE'
  | 'PASSIVE_DEVICE'
  | 'DATASTORE_IN_USE'
  | 'DATASTORE_NOT_MOUNTED'
  | 'NOT_REGISTERED'
  | 'CUT_OFF'
  | 'POWERED_ON'
  | 'GUEST_IGNORES'
  | 'BAD_PATH'
  | 'FILE_TOO_LARGE'
  | 'BAD_PAGE'
  | 'NOT_DRIVEN'
  | 'ORDERED'
  | 'DRAWN';

export const no = (kind: FaultKind, code: Code, message: string, hint?: string): Fault => ({
  kind,
  owner: 'array',
  code,
  message,
  ...(hint === undefined ? {} : { hint }),
});

/** One object each, for they are remembered by the hundred thousand. */
const plainlyDone: Outcome = { changed: true };
const plainlyAlready: Outcome = { changed: false };

/** Done now. */
export const done = (evidence?: Evidence): Outcome =>
  evidence === undefined ? plainlyDone : { changed: true, evidence };

/** It was so already. */
export const already = (evidence?: Evidence): Outcome =>
  evidence === undefined ? plainlyAlready : { changed: false, evidence };

/** The first fault found on any device, naming every device that has one; a group is one item. */
export const firstFault = <D extends LabDevice>(
  devices: readonly D[],
  check: (device: D) => Fault | undefined,
): Fault | undefined => {
  let first: Fault | undefined;
  const members: string[] = [];
  for (const device of devices) {
    const found = check(device);
    if (found === undefined) continue;
    first ??= found;
    members.push(device.id);
  }
  return first === undefined || devices.length === 1 ? first : { ...first, members };
};

export const answerOf = (id: string, outcome: Outcome): Answer => {
  if ('fault' in outcome) return { id, fault: outcome.fault };
  if ('operation' in outcome) {
    const { operation } = outcome;
    if (operation.state === 'done') return { id, ok: true, evidence: operation.evidence };
    if (operation.fault !== undefined) return { id, fault: operation.fault };
    return { id, accepted: { operation: operation.id } };
  }
  return outcome.evidence === undefined
    ? { id, ok: true }
    : { id, ok: true, evidence: outcome.evidence };
};
