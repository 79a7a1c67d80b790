/**
 * Makes the recovery copies writable: onto the demoted source's last bytes, or, in a disaster, by
 * force onto the last complete recovery point, without any contact with the source.
 *
 * `before` is journaled ahead of the change, so undo restores the roles that we found, even after a
 * crash in mid-promote, when asking again would show the devices as already promoted.
 */
import type { StorageItem } from '../core/frozen.ts';
import { findUnlessOver, runUnlessOver, settleUnlessOver, undoUnlessOver } from './handed-over.ts';
import { changeMsMax } from './limits.ts';
import { allOrNothing } from './policies.ts';
import { defineStorageStep, type StepCall } from './step.ts';
import { changeGroups, findRoles, restoreRoles, settleGroups } from './targets.ts';

const force = (call: StepCall<StorageItem>) => ({ force: call.mode === 'disaster' });

export const promoteTarget = defineStorageStep({
  name: 'promote-target',
  paths: ['cold'],
  side: 'recovery',
  remote: 'array',
  timeoutMs: changeMsMax,
  verbs: ['failover', 'deviceStatus'],
  helpers: ['restoreReplication'],

  before: findUnlessOver(findRoles),
  run: runUnlessOver((call) => changeGroups(call, 'failover', force(call))),
  settle: settleUnlessOver((call) => settleGroups(call, 'failover', force(call))),
  undo: undoUnlessOver(restoreRoles),
  onFault: allOrNothing,
});
