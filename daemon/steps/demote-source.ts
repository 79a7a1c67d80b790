/**
 * Makes the originals refuse writers: after it the copies can be promoted without loss.
 *
 * `before` is journaled ahead of the change, so undo restores the roles that we found.
 */
import {
  findUnlessOver,
  runUnlessOver,
  settleUnlessOver,
  undoUnlessClosed,
} from './handed-over.ts';
import { changeMsMax } from './limits.ts';
import { allOrNothing } from './policies.ts';
import { defineStorageStep } from './step.ts';
import { changeGroups, findRoles, restoreRoles, settleGroups } from './targets.ts';

export const demoteSource = defineStorageStep({
  name: 'demote-source',
  paths: ['cold'],
  side: 'protected',
  remote: 'array',
  timeoutMs: changeMsMax,
  verbs: ['prepareFailover', 'deviceStatus'],
  helpers: ['restoreReplication'],
  undoVerbs: ['restoreReplication'],
  calls: { before: ['deviceStatus'] },

  before: findUnlessOver(findRoles),
  run: runUnlessOver((call) => changeGroups(call, 'prepareFailover')),
  settle: settleUnlessOver((call) => settleGroups(call, 'prepareFailover')),
  undo: undoUnlessClosed(restoreRoles),
  onFault: allOrNothing,
});
