/**
 * Makes the recovery copies writable: onto the demoted source's last bytes, or, in a disaster, by
 * force onto the last complete recovery point, without any contact with the source. Where a
 * failover lost its target in the middle, the side that is left is the old source: by force again,
 * if it had been demoted.
 *
 * `before` is journaled ahead of the change, so undo restores the roles that we found, even after a
 * crash in mid-promote, when asking again would show the devices as already promoted.
 */
import type { Answer, DeviceStatus, ValueAnswer } from '../../sdk/plugin/verbs.ts';
import type { StorageItem } from '../core/frozen.ts';
import { findUnlessOver, runUnlessOver, settleUnlessOver, undoUnlessOver } from './handed-over.ts';
import { changeMsMax } from './limits.ts';
import { allOrNothing } from './policies.ts';
import { sparingItems } from './sparing.ts';
import { defineStorageStep, type StepCall } from './step.ts';
import { changeGroups, findRoles, restoreRoles, settleGroups, statusOfGroups } from './targets.ts';

const force = (call: StepCall<StorageItem>) => ({ force: call.mode === 'disaster' });

/** It was never given up by a failover that lost its target: its writers go on as they are. */
const isSource = (looked: ValueAnswer<readonly DeviceStatus[]>): boolean =>
  'value' in looked &&
  looked.value.length > 0 &&
  looked.value.every(
    ({ direction, access }) => direction === 'outgoing' && access === 'read-write',
  );

const promote = async (call: StepCall<StorageItem>): Promise<readonly Answer[]> => {
  if (call.mode !== 'disaster') return changeGroups(call, 'failover', force(call));
  const looked = await statusOfGroups(call);
  const sources = new Set(looked.filter(isSource).map(({ id }) => id));
  const isSpared = ({ id }: StorageItem): boolean => sources.has(id);
  const spared = (id: string): Answer => ({ id, ok: true, evidence: { stillSource: true } });
  const act = (left: StepCall<StorageItem>) => changeGroups(left, 'failover', force(left));
  return sparingItems(isSpared, spared, act)(call);
};

export const promoteTarget = defineStorageStep({
  name: 'promote-target',
  paths: ['cold'],
  side: 'recovery',
  remote: 'array',
  timeoutMs: changeMsMax,
  verbs: ['failover', 'deviceStatus'],
  helpers: ['restoreReplication'],
  undoVerbs: ['restoreReplication'],
  calls: { before: ['deviceStatus'], run: ['failover', 'deviceStatus'] },

  before: findUnlessOver(findRoles),
  run: runUnlessOver(promote),
  settle: settleUnlessOver((call) => settleGroups(call, 'failover', force(call))),
  undo: undoUnlessOver(restoreRoles),
  onFault: allOrNothing,
});
