/** What several claims expect in the same words. */
import type { FaultKind } from '../plugin/index.ts';
import { claim, show } from './failure.ts';
import type { Ended } from './remote.ts';
import type { Target } from './session.ts';

/** An id that no remote knows. */
export const unknownId = 'conformance-no-such-thing';

/** A target of the same verb's kind that no remote knows. */
export const unknownTarget = (like: Target): Target => {
  const copy: Record<string, unknown> = { ...like, id: unknownId };
  if (Array.isArray(copy.devices)) {
    copy.devices = copy.devices.map((device) =>
      typeof device === 'string' ? unknownId : { ...device, deviceId: unknownId },
    );
  }
  if (Array.isArray(copy.datastoreIds)) copy.datastoreIds = copy.datastoreIds.map(() => unknownId);
  if (typeof copy.datastoreId === 'string') copy.datastoreId = unknownId;
  delete copy.peers;
  return copy as unknown as Target;
};

/** Fails unless the target's answer is a fault of one of `kinds`. */
export const mustFault = (
  what: string,
  ended: Ended | undefined,
  kinds: readonly FaultKind[],
): void => {
  const found = ended?.fault ? `the fault ${show(ended.fault)}` : 'success';
  claim(
    ended?.fault !== undefined && kinds.includes(ended.fault.kind),
    `${what}: expected the fault ${kinds.join(' or ')}, got ${found}`,
  );
};
