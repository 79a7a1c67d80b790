/** Throws the test copies away. */
import { changeMsMax } from './limits.ts';
import { patient } from './policies.ts';
import { defineStorageStep } from './step.ts';
import { changeGroups, settleGroups } from './targets.ts';

export const removeTestCopy = defineStorageStep({
  name: 'remove-test-copy',
  side: 'recovery',
  remote: 'array',
  timeoutMs: changeMsMax,
  verbs: ['testFailoverStop'],

  run: (call) => changeGroups(call, 'testFailoverStop'),
  settle: (call) => settleGroups(call, 'testFailoverStop'),
  undo: 'no-return',
  onFault: patient(),
});
