/** Makes a writable copy of the replica for a test run; replication goes on beside it. */
import { changeMsMax } from './limits.ts';
import { patient } from './policies.ts';
import { defineStorageStep } from './step.ts';
import { changeGroups, settleGroups } from './targets.ts';

export const testCopy = defineStorageStep({
  name: 'test-copy',
  side: 'recovery',
  remote: 'array',
  timeoutMs: changeMsMax,
  verbs: ['testFailoverStart'],
  helpers: ['testFailoverStop'],
  undoVerbs: ['testFailoverStop'],

  run: (call) => changeGroups(call, 'testFailoverStart'),
  settle: (call) => settleGroups(call, 'testFailoverStart'),
  undo: (call) => changeGroups(call, 'testFailoverStop'),
  onFault: patient(),
});
